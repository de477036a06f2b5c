// Clusters and the tensor copy engine in two dimensions: one wrapper an instruction, beside those
// of ptx_async.cuh.
#pragma once

#include <cstdint>

#include <cuda.h>

#include "kernels/cuda/ptx_async.cuh"

namespace facet::cuda::sm90 {

/// The address of `address` in CTA `rank` of the cluster.
__device__ inline uint32_t ClusterAddress(uint32_t address, uint32_t rank) {
  uint32_t mapped;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
  return mapped;
}

__device__ inline uint32_t ClusterRank() {
  uint32_t rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

/// All threads of the cluster; shared memory written before is visible after.
__device__ inline void ClusterSync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::
                   : "memory");
}

/// The two halves of a ClusterSync() that orders no memory accesses.
__device__ inline void ClusterArriveRelaxed() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ inline void ClusterWait() { asm volatile("barrier.cluster.wait.aligned;" ::: "memory"); }

/// Arrives at a barrier of any CTA of the cluster (ClusterAddress).
__device__ inline void MbarrierArriveCluster(uint32_t barrier) {
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(barrier)
               : "memory");
}

/// Waits for the end of the phase of this parity; what any CTA of the cluster wrote before its
/// arrival is seen after.
__device__ inline void MbarrierWaitCluster(uint32_t barrier, uint32_t parity) {
  asm volatile(
      "{\n.reg .pred done;\n"
      "again:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

/// A box of a two-dimensional tensor into shared memory; `column` is the fastest coordinate.
/// Elements outside the tensor arrive as zeros and count as bytes.
__device__ inline void LoadBox(uint32_t target, const CUtensorMap* map, int column, int row,
                               uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4}], [%2];" ::"r"(target),
      "l"(map), "r"(barrier), "r"(column), "r"(row)
      : "memory");
}

__device__ inline void PrefetchMap(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/// Four floats from any CTA's shared memory of the cluster (ClusterAddress).
__device__ inline float4 LoadCluster(uint32_t address) {
  float4 value;
  asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(value.x), "=f"(value.y), "=f"(value.z), "=f"(value.w)
               : "r"(address)
               : "memory");
  return value;
}

}  // namespace facet::cuda::sm90
