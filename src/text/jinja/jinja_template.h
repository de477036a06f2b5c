// JinjaTemplate: the chat_template.jinja of a checkpoint, parsed and ready to render. The language
// is the part of Jinja 3.1 that such templates use, with the settings of the model library
// (trim_blocks, lstrip_blocks, loop controls, an immutable sandbox); docs/templates.md lists it.
// Everything else is refused by name.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "text/tokenizer.h"

namespace facet {

/// What a template printed, and which bytes of it came from the context (sorted, disjoint ranges):
/// those must not become control tokens. See Tokenizer::Encode().
struct JinjaOutput {
  std::string text;
  std::vector<ByteRange> untrusted;
};

/// Immutable after parsing; safe to share between threads.
class JinjaTemplate {
 public:
  ~JinjaTemplate();
  JinjaTemplate(JinjaTemplate&&) noexcept;
  JinjaTemplate& operator=(JinjaTemplate&&) noexcept;

  /// kInvalidData for what is not a template, kUnsupported for a part of the language that facet
  /// does not have, kResource beyond 1 MiB or 100 levels of nesting. The message names the line and
  /// the part.
  static Result<JinjaTemplate> Parse(std::string_view source);

  /// Renders with the members of `context` as variables (messages, tools, bos_token,
  /// add_generation_prompt, …). `now` is what strftime_now() shows, in local time. Strings of the
  /// context and what is made of them are untrusted, except those that jinja/globals.h names.
  /// kInvalidData where the reference raises: raise_exception() (with its message), an undefined
  /// value used, a wrong type. kUnsupported for what facet does not have, kResource for more than
  /// 16 MiB of text, 256 MiB of memory, 5 million steps or 1,000 levels of recursion.
  Result<JinjaOutput> Render(
      const nlohmann::ordered_json& context,
      std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) const;

 private:
  struct Tree;
  explicit JinjaTemplate(std::unique_ptr<const Tree> tree);
  std::unique_ptr<const Tree> tree_;
};

}  // namespace facet
