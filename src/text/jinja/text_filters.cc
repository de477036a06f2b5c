// Filters of texts and numbers.
#include <algorithm>
#include <array>

#include "text/jinja/access.h"
#include "text/jinja/filter_table.h"
#include "text/jinja/operators.h"
#include "text/jinja/percent_format.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_functions.h"

namespace facet::jinja {
namespace {

template <Case kCase>
Result<Value> ToCase(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "the filter", {}));
  FACET_TRY(const Value text, ToText(runtime, input));
  return ChangeCase(runtime, *text.text(), kCase);
}

Result<Value> Trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "trim", {"chars"}));
  FACET_TRY(const Value text, ToText(runtime, input));
  const Text* characters = bound[0] ? bound[0]->text() : nullptr;
  return StripText(runtime, *text.text(), Side::kBoth, characters);
}

Result<Value> String(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "string", {}));
  return ToText(runtime, input);
}

Result<Value> Safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "safe", {}));
  return ToText(runtime, input);
}

Result<Value> Replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "replace", {"old", "new", "count"}));
  if (!bound[0] || !bound[1]) return Fail(ErrorCode::kInvalidData, "replace needs two arguments");
  FACET_TRY(const Value text, ToText(runtime, input));
  FACET_TRY(const Value from, ToText(runtime, *bound[0]));
  FACET_TRY(const Value to, ToText(runtime, *bound[1]));
  const auto count = bound[2] ? AsInt(*bound[2]) : std::nullopt;
  return ReplaceText(runtime, *text.text(), *from.text(), *to.text(), count.value_or(-1));
}

Result<Value> Indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "indent", {"width", "first", "blank"}));
  if (input.text() == nullptr) return Fail(ErrorCode::kInvalidData, "indent: expected str");
  Value indention = bound[0].value_or(Value{int64_t{4}});
  if (const auto width = AsInt(indention)) {
    FACET_TRY(const Value space, runtime.MakeTrusted(" "));
    FACET_TRY(indention, Repeat(runtime, space, *width));
  }
  if (indention.text() == nullptr) return Fail(ErrorCode::kInvalidData, "indent: bad width");
  FACET_TRY(const Value newline, runtime.MakeTrusted("\n"));
  FACET_TRY(const Value ended, Apply(runtime, Operator::kAdd, input, newline));
  FACET_TRY(const auto lines, SplitLines(runtime, *ended.text()));
  TextBuilder builder;
  for (size_t i = 0; i < lines.size() && !builder.is_full(); ++i) {
    const bool blank = lines[i].text()->bytes().empty();
    if (i > 0) builder.AppendTrusted("\n");
    const bool indented = i == 0 ? IsTrueOr(bound[1], false) : !blank || IsTrueOr(bound[2], false);
    if (indented) builder.Append(*indention.text());
    builder.Append(*lines[i].text());
  }
  return runtime.Make(std::move(builder));
}

Result<Value> Center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "center", {"width"}));
  FACET_TRY(const Value text, ToText(runtime, input));
  FACET_TRY(const Value method, Attribute(runtime, text, "center"));
  return method.function()->call({.positional = {bound[0].value_or(Value{int64_t{80}})}});
}

Result<Value> Format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const Value text, ToText(runtime, input));
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    return Fail(ErrorCode::kInvalidData, "format takes positional or named arguments, not both");
  }
  if (arguments.named.empty()) {
    FACET_TRY(const Value tuple, runtime.MakeTuple(arguments.positional));
    return PercentFormat(runtime, *text.text(), tuple);
  }
  Dict dict;
  for (const auto& [name, value] : arguments.named) {
    FACET_TRY(const Value key, runtime.MakeTrusted(name));
    dict.Set(key, value);
  }
  FACET_TRY(const Value named, runtime.MakeDict(std::move(dict)));
  return PercentFormat(runtime, *text.text(), named);
}

Result<Value> Default(Runtime& runtime, const Value& input, const Arguments& arguments) {
  FACET_TRY(const auto bound, Bind(arguments, "default", {"default_value", "boolean"}));
  const bool replaced = input.is_undefined() || (IsTrueOr(bound[1], false) && !IsTrue(input));
  if (!replaced) return input;
  return bound[0] ? Result<Value>(*bound[0]) : runtime.MakeTrusted("");
}

Result<Value> ToJson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  // The filter of the model library, not Jinja's own: nothing is escaped for HTML.
  FACET_TRY(const auto bound,
            Bind(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style{.ascii = IsTrueOr(bound[0], false), .sort_keys = IsTrueOr(bound[3], false)};
  if (bound[1] && !bound[1]->is_none()) {
    style.pretty = true;
    style.item_separator = ",";
    const int64_t width = AsInt(*bound[1]).value_or(0);
    if (width > 100) return Fail(ErrorCode::kResource, "tojson: an indent of {}", width);
    style.indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    if (const Text* text = bound[1]->text()) style.indent = text->bytes();
  }
  if (bound[2] && !bound[2]->is_none()) {
    const List* pair = bound[2]->list();
    if (pair == nullptr || pair->items.size() != 2 || pair->items[0].text() == nullptr ||
        pair->items[1].text() == nullptr) {
      return Fail(ErrorCode::kInvalidData, "tojson: separators must be two strings");
    }
    style.item_separator = pair->items[0].text()->bytes();
    style.key_separator = pair->items[1].text()->bytes();
  }
  TextBuilder builder;
  FACET_RETURN_IF_ERROR(AppendJson(runtime, input, style, builder));
  return runtime.Make(std::move(builder));
}

constexpr std::array kFilters = {
    NamedFilter{"capitalize", ToCase<Case::kCapitalize>},
    NamedFilter{"center", Center},
    NamedFilter{"d", Default},
    NamedFilter{"default", Default},
    NamedFilter{"format", Format},
    NamedFilter{"indent", Indent},
    NamedFilter{"lower", ToCase<Case::kLower>},
    NamedFilter{"replace", Replace},
    NamedFilter{"safe", Safe},
    NamedFilter{"string", String},
    NamedFilter{"title", ToCase<Case::kJinjaTitle>},
    NamedFilter{"tojson", ToJson},
    NamedFilter{"trim", Trim},
    NamedFilter{"upper", ToCase<Case::kUpper>},
};

}  // namespace

FilterFn FindTextFilter(std::string_view name) { return FindIn(kFilters, name); }

}  // namespace facet::jinja
