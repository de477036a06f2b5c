#include "speed/fill_cache.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "tensor/bf16.h"

namespace facet {
namespace {

constexpr int64_t kNumbers = int64_t{1} << 22;  // copied over and over

/// kNumbers random numbers of `type` in the backend's memory.
Buffer RandomNumbers(Backend& backend, DType type) {
  FACET_CHECK(type == DType::kF32 || type == DType::kBF16);
  Buffer numbers = backend.Allocate(kNumbers * SizeOf(type));
  const auto write = [&](const auto& convert) {
    std::vector<decltype(convert(0.0f))> values(kNumbers);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = convert(static_cast<float>(2 * RandomUnit(3, i) - 1));
    }
    backend.Write(values.data(), numbers.bytes(), numbers.as<void>());
  };
  if (type == DType::kF32) {
    write([](float number) { return number; });
  } else {
    write(Bf16FromFloat);
  }
  return numbers;
}

void FillWith(const Buffer& numbers, Backend& backend, void* out, int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += numbers.bytes()) {
    backend.Copy(numbers.as<void>(), std::min(numbers.bytes(), bytes - done),
                 static_cast<std::byte*>(out) + done);
  }
}

}  // namespace

void FillCache(const ModelConfig& config, Backend& backend, KvCache& cache) {
  const DType type = backend.cache_dtype();
  const Buffer numbers = RandomNumbers(backend, type);
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    const int64_t row_bytes =
        config.layers[layer].kv_heads * config.layers[layer].head_dim * SizeOf(type);
    for (int64_t slot = 0; slot < cache.options().slots; ++slot) {
      const CacheRing ring = cache.ring(layer, slot);
      FillWith(numbers, backend, ring.keys, ring.capacity * row_bytes);
      FillWith(numbers, backend, ring.values, ring.capacity * row_bytes);
    }
  }
}

}  // namespace facet
