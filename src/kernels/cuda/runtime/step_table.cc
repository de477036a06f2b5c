#include "kernels/cuda/step_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/cuda/check.h"

namespace facet::cuda {
namespace {

/// Most rows of a sequence that the decode kernel takes: it reads the cache once for all of them.
constexpr int64_t kFewRows = 8;

/// Whether no token of a sequence that begins at `row` sees past its own position.
bool IsCausal(const StepPlan& plan, int64_t row, const StepSequence& sequence) {
  if (plan.visible_end.empty()) return true;
  for (int64_t i = 0; i < sequence.rows; ++i) {
    const int64_t end = plan.visible_end[static_cast<size_t>(row + i)];
    if (end != sequence.first_position + i + 1) return false;
  }
  return true;
}

int64_t BytesOf(int64_t count, size_t size) { return count * static_cast<int64_t>(size); }

}  // namespace

StepTable::~StepTable() {
  for (const Staging& staging : staging_) {
    if (staging.host != nullptr) cudaFreeHost(staging.host);
    if (staging.sent != nullptr) cudaEventDestroy(staging.sent);
  }
}

void StepTable::Begin(const StepPlan& plan, cudaStream_t stream) {
  sequences_.assign(plan.sequences.begin(), plan.sequences.end());
  rings_.assign(plan.rings.begin(), plan.rings.end());
  tokens_ = static_cast<int64_t>(plan.tokens.size());
  has_images_ = !plan.visible_end.empty();
  Layout(plan);
  Reserve(stream);
  Staging& staging = staging_[next_staging_];
  next_staging_ = 1 - next_staging_;
  Check(cudaEventSynchronize(staging.sent));
  Fill(plan, staging.host);
  Check(cudaMemcpyAsync(device_.as<void>(), staging.host, static_cast<size_t>(bytes_),
                        cudaMemcpyHostToDevice, stream));
  Check(cudaEventRecord(staging.sent, stream));
}

std::vector<CacheSequence> StepTable::ManyRows(size_t layer, bool sees_images_whole) const {
  std::vector<CacheSequence> many;
  for (size_t i = 0; i < sequences_.size(); ++i) {
    if (HasFewRows(i)) continue;
    many.push_back(SequenceOf(layer, i));
    if (sees_images_whole && has_images_) many.back().visible_end = visible_end() + first_rows_[i];
  }
  return many;
}

bool StepTable::HasFewRows(size_t index) const {
  return sequences_[index].rows <= kFewRows && is_causal_[index];
}

CacheSequence StepTable::SequenceOf(size_t layer, size_t index) const {
  const CacheRing& ring = rings_[layer * sequences_.size() + index];
  return {.keys = static_cast<const uint16_t*>(ring.keys),
          .values = static_cast<const uint16_t*>(ring.values),
          .capacity = ring.capacity,
          .first_row = first_rows_[index],
          .rows = sequences_[index].rows,
          .first_position = sequences_[index].first_position,
          .visible_end = nullptr};
}

int64_t StepTable::Place(int64_t bytes) {
  const int64_t offset = bytes_;
  bytes_ += (bytes + 15) / 16 * 16;
  return offset;
}

void StepTable::Layout(const StepPlan& plan) {
  depth_ = 0;
  few_row_count_ = 0;
  few_row_limit_ = 1;
  first_rows_.clear();
  is_causal_.clear();
  int64_t row = 0;
  for (const StepSequence& sequence : sequences_) {
    first_rows_.push_back(row);
    is_causal_.push_back(IsCausal(plan, row, sequence));
    row += sequence.rows;
    depth_ = std::max(depth_, sequence.first_position + sequence.rows);
    if (!HasFewRows(first_rows_.size() - 1)) continue;
    ++few_row_count_;
    few_row_limit_ = std::max(few_row_limit_, sequence.rows);
  }
  const auto rings = static_cast<int64_t>(rings_.size());
  const int64_t layers = rings / std::max<int64_t>(1, static_cast<int64_t>(sequences_.size()));
  bytes_ = 0;
  ids_ = Place(BytesOf(tokens_, sizeof(int32_t)));
  positions_ = Place(BytesOf(tokens_, sizeof(int64_t)));
  visible_end_ = has_images_ ? Place(BytesOf(tokens_, sizeof(int64_t))) : kNone;
  for (const size_t kind : {size_t{0}, size_t{1}}) {
    frequencies_[kind] = Place(static_cast<int64_t>(plan.frequencies[kind].size_bytes()));
  }
  slots_ = Place(BytesOf(rings, sizeof(CacheSlot)));
  few_rows_ = Place(BytesOf(layers * few_row_count_, sizeof(CacheSequence)));
}

void StepTable::Fill(const StepPlan& plan, std::byte* host) const {
  const auto copy = [&](int64_t offset, const auto& span) {
    if (!span.empty()) std::memcpy(host + offset, span.data(), span.size_bytes());
  };
  copy(ids_, plan.tokens);
  if (has_images_) copy(visible_end_, plan.visible_end);
  for (const size_t kind : {size_t{0}, size_t{1}}) copy(frequencies_[kind], plan.frequencies[kind]);
  auto* position = reinterpret_cast<int64_t*>(host + positions_);
  for (const StepSequence& sequence : sequences_) {
    for (int64_t i = 0; i < sequence.rows; ++i) *position++ = sequence.first_position + i;
  }
  auto* slot = reinterpret_cast<CacheSlot*>(host + slots_);
  auto* few = reinterpret_cast<CacheSequence*>(host + few_rows_);
  for (size_t ring = 0; ring < rings_.size(); ++ring) {
    const size_t index = ring % sequences_.size();
    *slot++ = {.keys = static_cast<uint16_t*>(rings_[ring].keys),
               .values = static_cast<uint16_t*>(rings_[ring].values),
               .capacity = rings_[ring].capacity,
               .first_row = first_rows_[index],
               .rows = sequences_[index].rows,
               .first_position = sequences_[index].first_position};
    if (HasFewRows(index)) *few++ = SequenceOf(ring / sequences_.size(), index);
  }
}

void StepTable::Reserve(cudaStream_t stream) {
  if (bytes_ <= staging_bytes_) return;
  Check(cudaStreamSynchronize(stream));
  staging_bytes_ = std::max(2 * staging_bytes_, (bytes_ + 65535) / 65536 * 65536);
  void* device = nullptr;
  Check(cudaMalloc(&device, static_cast<size_t>(staging_bytes_)));
  device_ = Buffer(device, staging_bytes_, [](void* memory, int64_t) { cudaFree(memory); });
  for (Staging& staging : staging_) {
    if (staging.sent == nullptr) {
      Check(cudaEventCreateWithFlags(&staging.sent, cudaEventDisableTiming));
    }
    if (staging.host != nullptr) Check(cudaFreeHost(std::exchange(staging.host, nullptr)));
    void* host = nullptr;
    Check(cudaMallocHost(&host, static_cast<size_t>(staging_bytes_)));
    staging.host = static_cast<std::byte*>(host);
  }
}

}  // namespace facet::cuda
