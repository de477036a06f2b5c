// Methods of strings that look for something in them.
#include <algorithm>
#include <array>

#include "text/jinja/method_table.h"
#include "text/jinja/string_functions.h"

namespace facet::jinja {
namespace {

/// The part of `self` that s[start:end] is, for the methods that take such bounds.
Result<Value> Bounded(Runtime& runtime, const Value& self, const std::optional<Value>& start,
                      const std::optional<Value>& end) {
  if (!start && !end) return self;
  return Slice(runtime, self,
               {.start = start.value_or(Value{None{}}), .stop = end.value_or(Value{None{}})});
}

template <bool kAtEnd>
Result<Value> HasAffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = kAtEnd ? "endswith" : "startswith";
  FACET_TRY(const auto bound, Bind(arguments, kName, {"affix", "start", "end"}));
  FACET_TRY(const Value part, Bounded(runtime, self, bound[1], bound[2]));
  std::vector<Value> candidates;
  if (bound[0] && bound[0]->list() != nullptr && bound[0]->list()->is_tuple) {
    candidates = bound[0]->list()->items;
  } else if (bound[0]) {
    candidates = {*bound[0]};
  }
  FACET_RETURN_IF_ERROR(runtime.Spend(1 + static_cast<int64_t>(candidates.size())));
  if (!bound[0]) return Fail(ErrorCode::kInvalidData, "{}: an argument is missing", kName);
  const std::string_view bytes = part.text()->bytes();
  for (const Value& candidate : candidates) {
    if (candidate.text() == nullptr) return WrongType(kName, "str", candidate);
    const std::string_view affix = candidate.text()->bytes();
    if (kAtEnd ? bytes.ends_with(affix) : bytes.starts_with(affix)) return Value{true};
  }
  return Value{false};
}

template <bool kAtEnd>
Result<Value> RemoveAffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = kAtEnd ? "removesuffix" : "removeprefix";
  FACET_TRY(const auto bound, Bind(arguments, kName, {"affix"}));
  FACET_TRY(const Text* affix, NeededText(bound[0], kName));
  const std::string_view bytes = self.text()->bytes();
  const size_t size = affix->bytes().size();
  if (kAtEnd && bytes.ends_with(affix->bytes())) {
    return Part(runtime, *self.text(), 0, bytes.size() - size);
  }
  if (!kAtEnd && bytes.starts_with(affix->bytes())) {
    return Part(runtime, *self.text(), size, bytes.size());
  }
  return self;
}

/// The offset in characters of an offset in bytes.
int64_t CharacterIndex(std::string_view bytes, size_t offset) {
  return std::ranges::count_if(bytes.substr(0, offset), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
  });
}

template <bool kLast, bool kMustExist>
Result<Value> Find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = kMustExist ? "index" : "find";
  FACET_TRY(const auto bound, Bind(arguments, kName, {"sub"}));
  FACET_TRY(const Text* needle, NeededText(bound[0], kName));
  const std::string_view bytes = self.text()->bytes();
  FACET_RETURN_IF_ERROR(SpendOnSearch(runtime, bytes, needle->bytes()));
  const auto found =
      kLast ? FindLastBytes(bytes, needle->bytes()) : FindBytes(bytes, needle->bytes());
  if (!found && kMustExist) return Fail(ErrorCode::kInvalidData, "index: substring not found");
  return Value{found ? CharacterIndex(bytes, *found) : int64_t{-1}};
}

Result<Value> CountText(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "count", {"sub"}));
  FACET_TRY(const Text* needle, NeededText(bound[0], "count"));
  FACET_RETURN_IF_ERROR(runtime.SpendBytes(self.text()->bytes().size()));
  const std::string_view sub = needle->bytes();
  if (sub.empty()) return Value{static_cast<int64_t>(self.text()->length() + 1)};
  int64_t count = 0;
  size_t at = 0;
  while (const auto found = FindBytes(self.text()->bytes(), sub, at)) {
    ++count;
    at = *found + sub.size();
  }
  return Value{count};
}

template <bool kLast>
Result<Value> Partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "partition", {"sep"}));
  FACET_TRY(const Text* separator, NeededText(bound[0], "partition"));
  const Text& text = *self.text();
  const std::string_view bytes = text.bytes();
  if (separator->bytes().empty()) return Fail(ErrorCode::kInvalidData, "empty separator");
  FACET_RETURN_IF_ERROR(SpendOnSearch(runtime, bytes, separator->bytes()));
  const auto found =
      kLast ? FindLastBytes(bytes, separator->bytes()) : FindBytes(bytes, separator->bytes());
  // Without the separator the whole text comes first, or last from the right.
  const size_t nowhere = kLast ? 0 : bytes.size();
  const size_t begin = found.value_or(nowhere);
  const size_t end = found ? begin + separator->bytes().size() : nowhere;
  FACET_TRY(const Value before, Part(runtime, text, 0, begin));
  FACET_TRY(const Value middle, Part(runtime, text, begin, end));
  FACET_TRY(const Value after, Part(runtime, text, end, bytes.size()));
  return runtime.MakeTuple({before, middle, after});
}

constexpr std::array kMethods = {
    NamedMethod{"count", CountText},
    NamedMethod{"endswith", HasAffix<true>},
    NamedMethod{"find", Find<false, false>},
    NamedMethod{"index", Find<false, true>},
    NamedMethod{"partition", Partition<false>},
    NamedMethod{"removeprefix", RemoveAffix<false>},
    NamedMethod{"removesuffix", RemoveAffix<true>},
    NamedMethod{"rfind", Find<true, false>},
    NamedMethod{"rindex", Find<true, true>},
    NamedMethod{"rpartition", Partition<true>},
    NamedMethod{"startswith", HasAffix<false>},
};

}  // namespace

std::span<const NamedMethod> StringSearchMethods() { return kMethods; }

}  // namespace facet::jinja
