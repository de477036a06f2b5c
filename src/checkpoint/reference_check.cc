#include "checkpoint/reference_check.h"

#include <cmath>
#include <limits>

#include "checkpoint/linear_parts.h"
#include "checkpoint/tensor_specs.h"
#include "tensor/bf16.h"

namespace facet {
namespace {

/// The same numbers in the same places, or the comparison means nothing.
Result<void> CheckSameModel(const std::vector<TensorSpec>& ours,
                            const std::vector<TensorSpec>& theirs) {
  for (size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
    if (i >= ours.size() || i >= theirs.size() || ours[i].name != theirs[i].name) {
      return Fail(ErrorCode::kUnsupported, "the reference is another model: {} tensors, not {}",
                  theirs.size(), ours.size());
    }
    if (ours[i].shape != theirs[i].shape) {
      return Fail(ErrorCode::kUnsupported, "the reference is another model: {} is {}, not {}",
                  ours[i].name, theirs[i].shape.ToString(), ours[i].shape.ToString());
    }
  }
  return {};
}

void Finish(TensorError& error, int64_t elements) {
  error.relative_rms =
      error.squared_error == 0 ? 0 : std::sqrt(error.squared_error / error.squared_weight);
  error.reference_rms =
      elements == 0 ? 0 : std::sqrt(error.squared_weight / static_cast<double>(elements));
}

TensorError ErrorOf(std::string name, const Nvfp4Matrix& matrix, const Bf16Matrix& reference) {
  TensorError error;
  error.name = std::move(name);
  std::vector<float> row(static_cast<size_t>(matrix.cols));
  for (int64_t r = 0; r < matrix.rows; ++r) {
    DequantizeRow(matrix, r, row);
    const uint16_t* expected = reference.data + r * matrix.cols;
    for (int64_t c = 0; c < matrix.cols; ++c) {
      const double weight = FloatFromBf16(expected[c]);
      const double difference = static_cast<double>(row[static_cast<size_t>(c)]) - weight;
      error.squared_error += difference * difference;
      error.squared_weight += weight * weight;
      error.max_abs = std::max(error.max_abs, std::abs(difference));
    }
  }
  Finish(error, matrix.rows * matrix.cols);
  return error;
}

class Comparison {
 public:
  Comparison(const Checkpoint& checkpoint, const Checkpoint& reference)
      : checkpoint_(checkpoint), reference_(reference) {}

  void Compare(const TensorSpec& spec) {
    const TensorInfo* expected = reference_.Find(spec.name);
    if (expected == nullptr || !CheckTensor(*expected, DType::kBF16, spec.shape)) {
      report_.findings.Add(Severity::kError, "reference_incomplete", spec.name,
                           "the reference has no such BF16 tensor of shape {}",
                           spec.shape.ToString());
      return;
    }
    if (spec.kind == TensorKind::kLinear) {
      CompareLinear(spec, *expected);
    } else if (const TensorInfo* tensor = checkpoint_.Find(spec.name); tensor != nullptr) {
      CompareKept(*tensor, *expected);
    }
    reference_.Release(*expected);
  }

  ReferenceReport Take() {
    report_.total.name = "all quantized linears";
    Finish(report_.total, quantized_elements_);
    return std::move(report_);
  }

 private:
  void CompareKept(const TensorInfo& tensor, const TensorInfo& expected) {
    if (std::ranges::equal(tensor.bytes, expected.bytes)) {
      ++report_.identical_tensors;
    } else {
      report_.findings.Add(Severity::kError, "kept_tensor_differs", tensor.name,
                           "is not quantized, but its bytes differ from the reference's");
    }
    checkpoint_.Release(tensor);
  }

  void CompareLinear(const TensorSpec& spec, const TensorInfo& expected) {
    const Result<LinearParts> parts = FindLinear(checkpoint_, spec.module);
    if (!parts) return;  // said by the static check
    if (!parts->quantized()) {
      CompareKept(*parts->weight, expected);
      return;
    }
    const auto weight = checkpoint_.Linear(spec.module, spec.shape[0], spec.shape[1]);
    if (!weight) return;  // said by the static check
    const Bf16Matrix bf16{.rows = spec.shape[0],
                          .cols = spec.shape[1],
                          .data = reinterpret_cast<const uint16_t*>(expected.bytes.data())};
    Record(ErrorOf(spec.module, std::get<Nvfp4Matrix>(*weight), bf16));
    quantized_elements_ += spec.shape.elements();
    checkpoint_.Release(*parts->codes);
    checkpoint_.Release(*parts->block_scales);
  }

  void Record(TensorError error) {
    // Written so that a NaN does not pass.
    if (!(error.relative_rms <= kMaxRelativeError)) {
      report_.findings.Add(Severity::kError, "quantization_error_too_large", error.name,
                           "relative RMS error {:.3g}; NVFP4 rounding gives about 0.1",
                           error.relative_rms);
    }
    report_.total.squared_error += error.squared_error;
    report_.total.squared_weight += error.squared_weight;
    report_.total.max_abs = std::max(report_.total.max_abs, error.max_abs);
    report_.errors.push_back(std::move(error));
  }

  const Checkpoint& checkpoint_;
  const Checkpoint& reference_;
  ReferenceReport report_;
  int64_t quantized_elements_ = 0;
};

}  // namespace

double TensorError::SqnrDb() const {
  return relative_rms == 0 ? std::numeric_limits<double>::infinity()
                           : -20 * std::log10(relative_rms);
}

Result<ReferenceReport> CompareWithReference(const Checkpoint& checkpoint,
                                             const Checkpoint& reference,
                                             const ProgressFn& progress) {
  if (reference.format() != WeightFormat::kBf16) {
    return Fail(ErrorCode::kInvalidData, "the reference {} is quantized itself, expected BF16",
                reference.folder().string());
  }
  const std::vector<TensorSpec> specs = TensorSpecs(checkpoint.config());
  FACET_RETURN_IF_ERROR(CheckSameModel(specs, TensorSpecs(reference.config())));
  Comparison comparison(checkpoint, reference);
  const auto total = static_cast<int64_t>(specs.size());
  for (int64_t i = 0; i < total; ++i) {
    comparison.Compare(specs[static_cast<size_t>(i)]);
    if (progress) progress("comparing with the reference", i + 1, total, "tensors");
  }
  return comparison.Take();
}

}  // namespace facet
