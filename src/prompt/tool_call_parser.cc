#include "prompt/tool_call_parser.h"

#include <set>
#include <utility>

#include "prompt/template_values.h"
#include "text/unicode.h"

namespace facet {
namespace {

class CallParser {
 public:
  explicit CallParser(std::string_view text) : rest_(text) {}

  Result<ToolCall> Parse() {
    SkipSpace();
    if (!Take("call:")) return Fail(ErrorCode::kInvalidData, "it does not begin with \"call:\"");
    const size_t brace = rest_.find('{');
    const std::string_view name = Strip(rest_.substr(0, brace));
    if (brace == std::string_view::npos || name.empty() || HasQuote(name)) {
      return Fail(ErrorCode::kInvalidData, "it has no name before \"{{\"");
    }
    rest_.remove_prefix(brace);
    FACET_TRY(OrderedJson arguments, ParseValue(0));
    SkipSpace();
    if (!rest_.empty()) return Fail(ErrorCode::kInvalidData, "text follows the arguments");
    return ToolCall{.name = std::string(name), .arguments = std::move(arguments)};
  }

 private:
  static bool HasQuote(std::string_view text) {
    return text.find(kQuoteByte) != std::string_view::npos;
  }

  void SkipSpace() { rest_.remove_prefix(LeadingSpace(rest_)); }

  bool Take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  bool Take(char expected) { return Take(std::string_view(&expected, 1)); }

  bool Sees(char expected) const { return rest_.starts_with(expected); }

  Result<OrderedJson> ParseValue(int depth) {
    SkipSpace();
    if (depth == kMaxJsonDepth) {
      return Fail(ErrorCode::kResource, "it is nested more than {} levels deep", kMaxJsonDepth);
    }
    if (Sees('{')) return ParseObject(depth);
    if (Sees('[')) return ParseArray(depth);
    if (Sees(kQuoteByte) || Sees('"')) return ParseString();
    return ParseBare();
  }

  Result<OrderedJson> ParseObject(int depth) {
    OrderedJson object = OrderedJson::object();
    auto& members = object.get_ref<OrderedJson::object_t&>();
    std::set<std::string> keys;
    Take('{');
    SkipSpace();
    if (Take('}')) return object;
    while (true) {
      FACET_TRY(std::string key, ParseKey());
      if (!keys.insert(key).second) {
        return Fail(ErrorCode::kInvalidData, "it has the key \"{}\" twice", key);
      }
      FACET_TRY(OrderedJson value, ParseValue(depth + 1));
      // Appended without operator[], which would search all the members before.
      members.push_back({std::move(key), std::move(value)});
      SkipSpace();
      if (Take('}')) return object;
      if (!Take(',')) return Fail(ErrorCode::kInvalidData, "\",\" or \"}}\" is missing");
    }
  }

  Result<OrderedJson> ParseArray(int depth) {
    OrderedJson array = OrderedJson::array();
    Take('[');
    SkipSpace();
    if (Take(']')) return array;
    while (true) {
      FACET_TRY(OrderedJson value, ParseValue(depth + 1));
      array.push_back(std::move(value));
      SkipSpace();
      if (Take(']')) return array;
      if (!Take(',')) return Fail(ErrorCode::kInvalidData, "\",\" or \"]\" is missing");
    }
  }

  /// Reads a key and the colon behind it.
  Result<std::string> ParseKey() {
    SkipSpace();
    std::string key;
    if (Sees(kQuoteByte) || Sees('"')) {
      FACET_TRY(const OrderedJson text, ParseString());
      key = text.get<std::string>();
      SkipSpace();
    } else {
      const std::string_view bare = rest_.substr(0, rest_.find(':'));
      if (Strip(bare).empty() || HasQuote(bare)) {
        return Fail(ErrorCode::kInvalidData, "a key is missing");
      }
      key = Strip(bare);
      rest_.remove_prefix(bare.size());
    }
    if (!Take(':')) return Fail(ErrorCode::kInvalidData, "\":\" is missing behind a key");
    return key;
  }

  Result<OrderedJson> ParseString() {
    if (!Take(kQuoteByte)) return ParsePlainString();
    const size_t end = rest_.find(kQuoteByte);
    if (end == std::string_view::npos) return Fail(ErrorCode::kInvalidData, "a string has no end");
    OrderedJson text = std::string(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }

  /// A JSON string: what a model writes that falls back to JSON.
  Result<OrderedJson> ParsePlainString() {
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) return Fail(ErrorCode::kInvalidData, "a string has no end");
    OrderedJson text = OrderedJson::parse(rest_.substr(0, end + 1), nullptr, false);
    if (!text.is_string()) return Fail(ErrorCode::kInvalidData, "a string is not valid JSON");
    rest_.remove_prefix(end + 1);
    return text;
  }

  Result<OrderedJson> ParseBare() {
    const std::string_view run = rest_.substr(0, rest_.find_first_of(",]}"));
    const std::string_view word = Strip(run);
    if (word.empty() || HasQuote(word)) return Fail(ErrorCode::kInvalidData, "a value is missing");
    rest_.remove_prefix(run.size());
    OrderedJson value = OrderedJson::parse(word, nullptr, false);
    const bool is_literal = value.is_number() || value.is_boolean() || value.is_null();
    return is_literal ? value : OrderedJson(std::string(word));
  }

  std::string_view rest_;
};

}  // namespace

Result<ToolCall> ParseToolCall(std::string_view text) { return CallParser(text).Parse(); }

std::string SpellQuotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == kQuoteByte) {
      out += kStringQuote;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace facet
