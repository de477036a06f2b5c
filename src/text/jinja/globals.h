// What a template finds when it starts: the functions of the language, and the values of the
// context.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace facet::jinja {

using Globals = std::vector<std::pair<std::string, Value>>;

/// range, dict, namespace, raise_exception, strftime_now.
Result<Globals> MakeFunctions(Runtime& runtime);

/// The members of an object as values. Every string in it is untrusted, keys included, except
/// - members of the object itself whose names end in "_token" (bos_token): the tokenizer's own
/// strings,
/// - the known roles ("user", "assistant", …) under a key "role" and the known kinds of parts
/// ("text",
///   "image", …) under a key "type": templates build control tokens from them.
/// kInvalidData for strings that are not UTF-8, kUnsupported for integers beyond 64 bits.
Result<Globals> MakeContext(Runtime& runtime, const nlohmann::ordered_json& context);

}  // namespace facet::jinja
