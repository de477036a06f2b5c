// Reaching into values: iteration, subscripts, slices, attributes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

/// What `for x in value` gives: items, keys, characters; nothing for undefined.
Result<std::vector<Value>> Iterate(Runtime& runtime, const Value& value);

/// The error of using `value` where it must not be undefined.
tl::unexpected<Error> UndefinedUsed(const Value& value);

/// Number of items or characters; kInvalidData for kinds without one.
Result<int64_t> Length(const Value& value);

/// value[key]: an item, else (for a string) an attribute, else undefined.
Result<Value> Subscript(Runtime& runtime, const Value& value, const Value& key);

/// value.name: a method or attribute, else an item, else undefined. A method wins over an item of
/// the same name, as in the reference: `message.items` is the method of a dict.
Result<Value> Attribute(Runtime& runtime, const Value& value, std::string_view name);

struct SliceBounds {
  Value start{None{}};
  Value stop{None{}};
  Value step{None{}};
};

/// value[start:stop:step]
Result<Value> Slice(Runtime& runtime, const Value& value, const SliceBounds& bounds);

/// value.a.0.b, as the `attribute` arguments of filters write it; `missing` in place of each step
/// that is undefined.
Result<Value> AttributePath(Runtime& runtime, Value value, const Value& path,
                            const std::optional<Value>& missing = std::nullopt);

/// The characters of `text` as texts.
Result<std::vector<Value>> Characters(Runtime& runtime, const Text& text);

/// The bytes [begin, end) of `text`.
Result<Value> Part(Runtime& runtime, const Text& text, size_t begin, size_t end);

}  // namespace facet::jinja
