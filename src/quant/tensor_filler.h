// Writing tensors whose bytes are computed: all threads make a piece while the piece before goes to
// the file, so that the disk never waits for the numbers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/run_control.h"
#include "base/thread_pool.h"
#include "checkpoint/safetensors.h"

namespace facet {

/// Makes the bytes [first, first + out.size()) of a tensor; `first` and, but at the tensor's end,
/// the size are multiples of TensorFiller::kPartBytes. Called from several threads.
using FillFn = std::function<void(int64_t first, std::span<uint8_t> out)>;

class TensorFiller {
 public:
  static constexpr int64_t kPartBytes = int64_t{64} << 10;  ///< made by one call
  static constexpr int64_t kPieceBytes = int64_t{4} << 20;  ///< written at once; two are held

  TensorFiller(ThreadPool& threads, const RunControl& control);

  /// Progress is reported as "synth", in MB of this many bytes.
  void ExpectBytes(int64_t total_bytes) { total_bytes_ = total_bytes; }

  /// Appends all bytes of tensor `name`. kCancelled between pieces once the caller wants to stop.
  Result<void> Append(SafetensorsWriter& writer, const std::string& name, int64_t bytes,
                      const FillFn& fill);

 private:
  /// Writes `full` and makes `next` at the same time.
  Result<void> Step(SafetensorsWriter& writer, const std::string& name,
                    std::span<const uint8_t> full, int64_t first, std::span<uint8_t> next,
                    const FillFn& fill);

  ThreadPool& threads_;
  const RunControl& control_;
  int64_t total_bytes_ = 0;
  int64_t done_bytes_ = 0;
  std::array<std::vector<uint8_t>, 2> buffers_;
  size_t turn_ = 0;  // the buffer that is made next
};

}  // namespace facet
