#include "media/image_processor.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "testing/golden.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::CasePath;
using testing::ErrorOf;
using testing::Golden;
using testing::GoldenJson;
using testing::GoldenPath;
using testing::Value;

Image ReadImage(const std::filesystem::path& path) {
  const MappedFile file = Value(MappedFile::Open(path));
  return Value(DecodeImage(file.bytes()));
}

Image Filled(int64_t width, int64_t height, uint8_t value) {
  return {.width = width,
          .height = height,
          .pixels = std::vector<uint8_t>(static_cast<size_t>(width * height * 3), value)};
}

ImageProcessorOptions Budget(int64_t tokens) { return {.max_soft_tokens = tokens}; }

std::string Stem(const std::string& file) { return std::filesystem::path(file).stem().string(); }

std::vector<nlohmann::json> GoldenCases() {
  const auto images = GoldenJson("golden.json")["images"];
  return {images.begin(), images.end()};
}

// Every image of golden.json with each of its budgets.
class GoldenImages : public ::testing::TestWithParam<nlohmann::json> {};

TEST_P(GoldenImages, TokensPositionsAndTotalsAgree) {
  const nlohmann::json& golden = GetParam();
  const Image image = ReadImage(GoldenPath(golden["file"]));
  EXPECT_EQ(golden["size"], nlohmann::json({image.width, image.height}));
  const ImagePatches got = Value(ProcessImage(image, Budget(golden["max_soft_tokens"])));
  EXPECT_EQ(got.tokens, golden["num_soft_tokens"].get<int64_t>());
  ASSERT_EQ(std::ssize(got.positions), got.tokens * 2);
  EXPECT_EQ(golden["pos_max"], nlohmann::json({got.positions.end()[-2], got.positions.end()[-1]}));

  // golden.json's sums were added up in float32 over pixels scaled to [0, 1]: two roundings to 24
  // binary digits, each of at most 2^-24 of the sum.
  const auto sum = std::accumulate(got.patches.begin(), got.patches.end(), int64_t{0});
  const double golden_sum = golden["sum"].get<double>();
  EXPECT_NEAR(static_cast<double>(sum), golden_sum, golden_sum * 0x1p-23);

  const auto head = golden["row0_head"].get<std::vector<int>>();
  const auto tail = golden["rowlast_tail"].get<std::vector<int>>();
  EXPECT_EQ(head, std::vector<int>(got.patches.begin(), got.patches.begin() + std::ssize(head)));
  EXPECT_EQ(tail, std::vector<int>(got.patches.end() - std::ssize(tail), got.patches.end()));
}

INSTANTIATE_TEST_SUITE_P(All, GoldenImages, ::testing::ValuesIn(GoldenCases()),
                         [](const auto& test) {
                           const nlohmann::json& golden = test.param;
                           return Stem(golden["file"]) + "_" + golden["max_soft_tokens"].dump();
                         });

// The images whose patches golden.safetensors holds, all with a budget of 70.
class GoldenPatches : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenPatches, AgreeUpToOneInAThousand) {
  const Golden golden = Golden::Load(GoldenPath("golden.safetensors"));
  const Image image = ReadImage(GoldenPath(GetParam() + ".png"));
  const ImagePatches got = Value(ProcessImage(image, Budget(70)));
  const auto positions = golden.I64("img." + GetParam() + ".pos");
  EXPECT_EQ(positions, std::vector<int64_t>(got.positions.begin(), got.positions.end()));

  const auto patches = golden.U8("img." + GetParam() + ".patches_u8");
  ASSERT_EQ(patches.size(), got.patches.size());
  int64_t different = 0;
  int largest = 0;
  for (size_t i = 0; i < patches.size(); ++i) {
    const int difference = std::abs(int{patches[i]} - int{got.patches[i]});
    different += difference != 0 ? 1 : 0;
    largest = std::max(largest, difference);
  }
  RecordProperty("different", std::to_string(different));
  EXPECT_LE(largest, 1);
  EXPECT_LE(different, std::ssize(patches) / 1000) << "of " << patches.size();
}

INSTANTIATE_TEST_SUITE_P(All, GoldenPatches,
                         ::testing::Values("circle", "gray", "large", "tall", "tiny", "wide"),
                         [](const auto& test) { return test.param; });

struct SizeCase {
  ImageSize from;
  ImageSize to;
  int64_t tokens;
  int64_t budget = 280;
};

TEST(TargetSize, FillsTheBudget) {
  const std::vector<SizeCase> cases = {
      // spec section 10, item 5
      {{512, 512}, {768, 768}, 256},
      {{672, 960}, {672, 960}, 280},
      {{1280, 720}, {528, 288}, 66, 70},
      // case C33
      {{1, 1}, {768, 768}, 256},
      {{16000, 16}, {13440, 48}, 280},
      {{16, 16000}, {48, 13440}, 280},
      {{96, 48}, {1104, 528}, 253},
      {{1920, 1080}, {1056, 576}, 264},
      {{48, 48}, {768, 768}, 256},
      {{48, 48}, {1584, 1584}, 1089, 1120},
      // a narrow side that rounds down to nothing takes the ratio of the sides, not the budget
      {{700, 10}, {3360, 48}, 70, 70},
      {{710, 10}, {3360, 48}, 70, 70},
      {{32768, 1}, {53760, 48}, 1120, 1120},
  };
  for (const SizeCase& c : cases) {
    const ImageSize got = Value(TargetSize(c.from, Budget(c.budget)));
    EXPECT_EQ(got.width, c.to.width) << c.from.width << " x " << c.from.height;
    EXPECT_EQ(got.height, c.to.height) << c.from.width << " x " << c.from.height;
    EXPECT_EQ(got.width * got.height / (48 * 48), c.tokens);
  }
}

TEST(TargetSize, NeverEmptyAndNeverAboveTheBudget) {
  for (const int64_t budget : {70, 140, 280, 560, 1120}) {
    for (int64_t width = 1; width <= 32768; width = width * 5 / 3 + 1) {
      for (int64_t height = 1; height <= 32768; height = height * 7 / 4 + 1) {
        const ImageSize got = Value(TargetSize({width, height}, Budget(budget)));
        EXPECT_GT(got.width, 0);
        EXPECT_GT(got.height, 0);
        EXPECT_EQ(got.width % 48, 0);
        EXPECT_EQ(got.height % 48, 0);
        EXPECT_LE(got.width * got.height, budget * 48 * 48);
      }
    }
  }
}

TEST(TargetSize, RefusesOtherBudgets) {
  for (const int64_t budget : {-70, 0, 1, 69, 100, 1121}) {
    EXPECT_EQ(ErrorOf(TargetSize({96, 48}, Budget(budget))).code, ErrorCode::kUsage) << budget;
  }
}

TEST(TargetSize, RefusesAnEmptyImage) {
  EXPECT_EQ(ErrorOf(TargetSize({0, 48}, Budget(70))).code, ErrorCode::kInvalidData);
  EXPECT_EQ(ErrorOf(TargetSize({48, 0}, Budget(70))).code, ErrorCode::kInvalidData);
  EXPECT_EQ(ErrorOf(ProcessImage(Image{}, Budget(70))).code, ErrorCode::kInvalidData);
}

TEST(TargetSize, RefusesMorePatchesInALineThanPositions) {
  ImageProcessorOptions options = Budget(70);
  options.position_limit = 52;
  EXPECT_EQ(Value(TargetSize({40, 1}, options)).width, 52 * 48);
  options.position_limit = 51;
  EXPECT_EQ(ErrorOf(TargetSize({40, 1}, options)).code, ErrorCode::kUnsupported);
  EXPECT_EQ(ErrorOf(TargetSize({1, 40}, options)).code, ErrorCode::kUnsupported);
}

TEST(ProcessImage, FilesOfCaseC33) {
  const std::vector<std::pair<std::string, std::pair<int64_t, ImageSize>>> cases = {
      {"img/1x1.png", {256, {16, 16}}},
      {"img/wide.png", {280, {280, 1}}},
      {"img/tall.png", {280, {1, 280}}},
      {"img/plain.jpg", {253, {23, 11}}},
  };
  for (const auto& [file, expected] : cases) {
    const ImagePatches got = Value(ProcessImage(ReadImage(CasePath(file)), Budget(280)));
    EXPECT_EQ(got.tokens, expected.first) << file;
    EXPECT_EQ(got.positions.end()[-2], expected.second.width - 1) << file;
    EXPECT_EQ(got.positions.end()[-1], expected.second.height - 1) << file;
  }
}

TEST(ProcessImage, CutsPatchesRowByRowWithChannelsInside) {
  // 480 x 336 is 10 x 7 patches, exactly the budget of 70: no resizing. Every value tells its
  // place.
  Image image = Filled(480, 336, 0);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<uint8_t>(i * 31 + i / 251);
  }
  const ImagePatches got = Value(ProcessImage(image, Budget(70)));
  ASSERT_EQ(got.tokens, 70);
  for (int64_t token = 0; token < 70; ++token) {
    const int64_t column = token % 10;
    const int64_t row = token / 10;
    EXPECT_EQ(got.positions[static_cast<size_t>(token * 2)], column);
    EXPECT_EQ(got.positions[static_cast<size_t>(token * 2 + 1)], row);
    for (int64_t i = 0; i < 6912; ++i) {
      const int64_t y = row * 48 + i / 144;
      const int64_t x = column * 48 + i / 3 % 48;
      ASSERT_EQ(got.patches[static_cast<size_t>(token * 6912 + i)],
                image.pixels[static_cast<size_t>((y * 480 + x) * 3 + i % 3)])
          << "token " << token << ", value " << i;
    }
  }
}

TEST(ProcessImage, AnEvenColourStaysEven) {
  // Weights that did not sum to one, or a window that ran over an edge, would show.
  for (const uint8_t value : std::vector<uint8_t>{0, 1, 127, 254, 255}) {
    for (const ImageSize size : {ImageSize{7, 5}, {501, 333}, {1000, 3}, {1, 1}}) {
      const ImagePatches got =
          Value(ProcessImage(Filled(size.width, size.height, value), Budget(70)));
      EXPECT_EQ(std::ranges::count(got.patches, value), std::ssize(got.patches))
          << size.width << " x " << size.height;
    }
  }
}

}  // namespace
}  // namespace facet
