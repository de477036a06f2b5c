#include "text/jinja/jinja_template.h"

#include "text/jinja/globals.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/utf8.h"

namespace facet {

struct JinjaTemplate::Tree {
  jinja::Block block;
};

JinjaTemplate::JinjaTemplate(std::unique_ptr<const Tree> tree) : tree_(std::move(tree)) {}
JinjaTemplate::~JinjaTemplate() = default;
JinjaTemplate::JinjaTemplate(JinjaTemplate&&) noexcept = default;
JinjaTemplate& JinjaTemplate::operator=(JinjaTemplate&&) noexcept = default;

Result<JinjaTemplate> JinjaTemplate::Parse(std::string_view source) {
  if (!IsValidUtf8(source)) return Fail(ErrorCode::kInvalidData, "the template is not valid UTF-8");
  FACET_TRY(jinja::Block block, jinja::ParseTemplate(source));
  return JinjaTemplate(std::make_unique<const Tree>(Tree{std::move(block)}));
}

Result<JinjaOutput> JinjaTemplate::Render(const nlohmann::ordered_json& context,
                                          std::chrono::system_clock::time_point now) const {
  jinja::Runtime runtime(now);
  FACET_TRY(jinja::Globals globals, jinja::MakeFunctions(runtime));
  FACET_TRY(const jinja::Globals values, jinja::MakeContext(runtime, context));
  globals.insert(globals.end(), values.begin(), values.end());
  FACET_TRY(const jinja::Text text, jinja::Interpreter(tree_->block, runtime).Run(globals));
  return JinjaOutput{.text = std::string(text.bytes()),
                     .untrusted = {text.untrusted().begin(), text.untrusted().end()}};
}

}  // namespace facet
