// Steps recorded as CUDA graphs: launching one costs the host some microseconds, however many
// kernels it holds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include <cuda_runtime_api.h>

#include "kernels/backend.h"

namespace facet::cuda {

class Recordings final : public StepRecordings {
 public:
  /// Everything that the launches of a step depend on.
  using Key = std::vector<uint64_t>;

  Recordings() = default;
  ~Recordings() override { Clear(); }
  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;

  /// Runs a step: the first of a key as it is, which lets operations get the memory that they need,
  /// the second while it is recorded, and later ones from the record.
  void Run(const Key& key, cudaStream_t stream, const std::function<void()>& operations);

 private:
  static cudaGraphExec_t Record(cudaStream_t stream, const std::function<void()>& operations);
  void Clear();

  std::map<Key, cudaGraphExec_t> graphs_;  // null after the first run
};

}  // namespace facet::cuda
