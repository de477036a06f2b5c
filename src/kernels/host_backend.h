// What backends whose memory is the host's share: nothing is copied, caches are float32.
#pragma once

#include <cstring>

#include "kernels/backend.h"

namespace facet {

class HostBackend : public Backend {
 public:
  Buffer Allocate(int64_t bytes) final { return Buffer::Host(bytes); }
  void Write(const void* host, int64_t bytes, void* out) final {
    std::memcpy(out, host, static_cast<size_t>(bytes));
  }
  ConstMatrix Read(ConstMatrix matrix, Buffer&) final { return matrix; }
  Weight Place(const Weight& weight, std::vector<Buffer>&) final { return weight; }
  const uint16_t* Place(std::span<const uint16_t> values, std::vector<Buffer>&) final {
    return values.data();
  }
  DType cache_dtype() const final { return DType::kF32; }
};

}  // namespace facet
