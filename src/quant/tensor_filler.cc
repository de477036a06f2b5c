#include "quant/tensor_filler.h"

#include <algorithm>

namespace facet {
namespace {

constexpr int64_t kMega = 1'000'000;

}  // namespace

TensorFiller::TensorFiller(ThreadPool& threads, const RunControl& control)
    : threads_(threads), control_(control) {
  for (std::vector<uint8_t>& buffer : buffers_) buffer.resize(static_cast<size_t>(kPieceBytes));
}

Result<void> TensorFiller::Append(SafetensorsWriter& writer, const std::string& name, int64_t bytes,
                                  const FillFn& fill) {
  std::span<const uint8_t> full;
  for (int64_t first = 0; first < bytes || !full.empty();) {
    FACET_RETURN_IF_ERROR(control_.Check());
    const auto size = static_cast<size_t>(std::min(kPieceBytes, bytes - first));
    const std::span<uint8_t> next = std::span(buffers_[turn_]).first(size);
    FACET_RETURN_IF_ERROR(Step(writer, name, full, first, next, fill));
    done_bytes_ += static_cast<int64_t>(full.size());
    control_.Report("synth", done_bytes_ / kMega, total_bytes_ / kMega, "MB");
    first += static_cast<int64_t>(size);
    full = next;
    turn_ = 1 - turn_;
  }
  return {};
}

Result<void> TensorFiller::Step(SafetensorsWriter& writer, const std::string& name,
                                std::span<const uint8_t> full, int64_t first,
                                std::span<uint8_t> next, const FillFn& fill) {
  const auto size = static_cast<int64_t>(next.size());
  const int64_t parts = (size + kPartBytes - 1) / kPartBytes;
  Result<void> written;
  // Item 0 is the writing: the thread that takes it waits for the disk, the others compute.
  threads_.ParallelFor(parts + 1, 1, [&](int64_t item, int64_t, int) {
    if (item == 0) {
      if (!full.empty()) written = writer.Append(name, std::as_bytes(full));
      return;
    }
    const int64_t begin = (item - 1) * kPartBytes;
    const int64_t count = std::min(kPartBytes, size - begin);
    fill(first + begin, next.subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
  });
  return written;
}

}  // namespace facet
