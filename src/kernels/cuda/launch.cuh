// Launches with attributes: clusters, early starts, large shared memory.
#pragma once

#include <cstddef>

#include <cuda_runtime.h>

namespace facet::cuda {

struct LaunchShape {
  dim3 grid;  ///< in CTAs
  int threads = 0;
  int shared_bytes = 0;  ///< dynamic shared memory
  int cluster = 1;       ///< CTAs of a cluster, along x
  /// With programmatic stream serialization: the kernel may start while the one before it runs.
  bool programmatic = false;
};

/// A launch as the runtime wants it. It points into itself, so it stays where it is.
class LaunchConfig {
 public:
  LaunchConfig(const LaunchShape& shape, cudaStream_t stream) {
    attributes_[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes_[0].val.programmaticStreamSerializationAllowed = shape.programmatic ? 1 : 0;
    attributes_[1].id = cudaLaunchAttributeClusterDimension;
    attributes_[1].val.clusterDim = {static_cast<unsigned>(shape.cluster), 1, 1};
    config_.gridDim = shape.grid;
    config_.blockDim = dim3(static_cast<unsigned>(shape.threads));
    config_.dynamicSmemBytes = static_cast<size_t>(shape.shared_bytes);
    config_.stream = stream;
    config_.attrs = attributes_;
    config_.numAttrs = shape.cluster > 1 ? 2 : 1;
  }
  LaunchConfig(const LaunchConfig&) = delete;
  LaunchConfig& operator=(const LaunchConfig&) = delete;

  const cudaLaunchConfig_t* get() const { return &config_; }

 private:
  cudaLaunchAttribute attributes_[2] = {};
  cudaLaunchConfig_t config_ = {};
};

/// Lets a kernel have this much dynamic shared memory.
template <typename Kernel>
cudaError_t AllowShared(Kernel* kernel, int shared_bytes) {
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
}

/// Launches kernel(args).
template <typename Kernel, typename Args>
cudaError_t LaunchKernel(Kernel* kernel, const LaunchShape& shape, cudaStream_t stream,
                         const Args& args) {
  if (shape.shared_bytes > 0) {
    const cudaError_t error = AllowShared(kernel, shape.shared_bytes);
    if (error != cudaSuccess) return error;
  }
  const LaunchConfig config(shape, stream);
  return cudaLaunchKernelEx(config.get(), kernel, args);
}

/// Of the current device.
inline cudaError_t MultiprocessorCount(int* count) {
  int device = 0;
  const cudaError_t error = cudaGetDevice(&device);
  if (error != cudaSuccess) return error;
  return cudaDeviceGetAttribute(count, cudaDevAttrMultiProcessorCount, device);
}

}  // namespace facet::cuda
