// The template language against what the reference engine printed (tests/data/jinja; maker:
// tools/goldens/make_jinja_goldens.py).
#include <filesystem>
#include <stdexcept>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"
#include "text/jinja/jinja_template.h"

namespace facet {
namespace {

using Json = nlohmann::ordered_json;
using testing::SourcePath;
using testing::Value;

const Json& Golden() {
  static const Json golden =
      Json::parse(Value(ReadFile(SourcePath("tests/data/jinja/golden.json"), size_t{16} << 20)));
  return golden;
}

std::string TemplateOf(const Json& entry) {
  if (entry.contains("template")) return entry["template"].get<std::string>();
  const auto path = SourcePath(entry["file"].get<std::string>());
  if (!std::filesystem::exists(path)) {
    throw std::runtime_error("test data is missing: run scripts/setup-test-npm.sh first");
  }
  std::string text = Value(ReadFile(path, size_t{4} << 20));
  if (path.extension() != ".json") return text;
  return Json::parse(text)["chat_template"].get<std::string>();
}

Result<JinjaOutput> Rendered(const Json& entry) {
  auto parsed = JinjaTemplate::Parse(TemplateOf(entry));
  if (!parsed) return tl::unexpected<Error>(std::move(parsed).error());
  return parsed->Render(entry.contains("context") ? entry["context"] : Golden()["data"]);
}

TEST(JinjaGoldenTest, PrintsWhatTheReferencePrints) {
  int compared = 0;
  for (const Json& entry : Golden()["cases"]) {
    if (entry.contains("error")) continue;
    const auto output = Rendered(entry);
    ++compared;
    if (!output) {
      ADD_FAILURE() << TemplateOf(entry) << "\n" << output.error().message;
      continue;
    }
    EXPECT_EQ(output->text, entry["output"].get<std::string>()) << TemplateOf(entry);
  }
  EXPECT_GE(compared, 139);
}

TEST(JinjaGoldenTest, RefusesWhatTheReferenceRefuses) {
  int compared = 0;
  for (const Json& entry : Golden()["cases"]) {
    if (!entry.contains("error")) continue;
    const auto output = Rendered(entry);
    ++compared;
    EXPECT_FALSE(output.has_value()) << TemplateOf(entry) << "\nprinted " << output->text;
    if (entry["error"] != "TemplateError" || output) continue;
    EXPECT_NE(output.error().message.find(entry["message"].get<std::string>()), std::string::npos)
        << output.error().message;
  }
  EXPECT_GE(compared, 68);
}

}  // namespace
}  // namespace facet
