#include "prompt/tool_call_parser.h"

#include <fstream>

#include <gtest/gtest.h>

#include "prompt/template_values.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Value;

/// The call's text with ~ for the quote token.
Result<ToolCall> Parse(std::string text) {
  for (char& c : text) {
    if (c == '~') c = kQuoteByte;
  }
  return ParseToolCall(text);
}

std::string Arguments(const std::string& inside) {
  return Value(Parse("call:f{" + inside + "}")).arguments.dump();
}

std::string Problem(const std::string& text) { return ErrorOf(Parse(text)).message; }

TEST(ToolCallParserTest, EveryKindOfValue) {
  const ToolCall call = Value(Parse("call:get_weather{}"));
  EXPECT_EQ(call.name, "get_weather");
  EXPECT_FALSE(call.id.has_value());
  EXPECT_EQ(call.arguments.dump(), "{}");
  EXPECT_EQ(Arguments("b:1,a:-2.5,c:1e-05,t:true,f:false,n:null"),
            R"({"b":1,"a":-2.5,"c":1e-05,"t":true,"f":false,"n":null})");
  EXPECT_EQ(Arguments("s:~a,b} ] : {~,e:~~"), R"({"s":"a,b} ] : {","e":""})");
  EXPECT_EQ(Arguments("o:{k:{x:[]}},l:[[1,2],[],[~a~]]"),
            R"({"o":{"k":{"x":[]}},"l":[[1,2],[],["a"]]})");
}

TEST(ToolCallParserTest, WhatModelsWriteBesidesTheNotation) {
  EXPECT_EQ(Arguments(" city : Oslo , ~k~:~v~, \"p\": \"q\\\"r, }\" "),
            R"({"city":"Oslo","k":"v","p":"q\"r, }"})");
  EXPECT_EQ(Arguments("w:two words,v:1.2.3,u:1e999"),
            R"({"w":"two words","v":"1.2.3","u":"1e999"})");
  EXPECT_EQ(Value(Parse("\ncall: f {a:1}\n")).name, "f");
}

TEST(ToolCallParserTest, BrokenCallsSayWhy) {
  EXPECT_EQ(Problem(""), "it does not begin with \"call:\"");
  EXPECT_EQ(Problem("f{}"), "it does not begin with \"call:\"");
  EXPECT_EQ(Problem("call:f"), "it has no name before \"{\"");
  EXPECT_EQ(Problem("call:{}"), "it has no name before \"{\"");
  EXPECT_EQ(Problem("call:f{a:1"), "\",\" or \"}\" is missing");
  EXPECT_EQ(Problem("call:f{a:[1}"), "\",\" or \"]\" is missing");
  EXPECT_EQ(Problem("call:f{a:~x"), "a string has no end");
  EXPECT_EQ(Problem("call:f{a:\"x"), "a string has no end");
  EXPECT_EQ(Problem("call:f{a:\"x\\"), "a string has no end");
  EXPECT_EQ(Problem("call:f{a:\"\\q\"}"), "a string is not valid JSON");
  EXPECT_EQ(Problem("call:f{a:}"), "a value is missing");
  EXPECT_EQ(Problem("call:f{a:x~}"), "a value is missing");
  EXPECT_EQ(Problem("call:f{a}"), "\":\" is missing behind a key");
  EXPECT_EQ(Problem("call:f{:1}"), "a key is missing");
  EXPECT_EQ(Problem("call:f{~a~ 1}"), "\":\" is missing behind a key");
  EXPECT_EQ(Problem("call:f{a:1,a:2}"), "it has the key \"a\" twice");
  EXPECT_EQ(Problem("call:f{} x"), "text follows the arguments");
  EXPECT_EQ(Problem("call:f{a:~x~~y~}"), "\",\" or \"}\" is missing");
}

TEST(ToolCallParserTest, DepthIsLimited) {
  const std::string deep = "call:f{a:" + std::string(100'000, '[');
  EXPECT_EQ(ErrorOf(Parse(deep)).code, ErrorCode::kResource);
}

TEST(ToolCallParserTest, ReadsBackWhatTheTemplateWrites) {
  std::ifstream file(testing::GoldenPath("chat.json"));
  const OrderedJson golden = OrderedJson::parse(file);
  int read = 0;
  for (const OrderedJson& example : golden["cases"]) {
    if (example["name"] == "call_key_order") continue;  // a bare key with a colon is ambiguous
    for (const OrderedJson& message : example["messages"]) {
      for (const OrderedJson& call : message.value("tool_calls", OrderedJson::array())) {
        const OrderedJson& arguments = MemberOrNull(call["function"], "arguments");
        if (!arguments.is_object() || !call["function"].contains("name")) continue;
        PromptWriter writer;
        WriteMembers(arguments, writer);
        // Quotes that the template wrote become quote tokens; text of users stays text.
        std::string text = writer.prompt().text;
        std::string marked;
        size_t done = 0;
        for (const ByteRange& range : writer.prompt().untrusted) {
          for (size_t i = done; i < range.begin;) {
            const bool quote = text.compare(i, kStringQuote.size(), kStringQuote) == 0;
            marked.push_back(quote ? kQuoteByte : text[i]);
            i += quote ? kStringQuote.size() : 1;
          }
          marked += text.substr(range.begin, range.end - range.begin);
          done = range.end;
        }
        for (size_t i = done; i < text.size();) {
          const bool quote = text.compare(i, kStringQuote.size(), kStringQuote) == 0;
          marked.push_back(quote ? kQuoteByte : text[i]);
          i += quote ? kStringQuote.size() : 1;
        }
        const ToolCall parsed = Value(ParseToolCall("call:f{" + marked + "}"));
        EXPECT_EQ(nlohmann::json(parsed.arguments), nlohmann::json(arguments)) << text;
        ++read;
      }
    }
  }
  EXPECT_GT(read, 40);
}

}  // namespace
}  // namespace facet
