// Inline assembly for barriers, asynchronous copies and warp-level matrix products: one wrapper an
// instruction, named after it.
#pragma once

#include <cstdint>

#include <cuda.h>

namespace facet::cuda {

__device__ __forceinline__ uint32_t SharedAddress(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// mbarriers are named by their shared-memory addresses, or by pointers to them.

/// mbarrier.init: a phase ends after `arrivals` arrivals and all announced bytes.
__device__ __forceinline__ void MbarrierInit(uint32_t barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void MbarrierInit(uint64_t* barrier, uint32_t arrivals) {
  MbarrierInit(SharedAddress(barrier), arrivals);
}

/// fence.mbarrier_init: barriers initialized before are seen by the copy engine and the cluster.
__device__ __forceinline__ void MbarrierInitFence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/// mbarrier.arrive
__device__ __forceinline__ void MbarrierArrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void MbarrierArrive(uint64_t* barrier) {
  MbarrierArrive(SharedAddress(barrier));
}

/// mbarrier.arrive.expect_tx: arrives and announces bytes.
__device__ __forceinline__ void MbarrierExpect(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void MbarrierExpect(uint64_t* barrier, uint32_t bytes) {
  MbarrierExpect(SharedAddress(barrier), bytes);
}

/// mbarrier.try_wait until the phase of this parity is over.
__device__ __forceinline__ void MbarrierWait(uint32_t barrier, uint32_t parity) {
  asm volatile(
      "{ .reg .pred done;\n"
      "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again; }" ::"r"(barrier),
      "r"(parity)
      : "memory");
}
__device__ __forceinline__ void MbarrierWait(uint64_t* barrier, uint32_t parity) {
  MbarrierWait(SharedAddress(barrier), parity);
}

/// bar.sync of one of the 15 named barriers.
__device__ __forceinline__ void NamedBarrierSync(int barrier, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

/// fence.proxy.async: ordinary shared-memory accesses before it are seen by the tensor cores and
/// the copy engine after the next barrier.
__device__ __forceinline__ void FenceProxyAsync() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// cp.async: 16 bytes, both ends aligned, past the L1 cache; zeros if not `wanted` (then nothing is
/// read).
__device__ __forceinline__ void CopyAsync16(uint32_t destination, const void* source, bool wanted) {
  asm volatile("cp.async.cg.shared.global.L2::256B [%0], [%1], 16, %2;" ::"r"(destination),
               "l"(source), "r"(wanted ? 16 : 0)
               : "memory");
}

/// cp.async.mbarrier.arrive.noinc: this thread arrives when all of its CopyAsync16 so far are done.
__device__ __forceinline__ void MbarrierArriveAfterCopies(uint64_t* barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(SharedAddress(barrier))
               : "memory");
}

/// cp.async.bulk.tensor of a four-dimensional box.
__device__ __forceinline__ void TensorCopy4(uint32_t destination, const CUtensorMap* map, int x,
                                            int y, int z, int w, uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, "
      "%3, %4, %5}], [%6];" ::"r"(destination),
      "l"(map), "r"(x), "r"(y), "r"(z), "r"(w), "r"(SharedAddress(barrier))
      : "memory");
}

/// ldmatrix: four 8 x 8 BF16 matrices; lane l gives the address of row l % 8 of matrix l / 8, and
/// gets of each matrix row l / 4, columns 2 (l % 4), + 1.
__device__ __forceinline__ void LoadMatrix4(uint32_t (&out)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address));
}

/// ldmatrix.trans: the same, each matrix transposed.
__device__ __forceinline__ void LoadMatrix4Transposed(uint32_t (&out)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address));
}

/// stmatrix: the inverse of LoadMatrix4.
__device__ __forceinline__ void StoreMatrix4(uint32_t address, uint32_t a, uint32_t b, uint32_t c,
                                             uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address),
               "r"(a), "r"(b), "r"(c), "r"(d)
               : "memory");
}

/// mma.m16n8k16, BF16 in, float32 out. Lane l = 4 g + t: a as in ptx_wgmma.cuh (rows g, g + 8);
/// b0 = (k 2 t, + 1; column g), b1 = (k 2 t + 8, + 9; column g); d[0, 1] = row g, columns 2 t, + 1,
/// d[2, 3] = row g + 8.
__device__ __forceinline__ void Mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0,
                                    uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// ex2.approx: 2^x, relative error about 2^-22.
__device__ __forceinline__ float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// cvt.rn.bf16x2: `low` in the low half.
__device__ __forceinline__ uint32_t PackBf16(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// griddepcontrol.wait: what the previous kernel of the stream wrote is there. Nothing happens in a
/// kernel launched without programmatic serialization.
__device__ __forceinline__ void WaitForPreviousKernel() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

/// griddepcontrol.launch_dependents: the next kernel may start; it waits as above.
__device__ __forceinline__ void LetNextKernelStart() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

}  // namespace facet::cuda
