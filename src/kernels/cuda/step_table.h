// What kernels need to know of a step, in device memory: one upload a step, from pinned memory.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <cuda_runtime_api.h>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/head_norm_rope.h"
#include "kernels/step.h"
#include "tensor/buffer.h"

namespace facet::cuda {

/// The step begun last. Device addresses are the same for all steps of the same numbers of rows
/// while base() stays, so that recorded launches may hold them.
class StepTable {
 public:
  void Begin(const StepPlan& plan, cudaStream_t stream);
  ~StepTable();
  StepTable() = default;
  StepTable(const StepTable&) = delete;
  StepTable& operator=(const StepTable&) = delete;

  int64_t tokens() const { return tokens_; }
  const std::vector<StepSequence>& sequences() const { return sequences_; }
  /// One past the last position of any sequence.
  int64_t depth() const { return depth_; }
  const void* base() const { return device_.as<void>(); }
  /// Whether kernels find all that they need of the step in device memory. Where a sequence has
  /// many rows, a launch carries its positions and rings with it.
  bool IsReplayable() const { return few_row_count_ == static_cast<int64_t>(sequences_.size()); }

  // Device memory.
  const int32_t* ids() const { return At<int32_t>(ids_); }
  const int64_t* positions() const { return At<int64_t>(positions_); }  ///< [tokens]
  /// [tokens], or null where every token sees its own position last.
  const int64_t* visible_end() const {
    return visible_end_ == kNone ? nullptr : At<int64_t>(visible_end_);
  }
  const double* frequencies(size_t kind) const { return At<double>(frequencies_[kind]); }
  /// [sequences], in the order of their rows.
  const CacheSlot* slots(size_t layer) const {
    return At<CacheSlot>(slots_) + layer * sequences_.size();
  }
  /// The sequences of few rows, for the decode kernel.
  const CacheSequence* few_rows(size_t layer) const {
    return At<CacheSequence>(few_rows_) + layer * static_cast<size_t>(few_row_count_);
  }
  int64_t few_row_count() const { return few_row_count_; }
  int64_t few_row_limit() const { return few_row_limit_; }  ///< none of them has more rows

  /// Host memory: the sequences of many rows, for the prefill kernel.
  std::vector<CacheSequence> ManyRows(size_t layer, bool sees_images_whole) const;

 private:
  static constexpr int64_t kNone = -1;

  template <typename T>
  const T* At(int64_t offset) const {
    return reinterpret_cast<const T*>(device_.as<std::byte>() + offset);
  }
  bool HasFewRows(size_t index) const;
  CacheSequence SequenceOf(size_t layer, size_t index) const;
  void Layout(const StepPlan& plan);
  void Fill(const StepPlan& plan, std::byte* host) const;
  void Reserve(cudaStream_t stream);
  int64_t Place(int64_t bytes);

  std::vector<StepSequence> sequences_;
  std::vector<int64_t> first_rows_;
  std::vector<bool> is_causal_;
  std::vector<CacheRing> rings_;
  int64_t tokens_ = 0;
  int64_t depth_ = 0;
  int64_t few_row_count_ = 0;
  int64_t few_row_limit_ = 1;
  bool has_images_ = false;

  int64_t bytes_ = 0;
  int64_t ids_ = 0;
  int64_t positions_ = 0;
  int64_t visible_end_ = kNone;
  std::array<int64_t, 2> frequencies_ = {};
  int64_t slots_ = 0;
  int64_t few_rows_ = 0;

  Buffer device_;
  // Two pinned copies: one may still be on its way while the other is filled.
  struct Staging {
    std::byte* host = nullptr;
    cudaEvent_t sent = nullptr;
  };
  std::array<Staging, 2> staging_;
  size_t next_staging_ = 0;
  int64_t staging_bytes_ = 0;
};

}  // namespace facet::cuda
