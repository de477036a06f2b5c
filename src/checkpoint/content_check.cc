// The checks that read tensors: scales, codes, numbers that are not finite, tensors of zeros.
#include <cstring>
#include <map>

#include "checkpoint/linear_parts.h"
#include "checkpoint/static_check.h"
#include "checkpoint/tensor_specs.h"

namespace facet {
namespace {

struct AmaxRange {
  float low;
  float high;
};

// Largest magnitudes that trained weights and activations of the model plausibly have; a scale
// outside says that it is stored in another convention.
constexpr AmaxRange kWeightAmax{1e-6f, 1e4f};
constexpr AmaxRange kInputAmax{1e-6f, 1e7f};

struct Bf16Facts {
  int64_t not_finite = 0;
  bool all_zero = true;
};

Bf16Facts ScanBf16(const TensorInfo& tensor) {
  Bf16Facts facts;
  const size_t count = tensor.bytes.size() / 2;
  uint16_t any = 0;
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + 2 * i, sizeof(bits));
    any = static_cast<uint16_t>(any | (bits & 0x7FFFu));
    facts.not_finite += (bits & 0x7F80u) == 0x7F80u;
  }
  facts.all_zero = any == 0;
  return facts;
}

void CheckBf16(const TensorInfo& tensor, Findings& findings) {
  const Bf16Facts facts = ScanBf16(tensor);
  if (facts.not_finite > 0) {
    findings.Add(Severity::kError, "not_finite", tensor.name, "{} values are NaN or infinite",
                 facts.not_finite);
  }
  // Vectors of zeros are ordinary (biases); a matrix of zeros is a layer that was never trained.
  if (facts.all_zero && tensor.shape.rank() >= 2) {
    findings.Add(Severity::kWarning, "all_zero", tensor.name, "every value is zero");
  }
}

struct CodeFacts {
  bool all_zero = true;
  int64_t lost_blocks = 0;  // scale 0 over codes that are not
};

CodeFacts ScanCodes(const LinearParts& parts) {
  CodeFacts facts;
  const auto* codes = parts.codes->bytes.data();
  const auto scales = parts.block_scales->bytes;
  for (size_t block = 0; block < scales.size(); ++block) {
    uint64_t packed = 0;  // the 16 codes of a block
    std::memcpy(&packed, codes + block * sizeof(packed), sizeof(packed));
    const bool zero_codes = (packed & 0x7777'7777'7777'7777u) == 0;
    const bool zero_scale = scales[block] == std::byte{0};
    facts.all_zero = facts.all_zero && (zero_codes || zero_scale);
    facts.lost_blocks += zero_scale && !zero_codes;
  }
  return facts;
}

void CheckCodes(const LinearParts& parts, std::string_view module, Findings& findings) {
  const BlockScaleFaults faults = ScanBlockScales(parts.block_scales->bytes);
  const int64_t cols = parts.block_scales->shape[1];
  const auto report = [&](std::string_view code, int64_t count, std::string_view what) {
    if (count == 0) return;
    findings.Add(Severity::kError, code, parts.block_scales->name,
                 "{} block scales are {}; the first bad one is [{},{}]", count, what,
                 faults.first / cols, faults.first % cols);
  };
  report("nan_block_scale", faults.nan, "not a number");
  report("negative_block_scale", faults.negative, "negative");
  const CodeFacts facts = ScanCodes(parts);
  if (facts.all_zero) {
    findings.Add(Severity::kWarning, "all_zero", module, "every value is zero");
  } else if (facts.lost_blocks > 0) {
    findings.Add(Severity::kWarning, "zero_block_scale", parts.block_scales->name,
                 "{} blocks have codes but scale 0: their weights are lost", facts.lost_blocks);
  }
}

/// The scale as a multiplier, reported if it cannot be one or is implausible.
std::optional<float> CheckScale(const TensorInfo& tensor, ScaleMeaning meaning,
                                AmaxRange plausible_amax, Findings& findings) {
  const Result<float> scale = ReadScale(tensor, meaning);
  if (!scale) {
    findings.Add(Severity::kError, "bad_scale", tensor.name, "{}", scale.error().message);
    return std::nullopt;
  }
  const float amax = *scale * kNvfp4Range;
  if (!(amax >= plausible_amax.low && amax <= plausible_amax.high)) {
    findings.Add(Severity::kWarning, "implausible_scale", tensor.name,
                 "{:g} states a largest magnitude of {:g}", *scale, amax);
  }
  return *scale;
}

/// Scales of the linears that share an input, by module.
using GroupScales = std::map<std::string, std::map<std::string, float>>;

void ReportGroups(const GroupScales& groups, std::string_view code, std::string_view what,
                  Findings& findings) {
  for (const auto& [group, scales] : groups) {
    std::string text;
    bool differ = false;
    for (const auto& [module, scale] : scales) {
      differ = differ || scale != scales.begin()->second;
      text += fmt::format("{}{} {:g}", text.empty() ? "" : ", ",
                          module.substr(module.rfind('.') + 1), scale);
    }
    if (!differ) continue;
    findings.Add(Severity::kInfo, code, group, "{} differ: {}", what, text);
  }
}

class ContentCheck {
 public:
  ContentCheck(const Checkpoint& checkpoint, Findings& findings)
      : checkpoint_(checkpoint), findings_(findings) {}

  void Check(const TensorSpec& spec) {
    if (spec.kind == TensorKind::kLinear) {
      CheckLinear(spec);
      return;
    }
    const TensorInfo* tensor = checkpoint_.Find(spec.name);
    if (tensor == nullptr || tensor->dtype != DType::kBF16) return;  // said by the list check
    CheckBf16(*tensor, findings_);
    checkpoint_.Release(*tensor);
  }

  void Finish() {
    ReportGroups(weight_scales_, "group_weight_scales_differ", "global weight scales", findings_);
    ReportGroups(input_scales_, "group_input_scales_differ", "input scales", findings_);
    if (quantized_ == 0 || without_input_ == 0) return;
    const bool none = without_input_ == quantized_;
    findings_.Add(none ? Severity::kInfo : Severity::kWarning, "no_input_scale", "weights",
                  "{} of {} quantized linears have no input scale: activations stay BF16 (W4A16)",
                  without_input_, quantized_);
  }

 private:
  void CheckLinear(const TensorSpec& spec) {
    const Result<LinearParts> parts = FindLinear(checkpoint_, spec.module);
    if (!parts || !CheckParts(*parts, spec.module, spec.shape)) return;  // said by the list check
    if (!parts->quantized()) {
      CheckBf16(*parts->weight, findings_);
      checkpoint_.Release(*parts->weight);
      return;
    }
    ++quantized_;
    CheckCodes(*parts, spec.module, findings_);
    checkpoint_.Release(*parts->codes);
    checkpoint_.Release(*parts->block_scales);
    const auto global = CheckScale(*parts->global_scale, parts->meaning, kWeightAmax, findings_);
    if (global) weight_scales_[spec.group][spec.module] = *global;
    if (parts->input_scale == nullptr) {
      ++without_input_;
      return;
    }
    const auto input = CheckScale(*parts->input_scale, parts->meaning, kInputAmax, findings_);
    if (input) input_scales_[spec.group][spec.module] = *input;
  }

  const Checkpoint& checkpoint_;
  Findings& findings_;
  GroupScales weight_scales_;
  GroupScales input_scales_;
  int64_t quantized_ = 0;
  int64_t without_input_ = 0;
};

}  // namespace

void CheckContents(const Checkpoint& checkpoint, const ProgressFn& progress, Findings& findings) {
  const std::vector<TensorSpec> specs = TensorSpecs(checkpoint.config());
  const auto total = static_cast<int64_t>(specs.size());
  ContentCheck check(checkpoint, findings);
  for (int64_t i = 0; i < total; ++i) {
    check.Check(specs[static_cast<size_t>(i)]);
    if (progress) progress("reading tensors", i + 1, total, "tensors");
  }
  check.Finish();
}

}  // namespace facet
