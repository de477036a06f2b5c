// Head norm with rope and append on the card against double precision on the host. Stand-alone.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "device.h"
#include "kernels/cuda/head_norm_rope.h"

namespace facet::cuda {
namespace {

template <typename T>
T* Upload(const std::vector<T>& from) {
  T* to = nullptr;
  CHECK_CUDA(cudaMalloc(&to, from.size() * sizeof(T)));
  CHECK_CUDA(cudaMemcpy(to, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
  return to;
}
template <typename T>
std::vector<T> Download(const T* from, size_t count) {
  std::vector<T> to(count);
  CHECK_CUDA(cudaDeviceSynchronize());
  CHECK_CUDA(cudaMemcpy(to.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost));
  return to;
}
float FromBf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}
std::vector<float> Noise(size_t count, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0F, 3.0F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

constexpr uint16_t kPoison = 0xFFFF;

void ExpectNear(const char* name, const std::vector<double>& want, const uint16_t* got,
                size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; ++i) {
    const double allowed = std::abs(want[i]) * 0x1.02p-8 + 1e-5;
    const double off = std::abs(want[i] - double{FromBf16(got[i])}) / allowed;
    worst = off <= 1 ? std::max(worst, off) : INFINITY;
  }
  if (worst <= 1) {
    ++passed;
  } else {
    ++failed;
    std::printf("FAILED %s\n", name);
  }
}

/// norm, weight, rope of one head in double.
std::vector<double> Expected(const float* x, const uint16_t* weight, const float* cosines,
                             const float* sines, int64_t head_dim, double eps) {
  double sum = 0;
  for (int64_t i = 0; i < head_dim; ++i) sum += double{x[i]} * double{x[i]};
  const double scale = 1 / std::sqrt(sum / static_cast<double>(head_dim) + eps);
  std::vector<double> y(static_cast<size_t>(head_dim));
  for (int64_t i = 0; i < head_dim; ++i) {
    const double w = weight == nullptr ? 1.0 : double{FromBf16(weight[i])};
    y[static_cast<size_t>(i)] = double{x[i]} * scale * w;
  }
  if (cosines == nullptr) return y;
  const int64_t half = head_dim / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double low = y[static_cast<size_t>(i)];
    const double high = y[static_cast<size_t>(i + half)];
    const double c = double{cosines[i]};
    const double s = double{sines[i]};
    y[static_cast<size_t>(i)] = low * c - high * s;
    y[static_cast<size_t>(i + half)] = high * c + low * s;
  }
  return y;
}

void TestHeads(int64_t heads, int64_t kv_heads, int64_t head_dim, bool value_is_key, bool weights,
               uint32_t seed) {
  std::mt19937 random(seed);
  // Three sequences; the second wraps around its ring.
  const std::vector<int64_t> rows{5, 40, 1};
  const std::vector<int64_t> positions{0, 1000, 64};
  const std::vector<int64_t> capacities{70, 43, 64};
  const int64_t tokens = 46;
  const int64_t q_width = heads * head_dim;
  const int64_t kv_width = kv_heads * head_dim;
  const int64_t stride = q_width + 2 * kv_width + 4;
  const std::vector<float> fused = Noise(static_cast<size_t>(tokens * stride), random);
  std::vector<uint16_t> q_norm(static_cast<size_t>(head_dim));
  std::vector<uint16_t> k_norm(static_cast<size_t>(head_dim));
  for (uint16_t& w : q_norm) w = static_cast<uint16_t>(0x3F00 + random() % 256);
  for (uint16_t& w : k_norm) w = static_cast<uint16_t>(0xBF00 + random() % 256);
  std::vector<float> cosines;
  std::vector<float> sines;
  for (int64_t i = 0; i < tokens * head_dim / 2; ++i) {
    const float angle = i % 3 == 0 ? 0.0F : static_cast<float>(random() % 1000) * 0.01F;
    cosines.push_back(std::cos(angle));
    sines.push_back(std::sin(angle));
  }

  float* device_fused = Upload(fused);
  std::vector<CacheSlot> slots;
  int64_t first_row = 0;
  for (size_t s = 0; s < rows.size(); ++s) {
    const std::vector<uint16_t> poison(static_cast<size_t>(capacities[s] * kv_width), kPoison);
    slots.push_back({.keys = Upload(poison),
                     .values = Upload(poison),
                     .capacity = capacities[s],
                     .first_row = first_row,
                     .rows = rows[s],
                     .first_position = positions[s]});
    first_row += rows[s];
  }
  HeadNormRopeDesc desc;
  desc.tokens = tokens;
  desc.heads = heads;
  desc.kv_heads = kv_heads;
  desc.head_dim = head_dim;
  desc.query = device_fused;
  desc.key = device_fused + q_width;
  desc.value = value_is_key ? desc.key : device_fused + q_width + kv_width;
  desc.query_stride = desc.key_stride = desc.value_stride = stride;
  desc.query_norm = weights ? Upload(q_norm) : nullptr;
  desc.key_norm = weights ? Upload(k_norm) : nullptr;
  desc.eps = 1e-6;
  desc.cosines = Upload(cosines);
  desc.sines = Upload(sines);
  desc.query_out = Upload(std::vector<uint16_t>(static_cast<size_t>(tokens * q_width), kPoison));
  desc.slots = Upload(slots);
  desc.sequences = static_cast<int64_t>(slots.size());
  CHECK_CUDA(HeadNormRope(desc, nullptr));

  const std::vector<uint16_t> query =
      Download(desc.query_out, static_cast<size_t>(tokens * q_width));
  for (size_t s = 0; s < slots.size(); ++s) {
    const auto cache_size = static_cast<size_t>(slots[s].capacity * kv_width);
    const std::vector<uint16_t> keys = Download(slots[s].keys, cache_size);
    const std::vector<uint16_t> values = Download(slots[s].values, cache_size);
    std::vector<bool> written(static_cast<size_t>(slots[s].capacity));
    for (int64_t i = 0; i < slots[s].rows; ++i) {
      const int64_t t = slots[s].first_row + i;
      const float* c = cosines.data() + t * head_dim / 2;
      const float* n = sines.data() + t * head_dim / 2;
      const float* source = fused.data() + t * stride;
      for (int64_t h = 0; h < heads; ++h) {
        const auto want = Expected(source + h * head_dim, weights ? q_norm.data() : nullptr, c, n,
                                   head_dim, desc.eps);
        ExpectNear("query", want, query.data() + t * q_width + h * head_dim, want.size());
      }
      const int64_t row = (slots[s].first_position + i) % slots[s].capacity;
      written[static_cast<size_t>(row)] = true;
      for (int64_t h = 0; h < kv_heads; ++h) {
        const float* k = source + q_width + h * head_dim;
        const auto want_key =
            Expected(k, weights ? k_norm.data() : nullptr, c, n, head_dim, desc.eps);
        ExpectNear("key", want_key, keys.data() + row * kv_width + h * head_dim, want_key.size());
        const auto want_value = Expected(value_is_key ? k : k + kv_width, nullptr, nullptr, nullptr,
                                         head_dim, desc.eps);
        ExpectNear("value", want_value, values.data() + row * kv_width + h * head_dim,
                   want_value.size());
      }
    }
    for (int64_t row = 0; row < slots[s].capacity; ++row) {
      if (written[static_cast<size_t>(row)]) continue;
      bool clean = true;
      for (int64_t i = row * kv_width; i < (row + 1) * kv_width; ++i) {
        clean = clean && keys[static_cast<size_t>(i)] == kPoison &&
                values[static_cast<size_t>(i)] == kPoison;
      }
      ++(clean ? passed : failed);
      if (!clean) std::printf("FAILED row %lld was touched\n", static_cast<long long>(row));
    }
  }
}

/// One layer's worth at the 12B's sizes.
void Time(int64_t tokens, int64_t kv_heads, int64_t head_dim) {
  constexpr int64_t kHeads = 16;
  std::mt19937 random(1);
  const int64_t width = (kHeads + 2 * kv_heads) * head_dim;
  HeadNormRopeDesc desc;
  desc.tokens = tokens;
  desc.heads = kHeads;
  desc.kv_heads = kv_heads;
  desc.head_dim = head_dim;
  desc.query = Upload(Noise(static_cast<size_t>(tokens * width), random));
  desc.key = desc.query + kHeads * head_dim;
  desc.value = desc.key + kv_heads * head_dim;
  desc.query_stride = desc.key_stride = desc.value_stride = width;
  const std::vector<uint16_t> ones(static_cast<size_t>(head_dim), 0x3F80);
  desc.query_norm = desc.key_norm = Upload(ones);
  desc.eps = 1e-6;
  desc.cosines = desc.sines =
      Upload(std::vector<float>(static_cast<size_t>(tokens * head_dim / 2), 0.5F));
  desc.query_out = Upload(std::vector<uint16_t>(static_cast<size_t>(tokens * kHeads * head_dim)));
  const std::vector<uint16_t> cache(static_cast<size_t>(tokens * kv_heads * head_dim));
  desc.slots = Upload(std::vector<CacheSlot>{
      {.keys = Upload(cache), .values = Upload(cache), .capacity = tokens, .rows = tokens}});
  desc.sequences = 1;
  cudaEvent_t begin;
  cudaEvent_t end;
  CHECK_CUDA(cudaEventCreate(&begin));
  CHECK_CUDA(cudaEventCreate(&end));
  for (int i = 0; i < 5; ++i) CHECK_CUDA(HeadNormRope(desc, nullptr));
  CHECK_CUDA(cudaEventRecord(begin));
  for (int i = 0; i < 50; ++i) CHECK_CUDA(HeadNormRope(desc, nullptr));
  CHECK_CUDA(cudaEventRecord(end));
  CHECK_CUDA(cudaEventSynchronize(end));
  float ms = 0;
  CHECK_CUDA(cudaEventElapsedTime(&ms, begin, end));
  const double us = double{ms} * 1e3 / 50;
  const double bytes = static_cast<double>(tokens * (width * 6 + head_dim * 4));
  std::printf("head norm + rope + append, %3lld x %5lld tokens: %7.2f us, %5.0f GB/s\n",
              static_cast<long long>(head_dim), static_cast<long long>(tokens), us,
              bytes / us * 1e-3);
}

int Main() {
  TestHeads(16, 8, 256, false, true, 1);
  TestHeads(16, 1, 512, true, true, 2);
  TestHeads(4, 2, 64, false, true, 3);
  TestHeads(4, 1, 128, true, false, 4);
  TestHeads(2, 1, 1024, false, true, 6);
  TestHeads(3, 3, 24, false, true, 7);
  Time(1, 8, 256);
  Time(2048, 8, 256);
  Time(2048, 1, 512);
  return CloseTests();
}

}  // namespace
}  // namespace facet::cuda

int main() { return facet::cuda::Main(); }
