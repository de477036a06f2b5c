#include "tensor/buffer.h"

#include <new>

#include <sys/mman.h>

namespace facet {

Buffer Buffer::Host(int64_t bytes) {
  if (bytes == 0) return {};
  void* data = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return {data, bytes,
          [](void* mapped, int64_t size) { ::munmap(mapped, static_cast<size_t>(size)); }};
}

}  // namespace facet
