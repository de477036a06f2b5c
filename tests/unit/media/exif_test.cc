#include "media/exif.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "image_writer.h"
#include "media/image.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::AsBytes;
using testing::ExifSpec;
using testing::MakeExif;
using testing::MakePicture;
using testing::Value;

Orientation Read(const std::string& block) { return ReadOrientation(AsBytes(block)); }

const std::string kPrefix("Exif\0\0", 6);

TEST(ReadOrientation, AllValuesInBothByteOrders) {
  for (const bool big_endian : {false, true}) {
    for (const uint64_t type : {3u, 4u}) {
      for (uint64_t k = 1; k <= 8; ++k) {
        const std::string block =
            MakeExif({.orientation = k, .big_endian = big_endian, .type = type});
        EXPECT_EQ(Read(block), static_cast<Orientation>(k));
        EXPECT_EQ(Read(kPrefix + block), static_cast<Orientation>(k));
      }
    }
  }
}

TEST(ReadOrientation, BrokenBlocksMeanUpright) {
  const std::vector<ExifSpec> specs = {
      {.orientation = 0},
      {.orientation = 9},
      {.orientation = 0xFFFF},
      {.type = 2},
      {.count = 0},
      {.count = 0xFFFFFFFF},
      {.entries = 0},
      {.entries = 1},  // ends before the orientation
      {.directory_offset = 0},
      {.directory_offset = 0xFFFFFFFF},
      {.directory_offset = 33},
  };
  for (const ExifSpec& spec : specs) EXPECT_EQ(Read(MakeExif(spec)), Orientation::kUpright);
  EXPECT_EQ(Read(""), Orientation::kUpright);
  EXPECT_EQ(Read("MI" + MakeExif().substr(2)), Orientation::kUpright);
  EXPECT_EQ(Read("MM\x01\x2A" + MakeExif().substr(4)), Orientation::kUpright);
}

TEST(ReadOrientation, EntriesStatedInExcessAreHarmless) {
  EXPECT_EQ(Read(MakeExif({.entries = 0xFFFF})), Orientation::kTurnRight);
}

TEST(ReadOrientation, CutBlocksMeanUpright) {
  const std::string block = MakeExif();
  const size_t needed =
      8 + 2 + 12 + 8 + 2;  // header, count, one entry, the second one up to its value
  for (size_t size = 0; size < block.size(); ++size) {
    EXPECT_EQ(Read(block.substr(0, size)),
              size < needed ? Orientation::kUpright : Orientation::kTurnRight)
        << size;
  }
}

// The pixels of `stored` as orientation k shows them, from the definition in CIPA DC-008: which
// side of the upright picture the stored first row and first column are.
Image Upright(const Image& stored, int k) {
  const bool row_is_vertical = k >= 5;                             // first row: left or right side
  const bool row_side_far = k == 3 || k == 4 || k == 7 || k == 6;  // bottom, or right
  const bool column_side_far = k == 2 || k == 3 || k == 7 || k == 8;  // right, or bottom
  Image result{.width = stored.width, .height = stored.height, .pixels = {}};
  if (row_is_vertical) std::swap(result.width, result.height);
  result.pixels.resize(stored.pixels.size());
  for (int64_t y = 0; y < stored.height; ++y) {
    for (int64_t x = 0; x < stored.width; ++x) {
      const int64_t row = row_side_far ? stored.height - 1 - y : y;
      const int64_t column = column_side_far ? stored.width - 1 - x : x;
      const int64_t at =
          row_is_vertical ? column * result.width + row : row * result.width + column;
      for (int64_t c = 0; c < 3; ++c) {
        result.pixels[static_cast<size_t>(at * 3 + c)] =
            stored.pixels[static_cast<size_t>((y * stored.width + x) * 3 + c)];
      }
    }
  }
  return result;
}

TEST(DecodeImage, TurnsPngAndWebpUpright) {
  const Image stored = MakePicture(5, 3);
  for (int k = 1; k <= 8; ++k) {
    const std::string exif = MakeExif({.orientation = static_cast<uint64_t>(k)});
    const std::string png =
        testing::WritePng({.width = 5, .height = 3, .exif = exif}, stored.pixels);
    constexpr int kExifFlag = 0x08;
    const std::string webp =
        testing::Riff(testing::WebpExtended(kExifFlag, 5, 3) + testing::WebpPixels(stored) +
                      testing::RiffChunk("EXIF", exif));
    const Image expected = Upright(stored, k);
    for (const std::string& file : {png, webp}) {
      const Image got = Value(DecodeImage(AsBytes(file)));
      EXPECT_EQ(got.width, expected.width) << k;
      EXPECT_EQ(got.height, expected.height) << k;
      EXPECT_EQ(got.pixels, expected.pixels) << k;
    }
  }
}

TEST(DecodeImage, BrokenOrHugeExifChangesNothing) {
  const Image picture = MakePicture(16, 8);
  const std::string plain = testing::WriteJpeg({}, 16, 8, picture.pixels);
  const Image expected = Value(DecodeImage(AsBytes(plain)));
  const std::vector<std::string> blocks = {
      kPrefix,
      kPrefix + "MM",
      kPrefix + MakeExif({.directory_offset = 0xFFFFFFFF}),
      kPrefix + MakeExif({.orientation = 99}),
      kPrefix + std::string(65'000, '\xFF'),
      kPrefix + "II*" + std::string(65'000, '\0'),
      "http://ns.adobe.com/xap/1.0/" + MakeExif(),
  };
  for (const std::string& block : blocks) {
    const std::string file = testing::WriteJpeg({.app1 = block}, 16, 8, picture.pixels);
    EXPECT_EQ(Value(DecodeImage(AsBytes(file))).pixels, expected.pixels) << block.substr(0, 20);
  }
  const std::string png = testing::WritePng({.width = 16, .height = 8}, picture.pixels);
  for (const std::string& block : {std::string("x"), "MM" + std::string(2'000'000, '\xFF')}) {
    std::string file = png;
    file.insert(8 + 25, testing::PngChunk("eXIf", block));  // behind the signature and IHDR
    EXPECT_EQ(Value(DecodeImage(AsBytes(file))).pixels, picture.pixels);
  }
}

}  // namespace
}  // namespace facet
