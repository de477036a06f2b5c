// What the stand-alone tests on a card share: errors that end the program, device memory, and the
// count of checks.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cuda_runtime.h>

namespace facet::cuda {

inline int passed = 0;
inline int failed = 0;

/// Prints "N passed, N failed"; the exit code that belongs to it.
inline int CloseTests() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

inline void Check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::printf("CUDA: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(3);
}
#define CHECK_CUDA(call) ::facet::cuda::Check(call, #call)

/// Device memory. New, it is poisoned: 0xFF bytes are NaN as float and as BF16.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(int64_t size) : size_(size) {
    CHECK_CUDA(cudaMalloc(&data_, bytes() > 0 ? bytes() : 1));
    Fill(0xFF);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  void Fill(int byte) { CHECK_CUDA(cudaMemset(data_, byte, bytes())); }
  void Set(const std::vector<T>& from) {
    CHECK_CUDA(cudaMemcpy(data_, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  std::vector<T> ToHost() const {
    std::vector<T> host(static_cast<size_t>(size_));
    CHECK_CUDA(cudaMemcpy(host.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return host;
  }

 private:
  size_t bytes() const { return static_cast<size_t>(size_) * sizeof(T); }

  T* data_ = nullptr;
  int64_t size_;
};

}  // namespace facet::cuda
