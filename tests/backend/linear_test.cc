// Linear layers: W4A16, BF16 and W4A4.
#include <algorithm>
#include <cmath>
#include <limits>

#include "suite.h"

namespace facet {
namespace {

using namespace facet::testing;  // NOLINT: the suite's own vocabulary

class LinearTest : public BackendSuite {
 protected:
  /// The product with `weight` for every number of tokens.
  void ExpectMatchesRef(const Weight& weight) {
    for (const int64_t tokens : kTokenCounts) {
      const Values x = Inputs(RandomValues(tokens, ColsOf(weight), 2));
      Values expected(tokens, RowsOf(weight));
      Values actual(tokens, RowsOf(weight));
      ref_.Linear(weight, x.view(), expected.matrix());
      backend_->Linear(weight, x.view(), actual.matrix());
      EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().linear))
          << RowsOf(weight) << "x" << ColsOf(weight) << ", tokens " << tokens;
    }
  }
};
FACET_INSTANTIATE_BACKENDS(LinearTest);
FACET_HOST_SUITE(HostLinearTest);

struct LinearShape {
  int64_t rows;
  int64_t cols;
};

// One block; less and more than a chunk or a panel of the kernels; tails of every kind; a long row.
constexpr LinearShape kNvfp4Shapes[] = {{1, 16},   {5, 48},   {13, 192},  {24, 256},
                                        {37, 272}, {11, 640}, {192, 768}, {3, 15360}};
constexpr LinearShape kBf16Shapes[] = {{1, 1},    {5, 7},    {13, 33},   {24, 256},
                                       {37, 257}, {11, 645}, {192, 768}, {3, 6912}};

TEST_P(LinearTest, Nvfp4MatchesRef) {
  for (const LinearShape shape : kNvfp4Shapes) {
    const Nvfp4Values weight(shape.rows, shape.cols, 1, 0.003f);
    ExpectMatchesRef(weight.matrix());
  }
}

TEST_P(LinearTest, Bf16MatchesRef) {
  for (const LinearShape shape : kBf16Shapes) {
    const Bf16Values weight(shape.rows, shape.cols, 1);
    ExpectMatchesRef(weight.matrix());
  }
}

TEST_P(LinearTest, EveryCodeAndScaleIsExact) {
  // One value at a time: a row of one block, x picks one element.
  const int64_t rows = 256;
  Nvfp4Values weight(rows, 16, 1, 1.0f);
  for (size_t n = 0; n < static_cast<size_t>(rows); ++n) {
    // Every byte as a scale, negative ones too, but not NaN.
    weight.scales[n] = n == 0x7F || n == 0xFF ? uint8_t{0} : static_cast<uint8_t>(n);
    for (size_t j = 0; j < 8; ++j) {
      weight.codes[n * 8 + j] = static_cast<uint8_t>((2 * j) | (2 * j + 1) << 4);
    }
  }
  Values x(1, 16);
  for (size_t k = 0; k < 16; ++k) {
    x.data.assign(16, 0.0f);
    x.data[k] = 1.0f;
    Values expected(1, rows);
    Values actual(1, rows);
    ref_.Linear(weight.matrix(), x.view(), expected.matrix());
    backend_->Linear(weight.matrix(), x.view(), actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), kExact)) << "element " << k;
  }
}

TEST_P(LinearTest, ActivationsOfEveryMagnitude) {
  const Nvfp4Values nvfp4(24, 272, 1, 0.003f);
  const Bf16Values bf16(24, 272, 1);
  for (const double scale : {1e-30, 1e-8, 1e8, 1e28}) {
    Values x = RandomValues(3, 272, 2, scale);
    x.data[100] *= 1000;  // an outlier among ordinary neighbours
    x = Inputs(x);
    for (const Weight& weight : {Weight(nvfp4.matrix()), Weight(bf16.matrix())}) {
      Values expected(3, 24);
      Values actual(3, 24);
      ref_.Linear(weight, x.view(), expected.matrix());
      backend_->Linear(weight, x.view(), actual.matrix());
      EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().linear)) << scale;
    }
  }
}

TEST_P(LinearTest, NotANumberStaysInItsToken) {
  const Nvfp4Values nvfp4(5, 272, 1, 0.003f);
  const Bf16Values bf16(5, 272, 1);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Values x = RandomValues(3, 272, 2);
    x.data[272 + 21] = bad;
    for (const Weight& weight : {Weight(nvfp4.matrix()), Weight(bf16.matrix())}) {
      Values out(3, 5);
      backend_->Linear(weight, x.view(), out.matrix());
      for (int64_t n = 0; n < 5; ++n) {
        EXPECT_TRUE(std::isfinite(out.view().row(0)[n]));
        EXPECT_FALSE(std::isfinite(out.view().row(1)[n]));
        EXPECT_TRUE(std::isfinite(out.view().row(2)[n]));
      }
    }
  }
}

/// Rows of a batch, each computed alone.
template <typename Call>
Values RowByRow(const Values& x, int64_t out_cols, const Call& call) {
  Values out(x.rows, out_cols);
  for (int64_t t = 0; t < x.rows; ++t) call(x.view().Rows(t, 1), out.matrix().Rows(t, 1));
  return out;
}

TEST_P(LinearTest, NeighboursChangeNothing) {
  const Nvfp4Values nvfp4(37, 1296, 1, 0.003f);
  const Bf16Values bf16(37, 1299, 1);
  for (const int64_t tokens : kTokenCounts) {
    const auto check = [&](const Weight& weight) {
      const Values x = RandomValues(tokens, ColsOf(weight), 2);
      Values together(tokens, 37);
      backend_->Linear(weight, x.view(), together.matrix());
      const Values alone =
          RowByRow(x, 37, [&](ConstMatrix row, Matrix out) { backend_->Linear(weight, row, out); });
      EXPECT_TRUE(Near(together.view(), alone.view(), tolerances().regrouped_linear))
          << "tokens " << tokens;
    };
    check(nvfp4.matrix());
    check(bf16.matrix());
  }
}

TEST_P(HostLinearTest, W4A4MatchesRef) {
  for (const LinearShape shape : kNvfp4Shapes) {
    const Nvfp4Values weight(shape.rows, shape.cols, 1, 0.003f);
    for (const int64_t tokens : kTokenCounts) {
      const Nvfp4Values x(tokens, shape.cols, 3, 0.01f);
      Values expected(tokens, shape.rows);
      Values actual(tokens, shape.rows);
      ref_.LinearW4A4(weight.matrix(), x.matrix(), expected.matrix());
      backend_->LinearW4A4(weight.matrix(), x.matrix(), actual.matrix());
      EXPECT_TRUE(Near(actual.view(), expected.view(), tolerances().linear_w4a4))
          << shape.rows << "x" << shape.cols << ", tokens " << tokens;
    }
  }
}

TEST_P(HostLinearTest, W4A4BlocksAreExact) {
  // The largest products of one block, and every pair of codes.
  for (int code = 0; code < 16; ++code) {
    Nvfp4Values weight(16, 16, 1, 1.0f);
    Nvfp4Values x(1, 16, 2, 1.0f);
    for (size_t n = 0; n < 16; ++n) {
      std::fill_n(weight.codes.begin() + static_cast<int64_t>(n * 8), 8,
                  static_cast<uint8_t>(n | n << 4));
    }
    x.codes.assign(8, static_cast<uint8_t>(code | code << 4));
    Values expected(1, 16);
    Values actual(1, 16);
    ref_.LinearW4A4(weight.matrix(), x.matrix(), expected.matrix());
    backend_->LinearW4A4(weight.matrix(), x.matrix(), actual.matrix());
    EXPECT_TRUE(Near(actual.view(), expected.view(), kExact)) << "code " << code;
  }
}

TEST_P(HostLinearTest, W4A4NeighboursChangeNothing) {
  const Nvfp4Values weight(37, 1296, 1, 0.003f);
  const Nvfp4Values x(129, 1296, 3, 0.01f);
  Values together(129, 37);
  backend_->LinearW4A4(weight.matrix(), x.matrix(), together.matrix());
  Values alone(129, 37);
  for (int64_t t = 0; t < x.rows; ++t) {
    Nvfp4Matrix row = x.matrix();
    row.rows = 1;
    row.codes += t * x.cols / 2;
    row.block_scales += t * x.cols / kNvfp4Block;
    backend_->LinearW4A4(weight.matrix(), row, alone.matrix().Rows(t, 1));
  }
  EXPECT_TRUE(Near(together.view(), alone.view(), kExact));
}

}  // namespace
}  // namespace facet
