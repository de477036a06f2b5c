// One channel of sound from one sampling rate to another (soxr, HQ), block by block.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <soxr.h>

#include "base/result.h"

namespace facet {

class Resampler {
 public:
  /// In Hz, both positive.
  struct Rates {
    int from;
    int to;
  };
  /// Equal rates pass samples through unchanged. kResource if soxr cannot be set up.
  static Result<Resampler> Create(Rates rates);

  Result<void> Append(std::span<const float> samples);

  /// Ends the input. The result has exactly ceil(input length * to / from) samples, cut or filled
  /// with zeros by the one sample that the filter's own rounding may differ, as the reference's
  /// loader does.
  Result<std::vector<float>> Finish() &&;

 private:
  struct Delete {
    void operator()(soxr_t soxr) const { soxr_delete(soxr); }
  };
  explicit Resampler(Rates rates) : rates_(rates) {}
  Result<void> Process(const float* input, size_t count);

  Rates rates_;
  std::unique_ptr<std::remove_pointer_t<soxr_t>, Delete> soxr_;  // none for equal rates
  int64_t input_count_ = 0;
  std::vector<float> output_;
};

}  // namespace facet
