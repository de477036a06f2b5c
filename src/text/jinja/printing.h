// How values print: Python's str() and repr(), and the JSON of its json module.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

/// Appends str(value): text as it is, nothing for undefined, else repr(value).
Result<void> AppendStr(Runtime& runtime, const Value& value, TextBuilder& out);
/// Appends repr(value). Characters that Python does not count as printable are escaped below U+0100
/// and among the separators of lines and paragraphs; rarer ones print as they are.
Result<void> AppendRepr(Runtime& runtime, const Value& value, TextBuilder& out);
/// str(value) as a value; text comes back as it is.
Result<Value> ToText(Runtime& runtime, const Value& value);

struct JsonStyle {
  std::string indent = {};  ///< for one level; used if `pretty`
  bool pretty = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool ascii = false;
  bool sort_keys = false;
};

/// Appends json.dumps(value). kInvalidData for what JSON cannot say.
Result<void> AppendJson(Runtime& runtime, const Value& value, const JsonStyle& style,
                        TextBuilder& out);

}  // namespace facet::jinja
