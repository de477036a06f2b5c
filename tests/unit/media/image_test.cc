// What is common to all formats: which are read, limits, cut files, and the files of cases C31 and
// C32.
#include "media/image.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "image_writer.h"
#include "media/image_processor.h"
#include "testing/golden.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using ::testing::HasSubstr;
using std::string_view_literals::operator""sv;
using testing::AsBytes;
using testing::CasePath;
using testing::ErrorOf;
using testing::MakePicture;
using testing::Value;

std::string ReadBytes(const std::filesystem::path& path) { return Value(ReadFile(path, 1 << 24)); }

Image ReadCase(const std::string& name) {
  const std::string file = ReadBytes(CasePath("img/" + name));
  return Value(DecodeImage(AsBytes(file)));
}

std::vector<int> PixelAt(const Image& image, int64_t x, int64_t y) {
  const auto* pixel = image.pixels.data() + (y * image.width + x) * 3;
  return {pixel[0], pixel[1], pixel[2]};
}

int LargestDifference(const Image& a, const Image& b) {
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  }
  return largest;
}

// Case C31.
TEST(DecodeImage, TurnsJpegUprightByExif) {
  const int at_one = LargestDifference(ReadCase("exif1.jpg"), ReadCase("exif1_upright.png"));
  EXPECT_LE(at_one, 1);
  for (int k = 1; k <= 8; ++k) {
    const Image jpeg = ReadCase("exif" + std::to_string(k) + ".jpg");
    const Image upright = ReadCase("exif" + std::to_string(k) + "_upright.png");
    ASSERT_EQ(jpeg.width, upright.width) << k;
    ASSERT_EQ(jpeg.height, upright.height) << k;
    EXPECT_LE(LargestDifference(jpeg, upright), at_one) << k;
    const auto tokens = [](const Image& image) { return Value(ProcessImage(image, {})).tokens; };
    EXPECT_EQ(tokens(jpeg), tokens(upright)) << k;
  }
}

// Case C32: decoded to 253 tokens or refused by name.
TEST(DecodeImage, PixelFormatsOfCaseC32) {
  const std::vector<int> red = {255, 0, 0};
  const std::vector<int> white = {255, 255, 255};
  for (const std::string name : {"palette.png", "cmyk.jpg", "still.webp", "anim.webp"}) {
    const Image image = ReadCase(name);
    EXPECT_EQ(PixelAt(image, 0, 0), red) << name;
    EXPECT_EQ(PixelAt(image, 95, 47), white) << name;
    EXPECT_EQ(Value(ProcessImage(image, {})).tokens, 253) << name;
  }
  const Image hidden = ReadCase("rgba_hidden_magenta.png");
  EXPECT_EQ(PixelAt(hidden, 0, 0), (std::vector<int>{255, 0, 255})) << "alpha is dropped";
  EXPECT_EQ(PixelAt(hidden, 48, 24), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(PixelAt(ReadCase("la.png"), 5, 5), (std::vector<int>{128, 128, 128}));
  EXPECT_EQ(PixelAt(ReadCase("gray16.png"), 5, 5), (std::vector<int>{156, 156, 156}))
      << "40000 of 65535 keeps its high byte";
  const std::string cut = ReadBytes(CasePath("img/cut.jpg"));
  EXPECT_EQ(ErrorOf(DecodeImage(AsBytes(cut))).code, ErrorCode::kInvalidData);
}

TEST(DecodeImage, NamesOtherFormats) {
  const std::vector<std::pair<std::string_view, std::string>> cases = {
      {"GIF89a\1\0\1\0"sv, "GIF"},
      {"BM\x46\0\0\0"sv, "BMP"},
      {"II*\0\x08\0\0\0"sv, "TIFF"},
      {"MM\0*\0\0\0\x08"sv, "TIFF"},
      {"\0\0\0\x18"
       "ftypheic\0\0\0\0"sv,
       "HEIC"},
      {"\0\0\0\x18"
       "ftypmif1\0\0\0\0"sv,
       "HEIC"},
      {"\0\0\0\x18"
       "ftypavif\0\0\0\0"sv,
       "AVIF"},
      {"%PDF-1.7\n"sv, "PDF"},
      {"<svg xmlns='http://www.w3.org/2000/svg'/>"sv, "SVG"},
      {"<?xml version='1.0'?>\n<!-- x --><svg/>"sv, "SVG"},
      {"just some words, named .png"sv, "text"},
      {"\xEF\xBB\xBFГлава"sv, "text"},
      {"\1\2\3\4"sv, "unknown"},
      {"RIFF\x24\0\0\0WAVEfmt "sv, "unknown"},
  };
  for (const auto& [bytes, name] : cases) {
    const Error error = ErrorOf(DecodeImage(AsBytes(std::string(bytes))));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << name;
    EXPECT_THAT(error.message, HasSubstr(name));
    EXPECT_THAT(error.message, HasSubstr("PNG, JPEG and WebP"));
  }
  EXPECT_EQ(ErrorOf(DecodeImage({})).code, ErrorCode::kInvalidData);
}

// The same small picture in every format, whole.
std::vector<std::pair<std::string, std::string>> Files() {
  const Image picture = MakePicture(20, 13);
  const testing::PngSpec png{.width = 20, .height = 13};
  testing::PngSpec interlaced = png;
  interlaced.interlaced = true;
  return {{"png", testing::WritePng(png, picture.pixels)},
          {"interlaced png", testing::WritePng(interlaced, picture.pixels)},
          {"jpeg", testing::WriteJpeg({}, 20, 13, picture.pixels)},
          {"progressive jpeg", testing::WriteJpeg({.progressive = true}, 20, 13, picture.pixels)},
          {"webp", testing::Riff(testing::WebpPixels(picture))}};
}

TEST(DecodeImage, EveryCutFileIsRefused) {
  for (const auto& [name, file] : Files()) {
    Value(DecodeImage(AsBytes(file)));
    for (size_t size = 0; size < file.size(); ++size) {
      const auto result = DecodeImage(AsBytes(file).first(size));
      EXPECT_FALSE(result.has_value()) << name << ": " << size << " of " << file.size() << " bytes";
    }
  }
}

TEST(DecodeImage, BytesBehindTheEndChangeNothing) {
  for (const auto& [name, file] : Files()) {
    const std::string longer = file + "more bytes, as telephones append them";
    EXPECT_EQ(Value(DecodeImage(AsBytes(file))).pixels, Value(DecodeImage(AsBytes(longer))).pixels)
        << name;
  }
}

TEST(DecodeImage, ChangedBytesNeverCrash) {
  for (const auto& [name, file] : Files()) {
    for (size_t i = 0; i < file.size(); ++i) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ 0xFF);
      const auto result = DecodeImage(AsBytes(changed), {.max_pixels = 1000});
      if (!result) continue;
      EXPECT_EQ(std::ssize(result->pixels), result->width * result->height * 3) << name << i;
    }
  }
}

TEST(DecodeImage, LimitsAreCheckedOnTheHeader) {
  for (const auto& [name, file] : Files()) {
    const auto code = [bytes = AsBytes(file)](const ImageLimits& limits) {
      return ErrorOf(DecodeImage(bytes, limits)).code;
    };
    EXPECT_EQ(code({.max_side = 19}), ErrorCode::kResource) << name;
    EXPECT_EQ(code({.max_pixels = 259}), ErrorCode::kResource) << name;
    const ImageLimits just{.max_side = 20, .max_pixels = 260};
    EXPECT_TRUE(DecodeImage(AsBytes(file), just).has_value()) << name;
  }
}

}  // namespace
}  // namespace facet
