// The container: what the reference refuses is refused (C01), and written files are stable.
#include "checkpoint/safetensors.h"

#include <cstring>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using ::testing::AllOf;
using testing::CasePath;
using testing::ErrorOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ReadBytes;
using testing::TemporaryFolder;
using testing::Value;

/// A file with this header text and so many zero bytes of data.
std::string FileOf(std::string_view header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file.append(header).append(data_bytes, '\0');
}

Result<SafetensorsHeader> Parse(const std::string& file) {
  return SafetensorsHeader::Parse(std::as_bytes(std::span(file)), "f.safetensors");
}

Error Refusal(std::string_view header, size_t data_bytes) {
  return ErrorOf(Parse(FileOf(header, data_bytes)));
}

TEST(SafetensorsTest, ReadsTensorsInFileOrderAndMetadata) {
  const SafetensorsHeader header = Value(Parse(FileOf(
      R"({"b":{"dtype":"F32","shape":[],"data_offsets":[4,8]},"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},)"
      R"("e":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]}}  )",
      8)));
  ASSERT_EQ(header.tensors.size(), 3u);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].shape, Shape({2, 1}));
  EXPECT_EQ(header.tensors[1].name, "e");
  EXPECT_EQ(header.tensors[2].name, "b");
  EXPECT_EQ(header.tensors[2].dtype, DType::kF32);
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

struct C01Case {
  std::string file;
  std::string size;
  std::string said;
};

class SafetensorsC01Test : public ::testing::TestWithParam<C01Case> {};

TEST_P(SafetensorsC01Test, OneLineNamesFileLengthAndSize) {
  const std::string bytes = ReadBytes(CasePath("c01/" + GetParam().file));
  const Error error =
      ErrorOf(SafetensorsHeader::Parse(std::as_bytes(std::span(bytes)), GetParam().file));
  EXPECT_THAT(error.message, AllOf(HasSubstr(GetParam().file), HasSubstr("header length"),
                                   HasSubstr("file size " + GetParam().size + " bytes"),
                                   HasSubstr(GetParam().said), Not(HasSubstr("\n"))));
}

INSTANTIATE_TEST_SUITE_P(
    Files, SafetensorsC01Test,
    ::testing::Values(C01Case{"lfs.safetensors", "135", "git-lfs pointer"},
                      C01Case{"len_max.safetensors", "10", "18446744073709551615"},
                      C01Case{"empty.safetensors", "0", "read 0"},
                      C01Case{"seven.safetensors", "7", "read 7"},
                      C01Case{"cut.safetensors", "1823916", "truncated"},
                      C01Case{"tail.safetensors", "1824932", "16 bytes behind"}),
    [](const auto& test) { return test.param.file.substr(0, test.param.file.find('.')); });

TEST(SafetensorsTest, RefusesRangesThatDoNotTileTheData) {
  const auto two = [](std::string_view first, std::string_view second) {
    return fmt::format(R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":{}}},)"
                       R"("b":{{"dtype":"U8","shape":[4],"data_offsets":{}}}}})",
                       first, second);
  };
  EXPECT_TRUE(Parse(FileOf(two("[0,4]", "[4,8]"), 8)));
  EXPECT_THAT(Refusal(two("[0,4]", "[5,9]"), 9).message, HasSubstr("starts at data byte 5"));
  EXPECT_THAT(Refusal(two("[0,4]", "[3,7]"), 7).message, HasSubstr("starts at data byte 3"));
  EXPECT_THAT(Refusal(two("[1,5]", "[5,9]"), 9).message, HasSubstr("starts at data byte 1"));
  EXPECT_THAT(Refusal(two("[0,4]", "[8,4]"), 8).message, HasSubstr("does not fill"));
  EXPECT_THAT(Refusal(two("[0,4]", "[4,9]"), 9).message, HasSubstr("does not fill"));
}

TEST(SafetensorsTest, RefusesWhatItCannotTrust) {
  const auto one = [](std::string_view entry) { return fmt::format(R"({{"a":{}}})", entry); };
  const std::pair<std::string, std::string> cases[] = {
      {"[]", "not a JSON object"},
      {"nonsense", "not valid JSON"},
      {"{", "not valid JSON"},
      {"\xff", "not valid JSON"},
      {one("1"), "a number"},
      {one("null"), "null"},
      {one("{}"), "missing"},
      {one(R"({"dtype":"U8","shape":[0]})"), "missing"},
      {one(R"({"dtype":"U8","shape":[0],"data_offsets":[0]})"), "missing"},
      {one(R"({"dtype":"U8","shape":[0],"data_offsets":[0,0,0]})"), "a number"},
      {one(R"({"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]})"), "repeated"},
      {one(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,0]})"), "negative"},
      {one(R"({"dtype":"U8","shape":[1.0],"data_offsets":[0,0]})"), "fraction"},
      {one(R"({"dtype":"U8","shape":["1"],"data_offsets":[0,0]})"), "a string"},
      {one(R"({"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1})"), "unknown"},
      {one(R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})"), "not fill"},
      {one(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})"), "not fill"},
      {one(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,0]})"), "not fill"},
      {R"({"__metadata__":{"k":1}})", "a number"},
      {R"({"__metadata__":1})", "a number"},
      {R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
       R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
       "appears twice"},
      {std::string(100'000, '['), "nests deeper"},
  };
  for (const auto& [header, said] : cases) {
    const Error error = Refusal(header, 0);
    EXPECT_EQ(error.code, ErrorCode::kInvalidData) << header.substr(0, 80);
    EXPECT_THAT(error.message, HasSubstr(said)) << header.substr(0, 80);
  }
}

TEST(SafetensorsTest, UnknownTypesAndFiveDimensionsAreUnsupported) {
  const Error type = Refusal(R"({"a":{"dtype":"F4","shape":[0],"data_offsets":[0,0]}})", 0);
  EXPECT_EQ(type.code, ErrorCode::kUnsupported);
  EXPECT_THAT(type.message, HasSubstr("F4"));
  const Error rank = Refusal(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1],"data_offsets":[0,1]}})", 1);
  EXPECT_EQ(rank.code, ErrorCode::kUnsupported);
  EXPECT_THAT(rank.message, HasSubstr("dimensions"));
}

TEST(SafetensorsTest, WritesStableFilesThatReadBack) {
  const TemporaryFolder folder;
  const std::vector<SafetensorsTensor> tensors = {
      {"a", DType::kBF16, {2, 3}}, {"nothing", DType::kF32, {0}}, {"s", DType::kF32, {}}};
  const std::string data = "0123456789abWXYZ";
  const auto write = [&](const std::string& name, size_t split) {
    SafetensorsWriter writer = Value(SafetensorsWriter::Create(folder.path() / name, tensors));
    const auto bytes = std::as_bytes(std::span(data));
    Value(writer.Append("a", bytes.first(split)));
    Value(writer.Append("a", bytes.subspan(split, 12 - split)));
    Value(writer.Append("s", bytes.subspan(12)));
    Value(writer.Close());
    return ReadBytes(folder.path() / name);
  };
  const std::string file = write("one", 5);
  EXPECT_EQ(file, write("two", 12));
  EXPECT_EQ(file.substr(8, 61), R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[)");
  const SafetensorsHeader header = Value(Parse(file));
  EXPECT_EQ(header.data_start % 8, 0u);
  EXPECT_EQ(header.metadata.at("format"), "pt");
  EXPECT_EQ(file.substr(header.data_start), data);
  ASSERT_EQ(header.tensors.size(), 3u);
  EXPECT_EQ(header.tensors[0].shape, Shape({2, 3}));
}

}  // namespace
}  // namespace facet
