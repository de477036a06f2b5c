#include "media/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace facet {
namespace {

// One output pixel's window on a line of input pixels. Weights are integers of `precision` binary
// digits.
struct Window {
  int64_t first = 0;
  std::vector<int32_t> weights;
};

struct Kernel {
  std::vector<Window> windows;  // one an output pixel
  int precision = 0;
};

// Keys' cubic convolution with a = -0.5: the exact one for quadratics, which the reference uses
// when it antialiases (its filter without antialiasing has -0.75).
double Cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

// Window and weights (which sum to 1) of output pixel `index`.
struct RealWindow {
  int64_t first = 0;
  std::vector<double> weights;
};

// The pixel whose edge a position is nearest to. Halves go up and the sum rounds first, as in the
// reference; std::lround would differ right below a half.
int64_t NearestEdge(double position) {
  const double moved = position + 0.5;
  return static_cast<int64_t>(moved);
}

RealWindow MakeRealWindow(int64_t index, int64_t input, double scale) {
  const double stretch = std::max(scale, 1.0);  // a reduction widens the filter: antialiasing
  const double support = 2.0 * stretch;
  const double centre = scale * (static_cast<double>(index) + 0.5);
  const auto first = std::max<int64_t>(NearestEdge(centre - support), 0);
  const auto last = std::min<int64_t>(NearestEdge(centre + support), input);
  RealWindow window{.first = first, .weights = {}};
  double total = 0.0;
  for (int64_t i = first; i < last; ++i) {
    const double weight = Cubic((static_cast<double>(i) - centre + 0.5) * (1.0 / stretch));
    window.weights.push_back(weight);
    total += weight;
  }
  for (double& weight : window.weights) weight /= total;
  return window;
}

// As many binary digits as let the largest weight fit 16 bits with its sign. The reference
// multiplies in 16-bit lanes, and its results depend on the digits kept.
int ChoosePrecision(double largest) {
  constexpr int kMostDigits = 22;
  int precision = 0;
  while (precision < kMostDigits && 0.5 + largest * std::ldexp(1.0, precision + 1) < 32768.0) {
    ++precision;
  }
  return precision;
}

Kernel MakeKernel(int64_t input, int64_t output) {
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  std::vector<RealWindow> real;
  double largest = 0.0;
  for (int64_t i = 0; i < output; ++i) {
    real.push_back(MakeRealWindow(i, input, scale));
    for (const double weight : real.back().weights) largest = std::max(largest, weight);
  }
  Kernel kernel{.windows = {}, .precision = ChoosePrecision(largest)};
  const double unit = std::ldexp(1.0, kernel.precision);
  for (const RealWindow& from : real) {
    Window& window = kernel.windows.emplace_back(Window{.first = from.first, .weights = {}});
    for (const double weight : from.weights) {
      window.weights.push_back(static_cast<int32_t>(std::round(weight * unit)));
    }
  }
  return kernel;
}

// Weighted sum of the pixels in[0], in[stride], ..., rounded to a byte, for each of the three
// channels. A sum stays below 255 * 2^22 * 1.5 (the absolute weights of a window sum to less
// than 1.5), inside 32 bits.
void FilterPixel(const Window& window, int precision, const uint8_t* in, int64_t stride,
                 uint8_t* out) {
  const int32_t half = precision > 0 ? 1 << (precision - 1) : 0;
  int32_t sums[3] = {half, half, half};
  for (const int32_t weight : window.weights) {
    for (int channel = 0; channel < 3; ++channel) sums[channel] += weight * in[channel];
    in += stride;
  }
  for (int channel = 0; channel < 3; ++channel) {
    out[channel] = static_cast<uint8_t>(std::clamp(sums[channel] >> precision, 0, 255));
  }
}

Image EmptyImage(int64_t width, int64_t height) {
  Image image{.width = width, .height = height, .pixels = {}};
  image.pixels.resize(static_cast<size_t>(width * height * 3));
  return image;
}

Image ResizeRows(const Image& image, int64_t width) {
  const Kernel kernel = MakeKernel(image.width, width);
  Image result = EmptyImage(width, image.height);
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* row = image.pixels.data() + y * image.width * 3;
    uint8_t* out = result.pixels.data() + y * width * 3;
    for (int64_t x = 0; x < width; ++x) {
      const Window& window = kernel.windows[static_cast<size_t>(x)];
      FilterPixel(window, kernel.precision, row + window.first * 3, 3, out + x * 3);
    }
  }
  return result;
}

Image ResizeColumns(const Image& image, int64_t height) {
  const Kernel kernel = MakeKernel(image.height, height);
  Image result = EmptyImage(image.width, height);
  const int64_t stride = image.width * 3;
  for (int64_t y = 0; y < height; ++y) {
    const Window& window = kernel.windows[static_cast<size_t>(y)];
    const uint8_t* top = image.pixels.data() + window.first * stride;
    uint8_t* out = result.pixels.data() + y * stride;
    for (int64_t x = 0; x < image.width; ++x) {
      FilterPixel(window, kernel.precision, top + x * 3, stride, out + x * 3);
    }
  }
  return result;
}

}  // namespace

Image ResizeBicubic(const Image& image, ImageSize size) {
  FACET_CHECK(image.width > 0 && image.height > 0 && size.width > 0 && size.height > 0);
  if (size.width == image.width) {
    return size.height == image.height ? image : ResizeColumns(image, size.height);
  }
  Image rows = ResizeRows(image, size.width);
  return size.height == rows.height ? rows : ResizeColumns(rows, size.height);
}

}  // namespace facet
