// From mapped files to a card: through pinned memory, which the copy engine reads at full speed
// while threads fill the next piece of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

#include "base/thread_pool.h"

namespace facet::cuda {

class Staging {
 public:
  /// For copies on `stream`, filled by `threads`. Throws as Check() does.
  Staging(cudaStream_t stream, int threads);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// Copies `bytes` from the host's memory to the device's, in the order of the stream. The host's
  /// memory has been read when the call returns; the copy may still be on its way.
  void Copy(const void* host, int64_t bytes, void* device);

 private:
  struct Piece {
    std::byte* memory = nullptr;
    cudaEvent_t copied = nullptr;
  };
  void Fill(std::byte* piece, const std::byte* host, int64_t bytes);

  cudaStream_t stream_;
  ThreadPool pool_;
  std::array<Piece, 3> pieces_;  // one is filled, one is copied, one is between
  size_t next_ = 0;
};

}  // namespace facet::cuda
