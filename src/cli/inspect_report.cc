#include "cli/inspect_report.h"

#include <algorithm>
#include <iterator>

#include "base/file.h"
#include "cli/numbers.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

double Compression(const CheckpointSummary& summary) {
  return summary.bytes == 0
             ? 0
             : static_cast<double>(summary.bf16_bytes) / static_cast<double>(summary.bytes);
}

const LayerConfig* FirstOf(const ModelConfig& config, LayerKind kind) {
  const auto found = std::ranges::find(config.layers, kind, &LayerConfig::kind);
  return found == config.layers.end() ? nullptr : &*found;
}

std::string LayerText(const LayerConfig& layer) {
  const RopeConfig& rope = layer.rope;
  std::string text = fmt::format("{} query heads on {} key/value heads of {}", layer.heads,
                                 layer.kv_heads, layer.head_dim);
  text += layer.window > 0 ? fmt::format(", window {}", Grouped(layer.window)) : ", sees all";
  if (layer.key_is_value) text += ", values are the keys";
  text += fmt::format(", theta {:g}", rope.theta);
  if (rope.partial_rotary_factor != 1) {
    text += fmt::format(", {:g} of the head turns", rope.partial_rotary_factor);
  }
  return text;
}

Json LayerJson(const LayerConfig& layer) {
  return {{"query_heads", layer.heads},
          {"key_value_heads", layer.kv_heads},
          {"head_dim", layer.head_dim},
          {"window", layer.window},
          {"key_is_value", layer.key_is_value},
          {"rope_theta", layer.rope.theta},
          {"partial_rotary_factor", layer.rope.partial_rotary_factor}};
}

/// How the weights will be computed with here, and why.
struct Plan {
  std::string weights;
  std::string activations;  // the default mode
  std::string other_modes;  // what --activations can ask for besides
  std::string reason;
};

Plan PlanOf(const Inspection& inspection) {
  const CheckpointSummary& summary = inspection.summary;
  if (summary.quantized_linears == 0) {
    return {"bf16", "bf16", "", "weights are BF16, activations not quantized"};
  }
  if (summary.with_input_scale < summary.quantized_linears) {
    return {"nvfp4", "bf16", "",
            "W4A16: weights decoded while they are multiplied; not every linear states an "
            "activation range, so W4A4 is not offered"};
  }
  return {"nvfp4", "bf16", "nvfp4",
          "W4A16: weights decoded while they are multiplied, activations not quantized; "
          "--activations nvfp4 computes W4A4 with the checkpoint's activation ranges"};
}

void AddModel(const Inspection& inspection, std::string& text) {
  auto out = std::back_inserter(text);
  const ModelConfig& config = inspection.checkpoint.config();
  const CheckpointSummary& summary = inspection.summary;
  fmt::format_to(out, "{}: Gemma 4 Unified, {}\n\nModel\n", inspection.checkpoint.folder().string(),
                 DescriptionOf(inspection.checkpoint.format()));
  fmt::format_to(out, "  parameters  {}\n", Grouped(summary.parameters));
  fmt::format_to(out, "  sizes       hidden {}, MLP {}, vocabulary {}, positions {}\n",
                 Grouped(config.hidden), Grouped(config.intermediate), Grouped(config.vocabulary),
                 Grouped(config.max_positions));
  if (const LayerConfig* layer = FirstOf(config, LayerKind::kSliding)) {
    fmt::format_to(out, "  layers      {} sliding: {}\n", summary.sliding_layers,
                   LayerText(*layer));
  }
  if (const LayerConfig* layer = FirstOf(config, LayerKind::kFull)) {
    fmt::format_to(out, "              {} full: {}\n", summary.full_layers, LayerText(*layer));
  }
  if (config.vision) {
    fmt::format_to(out, "  images      patches of {} pixels, at most {} tokens each\n",
                   config.vision->patch_side,
                   inspection.checkpoint.processor().image_max_soft_tokens);
  }
  if (config.audio) {
    fmt::format_to(out, "  sound       {} samples a token at {} Hz\n",
                   config.audio->samples_per_token,
                   Grouped(inspection.checkpoint.processor().audio_sampling_rate));
  }
}

void AddWeights(const Inspection& inspection, std::string& text) {
  auto out = std::back_inserter(text);
  const CheckpointSummary& summary = inspection.summary;
  const size_t files = inspection.checkpoint.shard_names().size();
  fmt::format_to(out, "\nWeights in {} file{}\n  {:<13}{:<7}{:>8}{:>17}{:>10}  why\n", files,
                 files == 1 ? "" : "s", "kind", "as", "tensors", "parameters", "bytes");
  for (const StoredGroup& group : summary.groups) {
    fmt::format_to(out, "  {:<13}{:<7}{:>8}{:>17}{:>10}  {}\n", NameOf(group.kind), group.stored_as,
                   Grouped(group.tensors), Grouped(group.parameters),
                   HumanBytes(static_cast<uint64_t>(group.bytes)), group.reason);
  }
  fmt::format_to(out, "  total {} for {} in BF16: {:.2f} times smaller\n",
                 HumanBytes(static_cast<uint64_t>(summary.bytes)),
                 HumanBytes(static_cast<uint64_t>(summary.bf16_bytes)), Compression(summary));
  fmt::format_to(out, "  {} of {} linears are quantized\n", summary.quantized_linears,
                 summary.linears);
  if (summary.missing > 0) {
    fmt::format_to(out, "  {} tensors of the model are MISSING (facet verify names them)\n",
                   summary.missing);
  }
  if (const auto& quantization = inspection.checkpoint.quantization()) {
    fmt::format_to(out, "  stated: {}{}{}; excluded: {}\n", quantization->algorithm,
                   quantization->producer.empty() ? "" : " by ", quantization->producer,
                   fmt::join(quantization->exclude, ", "));
  }
}

std::string MemoryText(const Inspection& inspection) {
  const auto bytes = [](int64_t count) { return HumanBytes(static_cast<uint64_t>(count)); };
  const InspectedMemory& memory = inspection.memory;
  const int64_t positions = inspection.checkpoint.config().max_positions;
  return fmt::format(
      "{} available; weights {}; a sequence of {} tokens takes {} of cache and {} of buffers: {}",
      bytes(memory.available),
      memory.plan.weights > 0 ? bytes(memory.plan.weights) : "used where they lie in the files",
      Grouped(positions), bytes(memory.plan.cache), bytes(memory.plan.buffers),
      memory.largest_context == positions
          ? "fits"
          : fmt::format("at most {} fit", Grouped(memory.largest_context)));
}

Json RoutesJson(const std::vector<Route>& routes) {
  Json json = Json::array();
  for (const Route& route : routes) {
    json.push_back({{"layers", route.layers},
                    {"route", route.how},
                    {"reason", route.why},
                    {"native", route.native}});
  }
  return json;
}

void AddMachine(const Inspection& inspection, std::string& text) {
  auto out = std::back_inserter(text);
  const DeviceInfo& device = inspection.device;
  const Plan plan = PlanOf(inspection);
  fmt::format_to(out, "\nOn this machine\n  processor   {}, {} threads, {} memory\n",
                 device.processor, device.threads,
                 HumanBytes(static_cast<uint64_t>(device.memory_bytes)));
  const BackendChoice& backend = inspection.backend;
  if (backend.name == "cpu") {
    fmt::format_to(out, "  kernels     cpu backend ({}), {}\n", backend.reason,
                   device.choice.reason);
  } else {
    fmt::format_to(out, "  kernels     {} backend, {}\n", backend.name, backend.reason);
  }
  fmt::format_to(out, "  precision   {}\n", plan.reason);
  for (const Route& route : inspection.routes) {
    fmt::format_to(out, "  {:<12}{}\n", &route == &inspection.routes.front() ? "routes" : "",
                   Describe(route));
  }
  fmt::format_to(out, "  memory      {}\n", MemoryText(inspection));
}

}  // namespace

std::string InspectionText(const Inspection& inspection) {
  std::string text;
  AddModel(inspection, text);
  AddWeights(inspection, text);
  AddMachine(inspection, text);
  for (const std::string& warning : inspection.checkpoint.warnings()) {
    fmt::format_to(std::back_inserter(text), "\nwarning: {}\n", warning);
  }
  return text;
}

Json InspectionJson(const Inspection& inspection) {
  const Checkpoint& checkpoint = inspection.checkpoint;
  const ModelConfig& config = checkpoint.config();
  const CheckpointSummary& summary = inspection.summary;
  Json json = {{"path", checkpoint.folder().string()},
               {"architecture", "gemma4_unified"},
               {"format", NameOf(checkpoint.format())},
               {"parameters", summary.parameters},
               {"hidden", config.hidden},
               {"intermediate", config.intermediate},
               {"vocabulary", config.vocabulary},
               {"max_positions", config.max_positions},
               {"sliding_layers", summary.sliding_layers},
               {"full_layers", summary.full_layers}};
  if (const LayerConfig* layer = FirstOf(config, LayerKind::kSliding)) {
    json["sliding"] = LayerJson(*layer);
  }
  if (const LayerConfig* layer = FirstOf(config, LayerKind::kFull)) {
    json["full"] = LayerJson(*layer);
  }
  json["images"] = config.vision.has_value();
  json["audio"] = config.audio.has_value();
  json["shards"] = checkpoint.shard_names();
  json["weights"] = Json::array();
  for (const StoredGroup& group : summary.groups) {
    json["weights"].push_back({{"kind", NameOf(group.kind)},
                               {"stored_as", group.stored_as},
                               {"tensors", group.tensors},
                               {"parameters", group.parameters},
                               {"bytes", group.bytes},
                               {"reason", group.reason}});
  }
  json["bytes"] = summary.bytes;
  json["bf16_bytes"] = summary.bf16_bytes;
  json["other_bytes"] = summary.other_bytes;
  json["compression"] = Compression(summary);
  json["linears"] = summary.linears;
  json["quantized_linears"] = summary.quantized_linears;
  json["missing_tensors"] = summary.missing;
  json["quantization"] = nullptr;
  if (const auto& quantization = checkpoint.quantization()) {
    json["quantization"] = {{"algorithm", quantization->algorithm},
                            {"producer", quantization->producer},
                            {"group_size", quantization->group_size},
                            {"exclude", quantization->exclude}};
  }
  const DeviceInfo& device = inspection.device;
  const Plan plan = PlanOf(inspection);
  json["device"] = {{"processor", device.processor},
                    {"threads", device.threads},
                    {"memory_bytes", device.memory_bytes},
                    {"instruction_set", NameOf(device.choice.set)},
                    {"reason", device.choice.reason}};
  json["plan"] = {{"backend", inspection.backend.name},
                  {"backend_reason", inspection.backend.reason},
                  {"weights", plan.weights},
                  {"activations", plan.activations},
                  {"other_activations", plan.other_modes},
                  {"reason", plan.reason},
                  {"routes", RoutesJson(inspection.routes)}};
  const InspectedMemory& memory = inspection.memory;
  json["memory"] = {{"available_bytes", memory.available},
                    {"weight_bytes", memory.plan.weights},
                    {"cache_bytes", memory.plan.cache},
                    {"buffer_bytes", memory.plan.buffers},
                    {"context", checkpoint.config().max_positions},
                    {"largest_context", memory.largest_context}};
  json["warnings"] = checkpoint.warnings();
  return json;
}

std::string HeaderText(const std::string& file, const SafetensorsHeader& header) {
  std::string text = fmt::format("{}: {} tensors, {} of header\n", file, header.tensors.size(),
                                 HumanBytes(header.data_start));
  auto out = std::back_inserter(text);
  for (const auto& [key, value] : header.metadata) fmt::format_to(out, "  {} = {}\n", key, value);
  for (const SafetensorsEntry& entry : header.tensors) {
    fmt::format_to(out, "  {:<8} {:<20} {:>10}  {}\n", NameOf(entry.dtype), entry.shape.ToString(),
                   HumanBytes(entry.end - entry.begin), entry.name);
  }
  return text;
}

Json HeaderJson(const std::string& file, const SafetensorsHeader& header) {
  Json json = {{"path", file}, {"metadata", header.metadata}, {"tensors", Json::array()}};
  for (const SafetensorsEntry& entry : header.tensors) {
    json["tensors"].push_back({{"name", entry.name},
                               {"dtype", NameOf(entry.dtype)},
                               {"shape", entry.shape.dims()},
                               {"bytes", entry.end - entry.begin}});
  }
  return json;
}

}  // namespace facet::cli
