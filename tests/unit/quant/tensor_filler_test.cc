#include "quant/tensor_filler.h"

#include <atomic>

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/result_matchers.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Value;

uint8_t ByteAt(int64_t place) { return static_cast<uint8_t>((place * 2654435761) >> 7); }

void Fill(int64_t first, std::span<uint8_t> out) {
  EXPECT_EQ(first % TensorFiller::kPartBytes, 0);
  for (uint8_t& byte : out) byte = ByteAt(first++);
}

/// The bytes of a file that holds one tensor of that many bytes.
std::string Written(int64_t bytes, int threads, const RunControl& control = {}) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "model.safetensors";
  ThreadPool pool(threads);
  TensorFiller filler(pool, control);
  filler.ExpectBytes(bytes);
  SafetensorsWriter writer =
      Value(SafetensorsWriter::Create(path, {{"t", DType::kU8, Shape{bytes}}}));
  Value(filler.Append(writer, "t", bytes, Fill));
  Value(writer.Close());
  return testing::ReadBytes(path);
}

TEST(TensorFillerTest, EveryByteIsInItsPlaceAtEveryBorder) {
  constexpr int64_t kPart = TensorFiller::kPartBytes;
  constexpr int64_t kPiece = TensorFiller::kPieceBytes;
  for (const int64_t bytes : {int64_t{1}, kPart - 1, kPart, kPart + 1, kPiece - 1, kPiece,
                              kPiece + 1, 2 * kPiece, 3 * kPiece + kPart + 5}) {
    const std::string file = Written(bytes, 3);
    const std::string_view data =
        std::string_view(file).substr(file.size() - static_cast<size_t>(bytes));
    int64_t wrong = 0;
    for (int64_t i = 0; i < bytes; ++i) {
      wrong += static_cast<uint8_t>(data[static_cast<size_t>(i)]) != ByteAt(i);
    }
    EXPECT_EQ(wrong, 0) << bytes;
    EXPECT_EQ(Written(bytes, 1), file) << bytes;
  }
}

TEST(TensorFillerTest, ReportsUpToTheEnd) {
  std::vector<int64_t> done;
  const RunControl control{.progress =
                               [&](std::string_view, int64_t now, int64_t total, auto) {
                                 EXPECT_EQ(total, 10);
                                 done.push_back(now);
                               },
                           .cancelled = {}};
  Written(10'000'000, 2, control);
  ASSERT_FALSE(done.empty());
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(done.back(), 10);
}

TEST(TensorFillerTest, StopsInTheMiddleOfATensor) {
  const testing::TemporaryFolder folder;
  ThreadPool pool(2);
  int polls = 0;
  const RunControl control{.progress = {}, .cancelled = [&] { return ++polls == 3; }};
  TensorFiller filler(pool, control);
  constexpr int64_t kBytes = 10 * TensorFiller::kPieceBytes;
  SafetensorsWriter writer = Value(SafetensorsWriter::Create(folder.path() / "model.safetensors",
                                                             {{"t", DType::kU8, Shape{kBytes}}}));
  std::atomic<int64_t> made{0};
  const auto result = filler.Append(writer, "t", kBytes, [&](int64_t, std::span<uint8_t> out) {
    made += static_cast<int64_t>(out.size());
  });
  EXPECT_EQ(ErrorOf(result).code, ErrorCode::kCancelled);
  EXPECT_EQ(made, 2 * TensorFiller::kPieceBytes);
}

}  // namespace
}  // namespace facet
