// Hopper's warpgroup matrix product, one wrapper an instruction shape. D[64 x N] (+)= A[64 x 16]
// B[16 x N], BF16 in, float32 out; asynchronous: WgmmaFence before, WgmmaCommit and WgmmaWait
// after.
//
// D in registers, warp w of the warpgroup, lane l = 4 g + t: d[4 j + 0, 1] = rows 16 w + g, columns
// 8 j + 2 t, + 1; d[4 j + 2, 3] = rows 16 w + g + 8, same columns.
// A in registers, same warp and lane, BF16 pairs: a[0] = (row g, k 2 t, + 1), a[1] = (row g + 8,
// same), a[2] = (row g, k 2 t + 8, + 9), a[3] = (row g + 8, same): two neighbouring 8-column groups
// of a D are, rounded to BF16, one A.
#pragma once

#include <cstdint>

#include "kernels/cuda/ptx_async.cuh"

#define FACET_OUT4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define FACET_OUT16(d, i) \
  FACET_OUT4(d, i), FACET_OUT4(d, i + 4), FACET_OUT4(d, i + 8), FACET_OUT4(d, i + 12)
#define FACET_OUT32(d, i) FACET_OUT16(d, i), FACET_OUT16(d, i + 16)
#define FACET_OUT40(d, i) FACET_OUT32(d, i), FACET_OUT4(d, i + 32), FACET_OUT4(d, i + 36)
#define FACET_OUT48(d, i) FACET_OUT32(d, i), FACET_OUT16(d, i + 32)
#define FACET_OUT64(d, i) FACET_OUT32(d, i), FACET_OUT32(d, i + 32)
#define FACET_OUT128(d, i) FACET_OUT64(d, i), FACET_OUT64(d, i + 64)

namespace facet::cuda {

/// kTransposeB: 0 where B's k is contiguous in memory, 1 where its columns are. kAccumulate is a
/// run-time flag: 0 writes D, 1 adds to it.
template <int kColumns, int kTransposeB>
struct Wgmma;

template <>
struct Wgmma<32, 0> {
  /// A from shared memory (k contiguous).
  static __device__ __forceinline__ void Shared(float (&d)[16], uint64_t a, uint64_t b,
                                                int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %18, 0; "
        "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
        "}, %16, %17, p, 1, 1, 0, 0; }\n"
        : FACET_OUT16(d, 0)
        : "l"(a), "l"(b), "r"(accumulate));
  }
  /// A from registers.
  static __device__ __forceinline__ void Registers(float (&d)[16], uint32_t a0, uint32_t a1,
                                                   uint32_t a2, uint32_t a3, uint64_t b,
                                                   int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %21, 0; "
        "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
        "}, {%16, %17, %18, %19}, %20, p, 1, 1, 0; }\n"
        : FACET_OUT16(d, 0)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));
  }
};

template <>
struct Wgmma<64, 0> {
  /// A from shared memory (k contiguous).
  static __device__ __forceinline__ void Shared(float (&d)[32], uint64_t a, uint64_t b,
                                                int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %34, 0; "
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
        "}, %32, %33, p, 1, 1, 0, 0; }\n"
        : FACET_OUT32(d, 0)
        : "l"(a), "l"(b), "r"(accumulate));
  }
  /// A from registers.
  static __device__ __forceinline__ void Registers(float (&d)[32], uint32_t a0, uint32_t a1,
                                                   uint32_t a2, uint32_t a3, uint64_t b,
                                                   int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %37, 0; "
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
        "}, {%32, %33, %34, %35}, %36, p, 1, 1, 0; }\n"
        : FACET_OUT32(d, 0)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));
  }
};

template <>
struct Wgmma<80, 0> {
  /// A from shared memory (k contiguous).
  static __device__ __forceinline__ void Shared(float (&d)[40], uint64_t a, uint64_t b,
                                                int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %42, 0; "
        "wgmma.mma_async.sync.aligned.m64n80k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39"
        "}, %40, %41, p, 1, 1, 0, 0; }\n"
        : FACET_OUT40(d, 0)
        : "l"(a), "l"(b), "r"(accumulate));
  }
  /// A from registers.
  static __device__ __forceinline__ void Registers(float (&d)[40], uint32_t a0, uint32_t a1,
                                                   uint32_t a2, uint32_t a3, uint64_t b,
                                                   int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %45, 0; "
        "wgmma.mma_async.sync.aligned.m64n80k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39"
        "}, {%40, %41, %42, %43}, %44, p, 1, 1, 0; }\n"
        : FACET_OUT40(d, 0)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));
  }
};

template <>
struct Wgmma<96, 0> {
  /// A from shared memory (k contiguous).
  static __device__ __forceinline__ void Shared(float (&d)[48], uint64_t a, uint64_t b,
                                                int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %50, 0; "
        "wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
        "}, %48, %49, p, 1, 1, 0, 0; }\n"
        : FACET_OUT48(d, 0)
        : "l"(a), "l"(b), "r"(accumulate));
  }
  /// A from registers.
  static __device__ __forceinline__ void Registers(float (&d)[48], uint32_t a0, uint32_t a1,
                                                   uint32_t a2, uint32_t a3, uint64_t b,
                                                   int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %53, 0; "
        "wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
        "}, {%48, %49, %50, %51}, %52, p, 1, 1, 0; }\n"
        : FACET_OUT48(d, 0)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));
  }
};

template <>
struct Wgmma<128, 1> {
  /// A from shared memory (k contiguous).
  static __device__ __forceinline__ void Shared(float (&d)[64], uint64_t a, uint64_t b,
                                                int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %66, 0; "
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "
        "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
        "}, %64, %65, p, 1, 1, 0, 1; }\n"
        : FACET_OUT64(d, 0)
        : "l"(a), "l"(b), "r"(accumulate));
  }
  /// A from registers.
  static __device__ __forceinline__ void Registers(float (&d)[64], uint32_t a0, uint32_t a1,
                                                   uint32_t a2, uint32_t a3, uint64_t b,
                                                   int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %69, 0; "
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "
        "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
        "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1; }\n"
        : FACET_OUT64(d, 0)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));
  }
};

template <>
struct Wgmma<256, 1> {
  /// A from shared memory (k contiguous).
  static __device__ __forceinline__ void Shared(float (&d)[128], uint64_t a, uint64_t b,
                                                int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %130, 0; "
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "
        "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, "
        "%66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, "
        "%82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, "
        "%98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, "
        "%111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, "
        "%124, %125, %126, %127"
        "}, %128, %129, p, 1, 1, 0, 1; }\n"
        : FACET_OUT128(d, 0)
        : "l"(a), "l"(b), "r"(accumulate));
  }
  /// A from registers.
  static __device__ __forceinline__ void Registers(float (&d)[128], uint32_t a0, uint32_t a1,
                                                   uint32_t a2, uint32_t a3, uint64_t b,
                                                   int accumulate) {
    asm volatile(
        "{ .reg .pred p; setp.ne.b32 p, %133, 0; "
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
        "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
        "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "
        "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, "
        "%66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, "
        "%82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, "
        "%98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, "
        "%111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, "
        "%124, %125, %126, %127"
        "}, {%128, %129, %130, %131}, %132, p, 1, 1, 1; }\n"
        : FACET_OUT128(d, 0)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate));
  }
};

#undef FACET_OUT4
#undef FACET_OUT16
#undef FACET_OUT32
#undef FACET_OUT40
#undef FACET_OUT48
#undef FACET_OUT64
#undef FACET_OUT128

/// wgmma.fence: registers written before are seen by the products that follow.
__device__ __forceinline__ void WgmmaFence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// wgmma.commit_group: the products issued so far become one group.
__device__ __forceinline__ void WgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// wgmma.wait_group: all but the newest kPending groups are done.
template <int kPending>
__device__ __forceinline__ void WgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// A shared-memory operand in 128-byte swizzle: bits 0-13 address / 16, 16-29 leading and 32-45
/// stride byte offset / 16, 62-63 the layout. Stride: from 8 rows to the next 8. Leading: between
/// the 128-byte-wide slabs, where columns are contiguous (kTransposeB = 1); unused otherwise.
__device__ __forceinline__ uint64_t SwizzledOperand(uint32_t address, uint32_t leading_bytes,
                                                    uint32_t stride_bytes) {
  return static_cast<uint64_t>((address & 0x3FFFF) >> 4) |
         static_cast<uint64_t>(leading_bytes >> 4) << 16 |
         static_cast<uint64_t>(stride_bytes >> 4) << 32 | uint64_t{1} << 62;
}

/// setmaxnreg: all warps of a warpgroup give back or take registers.
template <int kRegisters>
__device__ __forceinline__ void DecreaseRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ __forceinline__ void IncreaseRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

}  // namespace facet::cuda
