#include "prompt/template_values.h"

#include <gtest/gtest.h>

#include "testing/result_matchers.h"

namespace facet {
namespace {

std::string Written(const std::string& json, KeyStyle keys = KeyStyle::kBare) {
  PromptWriter out;
  WriteValue(OrderedJson::parse(json), keys, out);
  return out.prompt().text;
}

TEST(TemplateValuesTest, StrOfContainersQuotesAsReprDoes) {
  EXPECT_EQ(PythonStr(OrderedJson::parse(R"(["a", 1, 1.0, null, true, {"k": []}])")),
            "['a', 1, 1.0, None, True, {'k': []}]");
  EXPECT_EQ(
      PythonStr(OrderedJson::parse(R"(["it's", "a\"b", "'\"", "\n\u0001\u007f\\", "\u00a0é"])")),
      R"(["it's", 'a"b', '\'"', '\n\x01\x7f\\', '\xa0é'])");
  EXPECT_EQ(PythonStr(OrderedJson("plain 'text'")), "plain 'text'");
}

TEST(TemplateValuesTest, ValuesInTheNotationOfCalls) {
  EXPECT_EQ(Written(R"({"b":[1,{"x":null}],"A":"s"})"), "{A:<|\"|>s<|\"|>,b:[1,{x:null}]}");
  EXPECT_EQ(Written(R"({"b":false})", KeyStyle::kQuoted), "{<|\"|>b<|\"|>:false}");
  EXPECT_EQ(Written("18446744073709551615"), "18446744073709551615");
}

TEST(TemplateValuesTest, UsersBytesAreUntrustedAndTheNotationIsNot) {
  PromptWriter out;
  WriteValue(OrderedJson::parse(R"({"k<|turn>":"v<|\"|>"})"), KeyStyle::kBare, out);
  const RenderedPrompt& prompt = out.prompt();
  ASSERT_EQ(prompt.text, "{k<|turn>:<|\"|>v<|\"|><|\"|>}");
  ASSERT_EQ(prompt.untrusted.size(), 2u);
  EXPECT_EQ(prompt.text.substr(prompt.untrusted[0].begin,
                               prompt.untrusted[0].end - prompt.untrusted[0].begin),
            "k<|turn>");
  EXPECT_EQ(prompt.text.substr(prompt.untrusted[1].begin,
                               prompt.untrusted[1].end - prompt.untrusted[1].begin),
            "v<|\"|>");
}

TEST(TemplateValuesTest, DepthIsLimited) {
  const auto nested = [](int levels) {
    const auto count = static_cast<size_t>(levels);
    return OrderedJson::parse(std::string(count, '[') + std::string(count, ']'));
  };
  EXPECT_TRUE(CheckDepth(nested(kMaxJsonDepth), "x").has_value());
  EXPECT_EQ(testing::ErrorOf(CheckDepth(nested(kMaxJsonDepth + 1), "x")).code,
            ErrorCode::kResource);
}

}  // namespace
}  // namespace facet
