#include "checkpoint/generation_config.h"

#include "checkpoint/json_reader.h"

namespace facet {
namespace {

using nlohmann::json;

constexpr size_t kMaxIds = 4096;

/// One id or a list of ids; empty if absent.
Result<std::vector<int32_t>> TokenIds(const JsonObject& root, std::string_view key,
                                      int64_t vocabulary) {
  std::vector<int32_t> ids;
  const json* value = root.Get(key);
  if (value == nullptr) return ids;
  const json list = value->is_array() ? *value : json::array({*value});
  if (list.size() > kMaxIds) {
    return Fail(ErrorCode::kInvalidData, "{} has {} ids, more than {}", key, list.size(), kMaxIds);
  }
  for (const json& item : list) {
    FACET_TRY(const int64_t id, CheckedInt(item, root.PathOf(key), {0, vocabulary - 1}));
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

}  // namespace

Result<GenerationConfig> GenerationConfig::Parse(std::string_view text, int64_t vocabulary) {
  FACET_TRY(const json parsed, ParseJsonObject(text));
  const JsonObject root(parsed, "");
  GenerationConfig config;
  FACET_TRY(config.do_sample, root.BoolOr("do_sample", false));
  FACET_TRY(config.temperature, root.NumberOr("temperature", {0, 100}, 1));
  FACET_TRY(const std::optional<int64_t> top_k, root.OptionalInt("top_k", {0, INT32_MAX}));
  config.top_k = top_k.value_or(0);
  FACET_TRY(config.top_p, root.NumberOr("top_p", {0, 1}, 1));
  FACET_TRY(config.stop_tokens, TokenIds(root, "eos_token_id", vocabulary));
  FACET_TRY(config.suppress_tokens, TokenIds(root, "suppress_tokens", vocabulary));
  return config;
}

}  // namespace facet
