#include "checkpoint/processor_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "checkpoint/json_reader.h"

namespace facet {
namespace {

using nlohmann::json;

constexpr std::array<int64_t, 5> kImageBudgets = {70, 140, 280, 560, 1120};
constexpr int64_t kBicubic = 3;  // the image library's number of the filter

Result<void> Assign(const JsonObject& object, std::string_view key, Bounds<int64_t> bounds,
                    int64_t& value) {
  FACET_TRY(const std::optional<int64_t> found, object.OptionalInt(key, bounds));
  value = found.value_or(value);
  return {};
}

/// Steps that would change pixels and that facet does not have: refused rather than left out.
Result<void> CheckPixelSteps(const JsonObject& image) {
  FACET_TRY(const bool rescale, image.BoolOr("do_rescale", true));
  FACET_TRY(const double factor, image.NumberOr("rescale_factor", {0, 1e6}, 1.0 / 255));
  if (!rescale || std::abs(factor * 255 - 1) > 1e-6) {
    return Fail(ErrorCode::kUnsupported, "{} and rescale_factor must scale pixels by 1/255",
                image.PathOf("do_rescale"));
  }
  FACET_TRY(const bool normalize, image.BoolOr("do_normalize", false));
  if (normalize) {
    return Fail(ErrorCode::kUnsupported, "{} is true, which facet does not support",
                image.PathOf("do_normalize"));
  }
  FACET_TRY(const std::optional<int64_t> filter, image.OptionalInt("resample", {0, 100}));
  if (filter.value_or(kBicubic) != kBicubic) {
    return Fail(ErrorCode::kUnsupported, "{} is {}, facet resizes bicubically ({})",
                image.PathOf("resample"), *filter, kBicubic);
  }
  return {};
}

Result<void> ParseImage(const JsonObject& image, ProcessorConfig& config) {
  FACET_RETURN_IF_ERROR(CheckPixelSteps(image));
  FACET_RETURN_IF_ERROR(Assign(image, "patch_size", {1, 256}, config.image_patch_size));
  FACET_RETURN_IF_ERROR(Assign(image, "pooling_kernel_size", {1, 16}, config.image_pooling));
  FACET_RETURN_IF_ERROR(
      Assign(image, "max_soft_tokens", {1, 1 << 20}, config.image_max_soft_tokens));
  if (std::ranges::find(kImageBudgets, config.image_max_soft_tokens) == kImageBudgets.end()) {
    return Fail(ErrorCode::kInvalidData, "{} is {}, expected one of {}",
                image.PathOf("max_soft_tokens"), config.image_max_soft_tokens,
                fmt::join(kImageBudgets, ", "));
  }
  return {};
}

Result<void> ParseSound(const JsonObject& sound, ProcessorConfig& config) {
  FACET_RETURN_IF_ERROR(
      Assign(sound, "sampling_rate", {1000, 1'000'000}, config.audio_sampling_rate));
  FACET_RETURN_IF_ERROR(
      Assign(sound, "feature_size", {1, 1 << 16}, config.audio_samples_per_token));
  FACET_RETURN_IF_ERROR(
      Assign(sound, "audio_samples_per_token", {1, 1 << 16}, config.audio_samples_per_token));
  return {};
}

}  // namespace

Result<ProcessorConfig> ProcessorConfig::Parse(std::string_view text) {
  FACET_TRY(const json parsed, ParseJsonObject(text));
  const JsonObject root(parsed, "");
  ProcessorConfig config;
  // preprocessor_config.json has the image keys at the top, processor_config.json in an object.
  FACET_TRY(const std::optional<JsonObject> image, root.OptionalObject("image_processor"));
  FACET_RETURN_IF_ERROR(ParseImage(image.value_or(root), config));
  FACET_TRY(const std::optional<JsonObject> sound, root.OptionalObject("feature_extractor"));
  if (sound) FACET_RETURN_IF_ERROR(ParseSound(*sound, config));
  FACET_RETURN_IF_ERROR(Assign(root, "audio_seq_length", {1, 1 << 20}, config.audio_max_tokens));
  return config;
}

}  // namespace facet
