#include "kernels/cpu/yardstick.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/stopwatch.h"
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/yardstick.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace facet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Reads `bytes` (a multiple of 1 KiB) and returns something that depends on all of them.
uint64_t ReadAll(const uint8_t* data, int64_t bytes) {
  const hn::ScalableTag<uint64_t> d;
  constexpr int64_t kStep = static_cast<int64_t>(HWY_LANES(uint64_t)) * 8;
  auto a = hn::Zero(d);
  auto b = a;
  auto c = a;
  auto e = a;
  const auto load = [&](int64_t i) HWY_ATTR {
    return hn::Load(d, reinterpret_cast<const uint64_t*>(data + i));
  };
  for (int64_t i = 0; i < bytes; i += 4 * kStep) {
    a = hn::Xor(a, load(i));
    b = hn::Xor(b, load(i + kStep));
    c = hn::Xor(c, load(i + 2 * kStep));
    e = hn::Xor(e, load(i + 3 * kStep));
  }
  return hn::GetLane(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)));
}

/// `count` rounds of ten independent vector multiply-adds; returns the float operations done.
int64_t MultiplyAdd(int64_t count, float* sink) {
  const hn::ScalableTag<float> d;
  constexpr int64_t kChains = 10;  // latency 4 or 5 times 2 a cycle
  const auto factor = hn::Set(d, 0.999f);
  const auto offset = hn::Set(d, 0.001f);
  hn::Vec<decltype(d)> sums[kChains];
  for (auto& sum : sums) sum = offset;
  for (int64_t i = 0; i < count; ++i) {
    for (auto& sum : sums) sum = hn::MulAdd(sum, factor, offset);
  }
  auto total = offset;
  for (const auto& sum : sums) total = hn::Add(total, sum);
  *sink = hn::GetLane(total);
  return count * kChains * 2 * static_cast<int64_t>(hn::Lanes(d));
}

/// Products of neighbouring bytes, unsigned by signed, added in pairs.
hn::VFromD<hn::ScalableTag<int16_t>> PairProducts(hn::VFromD<hn::ScalableTag<uint8_t>> a,
                                                  hn::VFromD<hn::ScalableTag<int8_t>> b) {
#if HWY_TARGET <= HWY_AVX3
  return hn::VFromD<hn::ScalableTag<int16_t>>{_mm512_maddubs_epi16(a.raw, b.raw)};
#else
  return hn::VFromD<hn::ScalableTag<int16_t>>{_mm256_maddubs_epi16(a.raw, b.raw)};
#endif
}

/// The same for products of bytes: `count` rounds of eight independent vectors.
int64_t MultiplyBytes(int64_t count, float* sink) {
  const hn::ScalableTag<uint8_t> unsigned_bytes;
  const hn::ScalableTag<int8_t> signed_bytes;
  const hn::ScalableTag<int16_t> sums_of_two;
  constexpr int64_t kChains = 8;  // latency 5 or 6 for a product and its addition, one a cycle
  hn::Vec<decltype(unsigned_bytes)> factors[kChains];
  hn::Vec<decltype(sums_of_two)> sums[kChains];
  for (int64_t c = 0; c < kChains; ++c) {
    factors[c] = hn::Set(unsigned_bytes, static_cast<uint8_t>(c + 1));
    sums[c] = hn::Zero(sums_of_two);
  }
  const auto one = hn::Set(signed_bytes, int8_t{1});
  auto other = one;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < kChains; ++c) {
      sums[c] = hn::Add(sums[c], PairProducts(factors[c], other));
    }
    other = hn::Add(other, one);  // or the products would be the same each round
  }
  auto total = hn::Zero(sums_of_two);
  for (const auto& sum : sums) total = hn::Add(total, sum);
  *sink = static_cast<float>(hn::GetLane(total));
  return count * kChains * 2 * static_cast<int64_t>(hn::Lanes(signed_bytes));
}

}  // namespace facet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace facet {
namespace {

HWY_EXPORT(ReadAll);
HWY_EXPORT(MultiplyAdd);
HWY_EXPORT(MultiplyBytes);

constexpr int64_t kMemoryBytes = int64_t{1} << 28;  // eight times the largest cache of its time
constexpr int64_t kPieceBytes = int64_t{1} << 17;

/// Makes the compiler believe that somebody looks at a result.
template <typename T>
void Keep(const T& result) {
  asm volatile("" ::"m"(result) : "memory");
}

template <typename Body>
double SecondsOf(const Body& body) {
  const Stopwatch stopwatch;
  body();
  return stopwatch.seconds();
}

}  // namespace

Yardstick::Yardstick(int threads) : pool_(threads), memory_(Buffer::Host(kMemoryBytes)) {
  // Pages that nobody has written are all the same page of zeros, which a cache holds.
  std::memset(memory_.as<void>(), 1, static_cast<size_t>(kMemoryBytes));
}

double Yardstick::ReadSeconds(int64_t bytes) {
  constexpr int64_t kLeast = int64_t{1} << 24;
  const int64_t pieces = std::clamp((bytes + kPieceBytes - 1) / kPieceBytes, kLeast / kPieceBytes,
                                    kMemoryBytes / kPieceBytes);
  if (position_ + pieces * kPieceBytes > kMemoryBytes) position_ = 0;
  const uint8_t* data = memory_.as<uint8_t>() + position_;
  position_ += pieces * kPieceBytes;
  const double seconds = SecondsOf([&] {
    pool_.ParallelFor(pieces, 1, [&](int64_t piece, int64_t, int) {
      Keep(HWY_DYNAMIC_DISPATCH(ReadAll)(data + piece * kPieceBytes, kPieceBytes));
    });
  });
  return seconds * static_cast<double>(bytes) / static_cast<double>(pieces * kPieceBytes);
}

template <typename Body>
double Yardstick::SecondsFor(double operations, const Body& body) {
  constexpr int64_t kRounds = 100'000;
  std::vector<int64_t> done(static_cast<size_t>(pool_.threads()));
  const double seconds = SecondsOf([&] {
    pool_.ParallelFor(pool_.threads(), 1, [&](int64_t thread, int64_t, int) {
      float sink = 0;
      done[static_cast<size_t>(thread)] = body(kRounds, &sink);
      Keep(sink);
    });
  });
  return seconds * operations / static_cast<double>(done[0] * pool_.threads());
}

double Yardstick::MultiplySeconds(double operations) {
  return SecondsFor(operations, [](int64_t rounds, float* sink) {
    return HWY_DYNAMIC_DISPATCH(MultiplyAdd)(rounds, sink);
  });
}

double Yardstick::MultiplyBytesSeconds(double operations) {
  return SecondsFor(operations, [](int64_t rounds, float* sink) {
    return HWY_DYNAMIC_DISPATCH(MultiplyBytes)(rounds, sink);
  });
}

}  // namespace facet
#endif
