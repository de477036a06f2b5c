// Pixel layouts of each format, made here with the libraries' writers.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image_writer.h"
#include "media/image.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::AsBytes;
using ::testing::ElementsAre;
using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::MakePicture;
using testing::PngSpec;
using testing::Value;
using testing::WriteJpeg;
using testing::WritePng;

std::vector<uint8_t> Pixels(const std::string& file) {
  return Value(DecodeImage(AsBytes(file))).pixels;
}

TEST(DecodePng, RgbPlainAndInterlaced) {
  for (const int64_t width : {1, 2, 3, 7, 8, 9, 33}) {
    const Image picture = MakePicture(width, 11);
    PngSpec spec{.width = static_cast<uint32_t>(width), .height = 11};
    EXPECT_EQ(Pixels(WritePng(spec, picture.pixels)), picture.pixels) << width;
    spec.interlaced = true;
    EXPECT_EQ(Pixels(WritePng(spec, picture.pixels)), picture.pixels) << width;
  }
}

TEST(DecodePng, SixteenBitsKeepTheHighByte) {
  const PngSpec rgb{.width = 2, .height = 1, .bits = 16};
  EXPECT_THAT(
      Pixels(WritePng(rgb, std::vector<uint8_t>{1, 255, 2, 0, 3, 128, 255, 255, 254, 255, 0, 0})),
      ElementsAre(1, 2, 3, 255, 254, 0));
  const PngSpec gray{.width = 2, .height = 1, .bits = 16, .colour = PNG_COLOR_TYPE_GRAY};
  EXPECT_THAT(Pixels(WritePng(gray, std::vector<uint8_t>{16, 200, 200, 16})),
              ElementsAre(16, 16, 16, 200, 200, 200));
}

TEST(DecodePng, AlphaIsDropped) {
  const PngSpec rgba{.width = 2, .height = 1, .colour = PNG_COLOR_TYPE_RGB_ALPHA};
  EXPECT_THAT(Pixels(WritePng(rgba, std::vector<uint8_t>{10, 20, 30, 0, 40, 50, 60, 128})),
              ElementsAre(10, 20, 30, 40, 50, 60));
  const PngSpec gray{.width = 2, .height = 1, .colour = PNG_COLOR_TYPE_GRAY_ALPHA};
  EXPECT_THAT(Pixels(WritePng(gray, std::vector<uint8_t>{10, 0, 20, 255})),
              ElementsAre(10, 10, 10, 20, 20, 20));
}

TEST(DecodePng, FewBitsOfGrayAreSpreadToTheWholeRange) {
  const auto gray = [](int bits, uint8_t byte) {
    const PngSpec spec{.width = static_cast<uint32_t>(8 / bits),
                       .height = 1,
                       .bits = bits,
                       .colour = PNG_COLOR_TYPE_GRAY};
    std::vector<int> values;
    const auto pixels = Pixels(WritePng(spec, std::vector<uint8_t>{byte}));
    for (size_t i = 0; i < pixels.size(); i += 3) values.push_back(pixels[i]);
    return values;
  };
  EXPECT_THAT(gray(1, 0b10110001), ElementsAre(255, 0, 255, 255, 0, 0, 0, 255));
  EXPECT_THAT(gray(2, 0b00011011), ElementsAre(0, 85, 170, 255));
  EXPECT_THAT(gray(4, 0x1E), ElementsAre(17, 238));
}

TEST(DecodePng, PaletteWithTransparentEntriesShowsItsColours) {
  const PngSpec spec{.width = 3,
                     .height = 1,
                     .colour = PNG_COLOR_TYPE_PALETTE,
                     .palette = {{1, 2, 3}, {250, 0, 250}},
                     .palette_alpha = {255, 0}};
  EXPECT_THAT(Pixels(WritePng(spec, std::vector<uint8_t>{0, 1, 0})),
              ElementsAre(1, 2, 3, 250, 0, 250, 1, 2, 3));
}

TEST(DecodePng, ALyingHeaderCostsNothing) {
  const std::string file = testing::PngHeader(10'000, 10'000) + testing::PngChunk("IDAT", "");
  const Error error = ErrorOf(DecodeImage(AsBytes(file)));
  EXPECT_EQ(error.code, ErrorCode::kInvalidData);
  EXPECT_THAT(error.message, HasSubstr("cannot hold"));
  for (const auto& [width, height] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0x7FFFFFFF, 0x7FFFFFFF}, {32769, 1}, {20'000, 20'000}}) {
    const std::string header = testing::PngHeader(width, height) + testing::PngChunk("IDAT", "");
    EXPECT_EQ(ErrorOf(DecodeImage(AsBytes(header))).code, ErrorCode::kResource) << width;
  }
  const std::string empty = testing::PngHeader(0, 5) + testing::PngChunk("IDAT", "");
  EXPECT_EQ(ErrorOf(DecodeImage(AsBytes(empty))).code, ErrorCode::kInvalidData);
}

TEST(DecodeJpeg, GrayAndColourPlainAndProgressive) {
  const std::vector<uint8_t> gray(16 * 8, 77);
  std::vector<uint8_t> colour;
  for (int i = 0; i < 16 * 8; ++i) colour.insert(colour.end(), {200, 100, 50});
  for (const bool progressive : {false, true}) {
    const auto gray_file =
        WriteJpeg({.colours = JCS_GRAYSCALE, .progressive = progressive}, 16, 8, gray);
    EXPECT_THAT(Pixels(gray_file), ::testing::Each(77));
    const auto pixels = Pixels(WriteJpeg({.progressive = progressive}, 16, 8, colour));
    ASSERT_EQ(pixels.size(), colour.size());
    for (size_t i = 0; i < pixels.size(); ++i) EXPECT_NEAR(pixels[i], colour[i], 1) << i;
  }
}

TEST(DecodeJpeg, InksAreInvertedAsAdobeWritesThem) {
  // 255 is no ink. Cyan ink of 55 (stored 200) at full light leaves 200 of red.
  const std::vector<std::pair<std::vector<uint8_t>, std::vector<int>>> cases = {
      {{255, 255, 255, 255}, {255, 255, 255}},
      {{200, 255, 0, 255}, {200, 255, 0}},
      {{255, 255, 255, 0}, {0, 0, 0}},
      {{128, 64, 255, 128}, {64, 32, 128}},
  };
  for (const auto& [inks, rgb] : cases) {
    std::vector<uint8_t> samples;
    for (int i = 0; i < 64; ++i) samples.insert(samples.end(), inks.begin(), inks.end());
    for (const bool ycck : {false, true}) {
      const auto pixels = Pixels(WriteJpeg({.colours = JCS_CMYK, .ycck = ycck}, 8, 8, samples));
      ASSERT_EQ(pixels.size(), 192u);
      for (size_t i = 0; i < pixels.size(); ++i) EXPECT_NEAR(pixels[i], rgb[i % 3], 2) << ycck;
    }
  }
}

TEST(DecodeJpeg, ALyingHeaderCostsNothing) {
  std::string file = WriteJpeg({}, 16, 8, MakePicture(16, 8).pixels);
  const size_t frame = file.find("\xFF\xC0");
  ASSERT_NE(frame, file.npos);
  file.replace(frame + 5, 4, "\x23\x28\x23\x28");
  const Error error = ErrorOf(DecodeImage(AsBytes(file)));
  EXPECT_EQ(error.code, ErrorCode::kInvalidData);
  EXPECT_THAT(error.message, HasSubstr("cannot hold 9000 x 9000"));
}

TEST(DecodeWebp, FirstFrameOnItsCanvas) {
  const Image frame = MakePicture(4, 2);
  constexpr int kAnimationFlag = 0x02;
  const auto animation = [&](uint64_t x, uint64_t y) {
    const std::string place = testing::Number(x / 2, 3, false) + testing::Number(y / 2, 3, false) +
                              testing::Number(4 - 1, 3, false) + testing::Number(2 - 1, 3, false) +
                              testing::Number(100, 3, false) + std::string(1, '\0');
    return testing::Riff(testing::WebpExtended(kAnimationFlag, 10, 6) +
                         testing::RiffChunk("ANIM", std::string("\xFF\xFF\xFF\xFF\0\0", 6)) +
                         testing::RiffChunk("ANMF", place + testing::WebpPixels(frame)));
  };
  const Image got = Value(DecodeImage(AsBytes(animation(6, 4))));
  EXPECT_EQ(got.width, 10);
  EXPECT_EQ(got.height, 6);
  for (int64_t i = 0; i < 10 * 6 * 3; ++i) {
    const int64_t x = i / 3 % 10 - 6;
    const int64_t y = i / 30 - 4;
    const bool inside = x >= 0 && y >= 0;
    const int expected = inside ? frame.pixels[static_cast<size_t>((y * 4 + x) * 3 + i % 3)] : 0;
    EXPECT_EQ(got.pixels[static_cast<size_t>(i)], expected) << i;
  }
  EXPECT_EQ(ErrorOf(DecodeImage(AsBytes(animation(8, 0)))).code, ErrorCode::kInvalidData);
  EXPECT_EQ(ErrorOf(DecodeImage(AsBytes(animation(0, 6)))).code, ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace facet
