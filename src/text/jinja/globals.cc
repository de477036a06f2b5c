#include "text/jinja/globals.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "text/jinja/access.h"
#include "text/utf8.h"

namespace facet::jinja {
namespace {

using Json = nlohmann::ordered_json;

/// The reference's sandbox has the same limit.
constexpr int64_t kMaxRange = 100'000;

Result<Value> Range(Runtime& runtime, const Arguments& arguments) {
  std::vector<int64_t> numbers;
  for (const Value& value : arguments.positional) {
    const auto number = AsInt(value);
    if (!number) return Fail(ErrorCode::kInvalidData, "range: expected integers");
    numbers.push_back(*number);
  }
  if (numbers.empty() || numbers.size() > 3 || !arguments.named.empty()) {
    return Fail(ErrorCode::kInvalidData, "range takes one to three numbers");
  }
  const int64_t start = numbers.size() == 1 ? 0 : numbers[0];
  const int64_t stop = numbers.size() == 1 ? numbers[0] : numbers[1];
  const int64_t step = numbers.size() == 3 ? numbers[2] : 1;
  if (step == 0) return Fail(ErrorCode::kInvalidData, "range: the step must not be zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) == kMaxRange) {
      return Fail(ErrorCode::kResource, "range: more than {} numbers", kMaxRange);
    }
    items.push_back(Value{i});
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return runtime.MakeList(std::move(items));
}

/// The items of dict(…) and namespace(…): those of a dict, then the named arguments.
Result<Dict> DictFromArguments(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.size() > 1 ||
      (arguments.positional.size() == 1 && arguments.positional[0].dict() == nullptr)) {
    return Fail(ErrorCode::kUnsupported, "only a dict and named arguments are supported here");
  }
  Dict dict;
  if (!arguments.positional.empty()) {
    for (const auto& [key, value] : arguments.positional[0].dict()->items()) dict.Set(key, value);
  }
  for (const auto& [name, value] : arguments.named) {
    FACET_TRY(const Value key, runtime.MakeTrusted(name));
    dict.Set(key, value);
  }
  return dict;
}

Result<Value> MakeDictFunction(Runtime& runtime, const Arguments& arguments) {
  FACET_TRY(Dict dict, DictFromArguments(runtime, arguments));
  return runtime.MakeDict(std::move(dict));
}

Result<Value> MakeNamespaceFunction(Runtime& runtime, const Arguments& arguments) {
  FACET_TRY(const Dict dict, DictFromArguments(runtime, arguments));
  FACET_TRY(const Value value, runtime.MakeNamespace());
  for (const auto& [key, member] : dict.items()) {
    if (key.text() == nullptr) continue;
    FACET_RETURN_IF_ERROR(runtime.Hold(128 + key.text()->bytes().size()));
    value.name_space()->members.insert_or_assign(std::string(key.text()->bytes()), member);
  }
  return value;
}

Result<Value> RaiseException(Runtime&, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "raise_exception", {"message"}));
  const Text* message = bound[0] ? bound[0]->text() : nullptr;
  return Fail(ErrorCode::kInvalidData, "{}",
              message == nullptr ? "the template refuses this conversation" : message->bytes());
}

Result<Value> StrftimeNow(Runtime& runtime, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "strftime_now", {"format"}));
  if (!bound[0] || bound[0]->text() == nullptr) {
    return Fail(ErrorCode::kInvalidData, "strftime_now: expected a format");
  }
  const std::string format(bound[0]->text()->bytes());
  if (format.size() > 1000) return Fail(ErrorCode::kResource, "strftime_now: a long format");
  const std::time_t seconds = std::chrono::system_clock::to_time_t(runtime.now());
  std::tm local{};
  ::localtime_r(&seconds, &local);
  // The longest names of days and months stay below this for each of the 500 conversions.
  std::vector<char> buffer(64 * 1024);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const size_t size = std::strftime(buffer.data(), buffer.size(), format.c_str(), &local);
#pragma GCC diagnostic pop
  TextBuilder builder;
  builder.AppendLike({buffer.data(), size}, *bound[0]->text());
  return runtime.Make(std::move(builder));
}

using GlobalFn = Result<Value> (*)(Runtime& runtime, const Arguments& arguments);

bool IsKnownWord(std::string_view key, std::string_view value) {
  constexpr std::array<std::string_view, 7> kRoles = {"assistant", "developer", "function", "model",
                                                      "system",    "tool",      "user"};
  constexpr std::array<std::string_view, 10> kKinds = {
      "audio",      "function",    "image", "image_url", "input_audio",
      "input_text", "output_text", "text",  "video",     "video_url"};
  if (key == "role") return std::ranges::find(kRoles, value) != kRoles.end();
  return key == "type" && std::ranges::find(kKinds, value) != kKinds.end();
}

/// Turns JSON into values; recursion is bounded by the nesting that values may have.
class ContextReader {
 public:
  explicit ContextReader(Runtime& runtime) : runtime_(runtime) {}

  Result<Value> Read(const Json& json, std::string_view key, int depth) {
    FACET_RETURN_IF_ERROR(runtime_.Spend(1));
    if (depth > Runtime::kMaxNesting) {
      return Fail(ErrorCode::kResource, "values nested more than {} levels deep",
                  Runtime::kMaxNesting);
    }
    switch (json.type()) {
      case Json::value_t::string:
        return ReadText(json.get_ref<const std::string&>(), key, depth);
      case Json::value_t::boolean:
        return Value{json.get<bool>()};
      case Json::value_t::number_integer:
        return Value{json.get<int64_t>()};
      case Json::value_t::number_unsigned:
        return ReadUnsigned(json.get<uint64_t>());
      case Json::value_t::number_float:
        return Value{json.get<double>()};
      case Json::value_t::array:
        return ReadList(json, depth);
      case Json::value_t::object:
        return ReadDict(json, depth);
      default:
        return Value{None{}};
    }
  }

 private:
  static Result<Value> ReadUnsigned(uint64_t number) {
    if (number > static_cast<uint64_t>(INT64_MAX)) {
      return Fail(ErrorCode::kUnsupported, "an integer beyond 64 bits");
    }
    return Value{static_cast<int64_t>(number)};
  }

  Result<Value> ReadText(const std::string& text, std::string_view key, int depth) {
    if (!IsValidUtf8(text)) return Fail(ErrorCode::kInvalidData, "a string is not valid UTF-8");
    TextBuilder builder;
    if ((depth == 1 && key.ends_with("_token")) || IsKnownWord(key, text)) {
      builder.AppendTrusted(text);
    } else {
      builder.AppendUntrusted(text);
    }
    return runtime_.Make(std::move(builder));
  }

  Result<Value> ReadList(const Json& json, int depth) {
    std::vector<Value> items;
    for (const Json& item : json) {
      FACET_TRY(const Value value, Read(item, "", depth + 1));
      items.push_back(value);
    }
    return runtime_.MakeList(std::move(items));
  }

  Result<Value> ReadDict(const Json& json, int depth) {
    Dict dict;
    for (const auto& [name, item] : json.items()) {
      FACET_TRY(const Value key, ReadText(name, "", depth + 1));
      FACET_TRY(const Value value, Read(item, name, depth + 1));
      dict.Set(key, value);
    }
    return runtime_.MakeDict(std::move(dict));
  }

  Runtime& runtime_;
};

}  // namespace

Result<Globals> MakeFunctions(Runtime& runtime) {
  constexpr std::array<std::pair<const char*, GlobalFn>, 5> kFunctions = {{
      {"dict", MakeDictFunction},
      {"namespace", MakeNamespaceFunction},
      {"raise_exception", RaiseException},
      {"range", Range},
      {"strftime_now", StrftimeNow},
  }};
  Globals globals;
  for (const auto& [name, call] : kFunctions) {
    FACET_TRY(const Value function,
              runtime.MakeFunction({.name = name, .call = [&runtime, call](const Arguments& given) {
                                      return call(runtime, given);
                                    }}));
    globals.emplace_back(name, function);
  }
  return globals;
}

Result<Globals> MakeContext(Runtime& runtime, const Json& context) {
  if (!context.is_object()) return Fail(ErrorCode::kInvalidData, "the context is not an object");
  Globals globals;
  ContextReader reader(runtime);
  for (const auto& [name, item] : context.items()) {
    FACET_TRY(const Value value, reader.Read(item, name, 1));
    globals.emplace_back(name, value);
  }
  return globals;
}

}  // namespace facet::jinja
