// Owning memory for activations and caches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace facet {

/// Memory that frees itself, on whichever device its maker chose. Movable, not copyable.
class Buffer {
 public:
  using Free = void (*)(void* data, int64_t bytes);

  Buffer() = default;
  Buffer(void* data, int64_t bytes, Free free) : data_(data), bytes_(bytes), free_(free) {}
  ~Buffer() {
    if (data_ != nullptr) free_(data_, bytes_);
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        free_(other.free_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(free_, other.free_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  /// Zeroed host memory, page-aligned, whose pages cost memory only once touched. Throws
  /// std::bad_alloc when the system refuses.
  static Buffer Host(int64_t bytes);

  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  int64_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
  Free free_ = nullptr;
};

}  // namespace facet
