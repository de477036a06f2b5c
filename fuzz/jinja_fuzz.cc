// Fuzzes the template language: the input up to the first zero byte is a template, the rest a text
// that the context holds. Whatever prints must be valid UTF-8 with its ranges in order.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/jinja/jinja_template.h"
#include "text/utf8.h"

namespace facet {
namespace {

nlohmann::ordered_json Context(std::string_view text) {
  const std::string content = IsValidUtf8(text) ? std::string(text) : "?";
  return {{"messages",
           {{{"role", "user"}, {"content", content}},
            {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {{{"n", 1.5}}}}}}},
          {"bos_token", "<bos>"},
          {"add_generation_prompt", true},
          {"x", content}};
}

void RenderOne(std::string_view source, std::string_view text) {
  const auto parsed = JinjaTemplate::Parse(source);
  if (!parsed) return;
  const auto output = parsed->Render(Context(text), {});
  if (!output) return;
  FACET_CHECK(IsValidUtf8(output->text));
  size_t at = 0;
  for (const ByteRange& range : output->untrusted) {
    FACET_CHECK(at <= range.begin && range.begin < range.end);
    at = range.end;
  }
  FACET_CHECK(at <= output->text.size());
}

}  // namespace
}  // namespace facet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  facet::RenderOne(input.substr(0, zero),
                   zero == std::string_view::npos ? "" : input.substr(zero + 1));
  return 0;
}
