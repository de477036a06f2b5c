// Reading small JSON files that strangers wrote: bounded depth, no exceptions, and errors that name
// the key. Internal to this module.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace facet {

/// Nesting that any configuration or header needs is below 8; deeper input is refused unparsed.
inline constexpr int kMaxFileDepth = 32;

/// Does `text` nest arrays and objects deeper than kMaxFileDepth? Brackets inside strings do not
/// count.
bool IsTooDeep(std::string_view text);

/// Parses an object. kInvalidData if `text` is no JSON object or nests too deeply.
Result<nlohmann::json> ParseJsonObject(std::string_view text);

/// Inclusive bounds of a number.
template <typename T>
struct Bounds {
  T low;
  T high;
};

/// An object of a parsed file, with its path for messages ("text_config.rope_parameters"). A key
/// whose value is null counts as absent. Borrows the parsed value.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& value, std::string path)
      : value_(&value), path_(std::move(path)) {}

  bool Has(std::string_view key) const { return Get(key) != nullptr; }
  /// The value of a key; nullptr if absent or null.
  const nlohmann::json* Get(std::string_view key) const;
  const nlohmann::json& value() const { return *value_; }
  /// "text_config.head_dim"
  std::string PathOf(std::string_view key) const;

  /// The required forms fail with kInvalidData if the key is absent, of the wrong type or out of
  /// bounds; the optional ones only for the latter two.
  Result<JsonObject> Object(std::string_view key) const;
  Result<int64_t> Int(std::string_view key, Bounds<int64_t> bounds) const;
  Result<double> Number(std::string_view key, Bounds<double> bounds) const;
  Result<std::string> String(std::string_view key) const;
  Result<std::optional<JsonObject>> OptionalObject(std::string_view key) const;
  Result<std::optional<int64_t>> OptionalInt(std::string_view key, Bounds<int64_t> bounds) const;
  Result<double> NumberOr(std::string_view key, Bounds<double> bounds, double fallback) const;
  Result<bool> BoolOr(std::string_view key, bool fallback) const;
  Result<std::string> StringOr(std::string_view key, std::string_view fallback) const;
  /// An array of at most `limit` strings; empty if absent.
  Result<std::vector<std::string>> Strings(std::string_view key, size_t limit) const;

 private:
  tl::unexpected<Error> Missing(std::string_view key) const;
  tl::unexpected<Error> Wrong(std::string_view key, std::string_view expected) const;

  const nlohmann::json* value_;
  std::string path_;
};

/// One integer in `bounds`; `path` is for messages.
Result<int64_t> CheckedInt(const nlohmann::json& value, const std::string& path,
                           Bounds<int64_t> bounds);

/// A value as a message shows it: at most 60 characters, on one line.
std::string Shown(const nlohmann::json& value);

}  // namespace facet
