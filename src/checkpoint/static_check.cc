// The order of the checks, and the first of them: are all tensors there, with the right shapes?
#include "checkpoint/static_check.h"

#include <map>
#include <set>

#include "checkpoint/linear_parts.h"
#include "checkpoint/tensor_specs.h"

namespace facet {
namespace {

constexpr int kMaxUnexpected = 20;  // listed one by one; more are counted

/// What CheckTensor() refused, as a code.
std::string_view CodeOf(const TensorInfo& tensor, DType dtype, const Shape& shape) {
  if (tensor.dtype != dtype) return "wrong_dtype";
  return tensor.shape != shape ? "wrong_shape" : "misaligned";
}

void CheckKept(const Checkpoint& checkpoint, const TensorSpec& spec, Findings& findings) {
  const TensorInfo* tensor = checkpoint.Find(spec.name);
  if (tensor == nullptr) {
    findings.Add(Severity::kError, "missing_tensor", spec.name, "expected BF16 {}",
                 spec.shape.ToString());
    return;
  }
  if (const auto checked = CheckTensor(*tensor, DType::kBF16, spec.shape); !checked) {
    findings.Add(Severity::kError, CodeOf(*tensor, DType::kBF16, spec.shape), spec.name, "{}",
                 checked.error().message);
  }
}

/// Which part of a linear does not fit, as a code.
std::string_view CodeOf(const LinearParts& parts, const Shape& shape) {
  if (parts.smoothing != nullptr) return "smoothed_weight";
  if (!parts.quantized()) return CodeOf(*parts.weight, DType::kBF16, shape);
  if (parts.block_scales == nullptr || parts.global_scale == nullptr) return "missing_scale";
  if (parts.block_scales->dtype != DType::kF8E4M3) return "wrong_dtype";
  return shape[1] % kNvfp4Block != 0 ? "not_in_blocks" : "wrong_shape";
}

/// Returns the linear's format; nothing if its weight is not there.
std::optional<WeightFormat> CheckLinear(const Checkpoint& checkpoint, const TensorSpec& spec,
                                        Findings& findings) {
  const Result<LinearParts> parts = FindLinear(checkpoint, spec.module);
  if (!parts) {
    findings.Add(Severity::kError, "missing_tensor", spec.name, "{}", parts.error().message);
    return std::nullopt;
  }
  if (const auto checked = CheckParts(*parts, spec.module, spec.shape); !checked) {
    findings.Add(Severity::kError, CodeOf(*parts, spec.shape), spec.module, "{}",
                 checked.error().message);
  }
  return parts->format;
}

void CheckHead(const Checkpoint& checkpoint, Findings& findings) {
  const TensorInfo* head = checkpoint.Find("lm_head.weight");
  if (head == nullptr) return;
  const TensorInfo* embedding = checkpoint.Find("model.language_model.embed_tokens.weight");
  const bool same = embedding != nullptr && head->dtype == embedding->dtype &&
                    std::ranges::equal(head->bytes, embedding->bytes);
  checkpoint.Release(*head);
  if (embedding != nullptr) checkpoint.Release(*embedding);
  if (same) {
    findings.Add(Severity::kInfo, "lm_head_present", head->name,
                 "a copy of the embedding; the output layer is tied, so it is not used");
  } else {
    findings.Add(Severity::kWarning, "lm_head_differs", head->name,
                 "{} differs from the embedding; the output layer is tied, so it is not used",
                 NameOf(head->dtype));
  }
}

/// Names that belong to the model in the format that each linear has.
std::set<std::string> KnownNames(const std::vector<TensorSpec>& specs) {
  constexpr std::string_view kParts[] = {
      ".weight_packed", ".weight_scale",       ".weight_scale_2", ".weight_global_scale",
      ".input_scale",   ".input_global_scale", ".pre_quant_scale"};
  std::set<std::string> names;
  for (const TensorSpec& spec : specs) {
    names.insert(spec.name);
    if (spec.kind != TensorKind::kLinear) continue;
    for (const std::string_view part : kParts) names.insert(fmt::format("{}{}", spec.module, part));
  }
  return names;
}

void CheckUnexpected(const Checkpoint& checkpoint, const std::vector<TensorSpec>& specs,
                     Findings& findings) {
  const std::set<std::string> known = KnownNames(specs);
  int64_t count = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    if (known.contains(tensor.name) || tensor.name.starts_with("lm_head.")) continue;
    if (++count > kMaxUnexpected) continue;
    findings.Add(Severity::kWarning, "unexpected_tensor", tensor.name,
                 "{} {}: the model has no such tensor, it is not used", NameOf(tensor.dtype),
                 tensor.shape.ToString());
  }
  if (count > kMaxUnexpected) {
    findings.Add(Severity::kWarning, "unexpected_tensor", checkpoint.folder().string(),
                 "{} more tensors that the model does not have", count - kMaxUnexpected);
  }
}

/// "6 q_proj + 6 k_proj + …"
std::string CountsByProjection(const std::map<std::string, int64_t>& counts) {
  std::string text;
  for (const char* name :
       {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}) {
    const auto found = counts.find(name);
    if (found == counts.end()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : " + ", found->second, name);
  }
  return text;
}

void ReportFormats(const std::map<WeightFormat, int64_t>& formats,
                   const std::map<std::string, int64_t>& projections, StaticReport& report) {
  Findings& findings = report.findings;
  if (formats.contains(WeightFormat::kNvfp4Modelopt) &&
      formats.contains(WeightFormat::kNvfp4CompressedTensors)) {
    findings.Add(Severity::kError, "mixed_layouts", "weights",
                 "some linears are in modelopt's layout, some in compressed-tensors'");
  }
  if (report.quantized_linears == 0) return;
  findings.Add(Severity::kInfo, "quantized_count", "weights", "{} of {} linears are NVFP4: {}",
               report.quantized_linears, report.linears, CountsByProjection(projections));
}

}  // namespace

void CheckTensorList(const Checkpoint& checkpoint, StaticReport& report) {
  const std::vector<TensorSpec> specs = TensorSpecs(checkpoint.config());
  std::map<WeightFormat, int64_t> formats;
  std::map<std::string, int64_t> projections;
  for (const TensorSpec& spec : specs) {
    report.parameters += spec.shape.elements();
    if (spec.kind != TensorKind::kLinear) {
      CheckKept(checkpoint, spec, report.findings);
      continue;
    }
    ++report.linears;
    const auto format = CheckLinear(checkpoint, spec, report.findings);
    if (!format) continue;
    ++formats[*format];
    if (*format == WeightFormat::kBf16) continue;
    ++report.quantized_linears;
    ++projections[spec.module.substr(spec.module.rfind('.') + 1)];
  }
  CheckUnexpected(checkpoint, specs, report.findings);
  CheckHead(checkpoint, report.findings);
  ReportFormats(formats, projections, report);
}

StaticReport CheckCheckpoint(const Checkpoint& checkpoint, const ProgressFn& progress) {
  StaticReport report;
  report.tensors = static_cast<int64_t>(checkpoint.tensors().size());
  CheckFolder(checkpoint, report.findings);
  CheckConfigValues(checkpoint, report.findings);
  CheckTensorList(checkpoint, report);
  CheckQuantizationFiles(checkpoint, report.findings);
  CheckContents(checkpoint, progress, report.findings);
  return report;
}

}  // namespace facet
