#include "media/resampler.h"

#include "base/check.h"

namespace facet {

Result<Resampler> Resampler::Create(Rates rates) {
  FACET_CHECK(rates.from > 0 && rates.to > 0);
  Resampler resampler(rates);
  if (rates.from == rates.to) return resampler;
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  const soxr_io_spec_t samples = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
  soxr_error_t error = nullptr;
  resampler.soxr_.reset(
      soxr_create(rates.from, rates.to, 1, &error, &samples, &quality, &one_thread));
  if (error != nullptr) return Fail(ErrorCode::kResource, "cannot resample: {}", error);
  return resampler;
}

Result<void> Resampler::Append(std::span<const float> samples) {
  if (samples.empty()) return {};
  input_count_ += std::ssize(samples);
  if (soxr_ != nullptr) return Process(samples.data(), samples.size());
  output_.insert(output_.end(), samples.begin(), samples.end());
  return {};
}

// Feeds `count` samples, or the end of the input if `input` is null, and takes all that comes out.
Result<void> Resampler::Process(const float* input, size_t count) {
  std::vector<float> block(4096);
  while (true) {
    size_t taken = 0;
    size_t made = 0;
    const soxr_error_t error = soxr_process(soxr_.get(), input, count, input ? &taken : nullptr,
                                            block.data(), block.size(), &made);
    if (error != nullptr) return Fail(ErrorCode::kResource, "cannot resample: {}", error);
    output_.insert(output_.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(made));
    if (input != nullptr) input += taken;
    count -= taken;
    if (count == 0 && made < block.size()) return {};
  }
}

Result<std::vector<float>> Resampler::Finish() && {
  if (soxr_ != nullptr) FACET_RETURN_IF_ERROR(Process(nullptr, 0));
  const int64_t length = (input_count_ * rates_.to + rates_.from - 1) / rates_.from;
  output_.resize(static_cast<size_t>(length), 0.0f);
  return std::move(output_);
}

}  // namespace facet
