#include "quant/exclusion.h"

#include <algorithm>
#include <set>

#include "tensor/nvfp4.h"

namespace facet {
namespace {

constexpr std::string_view kWeight = ".weight";

bool AnyBeginsWith(std::span<const std::string> modules, std::string_view prefix) {
  return std::ranges::any_of(modules, [&](const auto& name) { return name.starts_with(prefix); });
}

std::string PatternOf(const std::string& module, std::span<const std::string> quantized) {
  for (size_t dot = module.find('.'); dot != std::string::npos; dot = module.find('.', dot + 1)) {
    const std::string prefix = module.substr(0, dot);
    if (!AnyBeginsWith(quantized, prefix)) return prefix + "*";
    if (!AnyBeginsWith(quantized, prefix + ".")) return prefix + ".*";
  }
  return module;
}

/// Is this a kept matrix that modelopt sees as a linear layer? Norms, tables and biases own no
/// quantizer and so never appear in its list.
bool IsKeptLinear(const TensorSpec& spec) {
  const bool media = spec.kind == TensorKind::kVision || spec.kind == TensorKind::kAudio;
  return media && spec.shape.rank() == 2 && spec.name.ends_with(kWeight);
}

}  // namespace

std::vector<std::string> ExcludePatterns(std::span<const std::string> kept,
                                         std::span<const std::string> quantized) {
  std::set<std::string> patterns;
  for (const std::string& module : kept) patterns.insert(PatternOf(module, quantized));
  return {patterns.begin(), patterns.end()};
}

Selection SelectLinears(const ModelConfig& config) {
  Selection selection;
  // The output layer is the embedding's table: it owns no tensor, but every producer lists it.
  std::vector<std::string> kept = {"lm_head"};
  std::vector<std::string> quantized;
  for (TensorSpec& spec : TensorSpecs(config)) {
    if (IsKeptLinear(spec)) kept.push_back(spec.name.substr(0, spec.name.size() - kWeight.size()));
    if (spec.kind != TensorKind::kLinear) continue;
    if (spec.shape[1] % kNvfp4Block != 0) {
      selection.warnings.push_back(fmt::format("{} stays BF16: its {} inputs are no multiple of {}",
                                               spec.module, spec.shape[1], kNvfp4Block));
      kept.push_back(spec.module);
      continue;
    }
    quantized.push_back(spec.module);
    selection.quantized.push_back(std::move(spec));
  }
  selection.exclude = ExcludePatterns(kept, quantized);
  return selection;
}

}  // namespace facet
