// Limits and loading on a card: what `facet bench` compares with, and weights on their way to the
// device. Prints rates; checks bytes, and that times grow with the work.
#include <chrono>
#include <cstring>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "device.h"
#include "kernels/cuda/limits_device.h"
#include "kernels/cuda/staging.h"

namespace facet::cuda {
namespace {

void Expect(bool right, const char* what) {
  ++(right ? passed : failed);
  if (!right) std::printf("WRONG: %s\n", what);
}

template <typename Work>
double Seconds(const Work& work) {
  CHECK_CUDA(cudaDeviceSynchronize());
  const auto start = std::chrono::steady_clock::now();
  work();
  CHECK_CUDA(cudaDeviceSynchronize());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void TestLimits(int multiprocessors, int clock_khz) {
  DeviceArray<uint8_t> data(int64_t{2} << 30);
  DeviceArray<uint32_t> sink(1);
  CHECK_CUDA(FillRandom(data.data(), data.size(), nullptr));
  std::vector<uint64_t> words(1000);
  CHECK_CUDA(
      cudaMemcpy(words.data(), data.data() + data.size() - 8000, 8000, cudaMemcpyDeviceToHost));
  bool right = true;
  for (size_t i = 0; i < words.size(); ++i) {
    right = right && words[i] == RandomBits(1, static_cast<uint64_t>(data.size()) / 8 - 1000 + i);
  }
  Expect(right, "random words");
  const auto read = [&](int64_t bytes) {
    return [&, bytes] {
      for (int i = 0; i < 10; ++i) {
        CHECK_CUDA(ReadMemory(data.data(), bytes, multiprocessors, sink.data(), nullptr));
      }
    };
  };
  Seconds(read(data.size()));
  const double whole = Seconds(read(data.size()));
  const double half = Seconds(read(data.size() / 2));
  std::printf("read: %.0f GB/s; half as much: %.0f GB/s\n",
              10e-9 * static_cast<double>(data.size()) / whole,
              5e-9 * static_cast<double>(data.size()) / half);
  Expect(whole > 1.7 * half && whole < 2.3 * half, "reading twice as much takes twice as long");

  const auto multiply = [&](int rounds) {
    return [&, rounds] {
      for (int i = 0; i < 10; ++i) {
        CHECK_CUDA(MultiplyMatrices(rounds, multiprocessors, reinterpret_cast<float*>(sink.data()),
                                    nullptr));
      }
    };
  };
  Seconds(multiply(4000));
  const double long_run = Seconds(multiply(4000));
  const double short_run = Seconds(multiply(2000));
  const double rate = 10 * MultiplyOperations(4000, multiprocessors) / long_run;
  const double peak = 4096.0 * multiprocessors * clock_khz * 1e3;  // dense BF16 of Hopper
  std::printf("products: %.0f TFLOP/s (%.0f for half as long), peak at full clock %.0f\n",
              rate / 1e12, 10 * MultiplyOperations(2000, multiprocessors) / short_run / 1e12,
              peak / 1e12);
  Expect(long_run > 1.7 * short_run && long_run < 2.3 * short_run, "products take their time");
  Expect(rate < peak, "no more products than there are units");
}

/// Random bytes in a file's pages, as a checkpoint is mapped.
class MappedBytes {
 public:
  explicit MappedBytes(int64_t bytes) : bytes_(bytes) {
    std::FILE* file = std::tmpfile();
    std::vector<uint64_t> words(1 << 20);
    for (int64_t done = 0; done < bytes; done += static_cast<int64_t>(words.size()) * 8) {
      for (size_t i = 0; i < words.size(); ++i) {
        words[i] = RandomBits(static_cast<uint64_t>(done), i);
      }
      if (std::fwrite(words.data(), 8, words.size(), file) != words.size()) std::exit(3);
    }
    std::fflush(file);
    data_ = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_PRIVATE, ::fileno(file), 0);
    if (data_ == MAP_FAILED) std::exit(3);
  }
  ~MappedBytes() { ::munmap(data_, static_cast<size_t>(bytes_)); }
  MappedBytes(const MappedBytes&) = delete;
  MappedBytes& operator=(const MappedBytes&) = delete;

  /// Forgets the page tables, not the pages: the next reader faults, as after opening.
  const std::byte* Anew() {
    ::madvise(data_, static_cast<size_t>(bytes_), MADV_DONTNEED);
    return static_cast<const std::byte*>(data_);
  }

 private:
  int64_t bytes_;
  void* data_ = nullptr;
};

void TestStaging() {
  constexpr int64_t kBytes = int64_t{2} << 30;
  MappedBytes file(kBytes);
  DeviceArray<std::byte> device(kBytes);
  const auto rate = [&](double seconds) { return static_cast<double>(kBytes) / seconds / 1e9; };
  const double plain = Seconds([&] {
    CHECK_CUDA(cudaMemcpyAsync(device.data(), file.Anew(), kBytes, cudaMemcpyHostToDevice));
  });
  std::printf("load, plain copies: %.1f GB/s\n", rate(plain));
  for (const int threads : {1, 2, 4, 8, 16}) {
    device.Fill(0xFF);
    double setup = 0;
    double seconds = 0;
    {
      const auto start = std::chrono::steady_clock::now();
      Staging staging(nullptr, threads);
      setup = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      seconds = Seconds([&] { staging.Copy(file.Anew(), kBytes, device.data()); });
      // Sizes that are no multiple of a piece, and small ones.
      for (const int64_t odd : {int64_t{1}, int64_t{70001}, (int64_t{16} << 20) + 13}) {
        staging.Copy(file.Anew() + 5, odd, device.data() + kBytes - odd);
      }
      CHECK_CUDA(cudaDeviceSynchronize());
    }
    const std::vector<std::byte> copied = device.ToHost();
    const std::byte* bytes = file.Anew();
    const int64_t odd = (int64_t{16} << 20) + 13;
    Expect(std::memcmp(copied.data(), bytes, kBytes - odd) == 0, "every byte arrives");
    // The copies of the end overlap; the last and longest one wins.
    Expect(std::memcmp(copied.data() + kBytes - odd, bytes + 5, odd) == 0, "odd sizes arrive");
    std::printf("load, %2d threads: %.1f GB/s (set-up %.0f ms)\n", threads, rate(seconds),
                1e3 * setup);
  }
}

}  // namespace
}  // namespace facet::cuda

int main() {
  cudaDeviceProp device;
  CHECK_CUDA(cudaGetDeviceProperties(&device, 0));
  int clock_khz = 0;
  CHECK_CUDA(cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, 0));
  std::printf("%s\n", device.name);
  facet::cuda::TestLimits(device.multiProcessorCount, clock_khz);
  facet::cuda::TestStaging();
  return facet::cuda::CloseTests();
}
