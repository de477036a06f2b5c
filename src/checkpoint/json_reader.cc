#include "checkpoint/json_reader.h"

#include <cmath>

namespace facet {

using nlohmann::json;

bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxFileDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Result<json> ParseJsonObject(std::string_view text) {
  if (IsTooDeep(text)) {
    return Fail(ErrorCode::kInvalidData, "JSON nests deeper than {} levels", kMaxFileDepth);
  }
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return Fail(ErrorCode::kInvalidData, "not valid JSON");
  if (!value.is_object()) return Fail(ErrorCode::kInvalidData, "not a JSON object");
  return value;
}

std::string Shown(const json& value) {
  constexpr size_t kLimit = 60;
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kLimit) text = text.substr(0, kLimit) + "...";
  return text;
}

const json* JsonObject::Get(std::string_view key) const {
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonObject::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

tl::unexpected<Error> JsonObject::Missing(std::string_view key) const {
  return Fail(ErrorCode::kInvalidData, "{} is missing", PathOf(key));
}

tl::unexpected<Error> JsonObject::Wrong(std::string_view key, std::string_view expected) const {
  return Fail(ErrorCode::kInvalidData, "{} is {}, expected {}", PathOf(key), Shown(*Get(key)),
              expected);
}

Result<JsonObject> JsonObject::Object(std::string_view key) const {
  FACET_TRY(const std::optional<JsonObject> object, OptionalObject(key));
  if (!object) return Missing(key);
  return *object;
}

Result<std::optional<JsonObject>> JsonObject::OptionalObject(std::string_view key) const {
  const json* value = Get(key);
  if (value == nullptr) return std::optional<JsonObject>();
  if (!value->is_object()) return Wrong(key, "an object");
  return std::optional<JsonObject>(JsonObject(*value, PathOf(key)));
}

Result<int64_t> CheckedInt(const json& value, const std::string& path, Bounds<int64_t> bounds) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  if (fits) {
    const auto number = value.get<int64_t>();
    if (number >= bounds.low && number <= bounds.high) return number;
  }
  return Fail(ErrorCode::kInvalidData, "{} is {}, expected an integer from {} to {}", path,
              Shown(value), bounds.low, bounds.high);
}

Result<std::optional<int64_t>> JsonObject::OptionalInt(std::string_view key,
                                                       Bounds<int64_t> bounds) const {
  const json* value = Get(key);
  if (value == nullptr) return std::optional<int64_t>();
  FACET_TRY(const int64_t number, CheckedInt(*value, PathOf(key), bounds));
  return std::optional<int64_t>(number);
}

Result<int64_t> JsonObject::Int(std::string_view key, Bounds<int64_t> bounds) const {
  FACET_TRY(const std::optional<int64_t> number, OptionalInt(key, bounds));
  if (!number) return Missing(key);
  return *number;
}

Result<double> JsonObject::Number(std::string_view key, Bounds<double> bounds) const {
  const json* value = Get(key);
  if (value == nullptr) return Missing(key);
  if (value->is_number()) {
    const auto number = value->get<double>();
    if (number >= bounds.low && number <= bounds.high) return number;
  }
  return Wrong(key, fmt::format("a number from {} to {}", bounds.low, bounds.high));
}

Result<double> JsonObject::NumberOr(std::string_view key, Bounds<double> bounds,
                                    double fallback) const {
  return Has(key) ? Number(key, bounds) : Result<double>(fallback);
}

Result<std::string> JsonObject::String(std::string_view key) const {
  const json* value = Get(key);
  if (value == nullptr) return Missing(key);
  if (!value->is_string()) return Wrong(key, "a string");
  return value->get<std::string>();
}

Result<std::string> JsonObject::StringOr(std::string_view key, std::string_view fallback) const {
  return Has(key) ? String(key) : Result<std::string>(std::string(fallback));
}

Result<bool> JsonObject::BoolOr(std::string_view key, bool fallback) const {
  const json* value = Get(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return Wrong(key, "true or false");
  return value->get<bool>();
}

Result<std::vector<std::string>> JsonObject::Strings(std::string_view key, size_t limit) const {
  std::vector<std::string> strings;
  const json* value = Get(key);
  if (value == nullptr) return strings;
  if (!value->is_array()) return Wrong(key, "a list of strings");
  if (value->size() > limit) {
    return Fail(ErrorCode::kInvalidData, "{} has {} entries, more than {}", PathOf(key),
                value->size(), limit);
  }
  for (const json& item : *value) {
    if (!item.is_string()) return Wrong(key, "a list of strings");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

}  // namespace facet
