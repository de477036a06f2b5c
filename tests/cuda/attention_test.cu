// Attention on the card against a plain double-precision reference on the card: window edges, ring
// wrap-around, images, ragged lengths, several sequences, poisoned outputs and caches; then times
// at the 12B's shapes. Stand-alone: attention_test
// [check-plain|check-prefill|check-decode|prefill|decode]...; none: all.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "kernels/cuda/attention.h"

namespace facet::cuda {
namespace {

__device__ uint32_t Hash(uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
  return static_cast<uint32_t>(x ^ x >> 31);
}
/// About normal, standard deviation `scale`.
__device__ float Noise(uint64_t seed, uint64_t index, float scale) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) {
    sum += static_cast<float>(Hash(seed * 0x9E3779B97F4A7C15ULL + index * 4 + i)) * 0x1p-32F;
  }
  return (sum - 2.0F) * 1.7320508F * scale;
}
__device__ uint16_t ToBf16(float x) {
  const uint32_t bits = __float_as_uint(x);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
__device__ float FromBf16(uint16_t x) { return __uint_as_float(static_cast<uint32_t>(x) << 16); }

/// Float32 values that BF16 holds exactly, so that both query types mean the same numbers.
__global__ void FillQuery(float* as_float, uint16_t* as_bf16, size_t count, uint64_t seed,
                          float scale) {
  for (size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x; i < count;
       i += size_t{gridDim.x} * blockDim.x) {
    const uint16_t bits = ToBf16(Noise(seed, i, scale));
    if (as_bf16 != nullptr) as_bf16[i] = bits;
    if (as_float != nullptr) as_float[i] = FromBf16(bits);
  }
}
/// Ring rows of positions [begin, end); the value depends on the position, not on the row.
__global__ void FillCache(uint16_t* cache, int64_t width, int64_t capacity, int64_t begin,
                          int64_t end, uint64_t seed, float scale) {
  for (int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; i < (end - begin) * width;
       i += int64_t{gridDim.x} * blockDim.x) {
    const int64_t position = begin + i / width;
    cache[position % capacity * width + i % width] =
        ToBf16(Noise(seed, static_cast<uint64_t>(position * width + i % width), scale));
  }
}

struct Sampled {
  int sequence;
  int row;
  int head;
};

/// One block a sampled (row, head): softmax(q K^T) V in double.
__global__ void Reference(AttentionDesc desc, const CacheSequence* sequences,
                          const Sampled* samples, const float* query, double* scores,
                          int64_t score_stride, double* out) {
  const Sampled sample = samples[blockIdx.x];
  const CacheSequence sequence = sequences[sample.sequence];
  const int64_t position = sequence.first_position + sample.row;
  const int64_t begin =
      desc.window == 0 || position - desc.window + 1 < 0 ? 0 : position - desc.window + 1;
  const int64_t end =
      sequence.visible_end == nullptr ? position + 1 : sequence.visible_end[sample.row];
  const int64_t kv_head = sample.head / (desc.heads / desc.kv_heads);
  const float* q =
      query + ((sequence.first_row + sample.row) * desc.heads + sample.head) * desc.head_dim;
  double* s = scores + blockIdx.x * score_stride;
  for (int64_t p = begin + threadIdx.x; p < end; p += blockDim.x) {
    const uint16_t* k =
        sequence.keys + (p % sequence.capacity * desc.kv_heads + kv_head) * desc.head_dim;
    double sum = 0;
    for (int64_t d = 0; d < desc.head_dim; ++d) sum += double{q[d]} * double{FromBf16(k[d])};
    s[p - begin] = sum;
  }
  __syncthreads();
  __shared__ double largest;
  __shared__ double total;
  if (threadIdx.x == 0) {
    double m = -INFINITY;
    for (int64_t i = 0; i < end - begin; ++i) m = s[i] > m ? s[i] : m;
    largest = m;
  }
  __syncthreads();
  for (int64_t i = threadIdx.x; i < end - begin; i += blockDim.x) s[i] = exp(s[i] - largest);
  __syncthreads();
  if (threadIdx.x == 0) {
    double sum = 0;
    for (int64_t i = 0; i < end - begin; ++i) sum += s[i];
    total = sum;
  }
  __syncthreads();
  for (int64_t d = threadIdx.x; d < desc.head_dim; d += blockDim.x) {
    double sum = 0;
    for (int64_t p = begin; p < end; ++p) {
      const uint16_t* v =
          sequence.values + (p % sequence.capacity * desc.kv_heads + kv_head) * desc.head_dim;
      sum += s[p - begin] * double{FromBf16(v[d])};
    }
    out[blockIdx.x * desc.head_dim + d] = sum / total;
  }
}

struct Shape {
  int64_t heads, kv_heads, head_dim, window;
};
constexpr Shape kSliding{16, 8, 256, 1024};
constexpr Shape kFull{16, 1, 512, 0};

struct Part {
  int64_t rows;
  int64_t first_position;
  int64_t capacity;  ///< 0: as many as positions
  /// Row interval of an image: its rows see to its end. Empty: none.
  int64_t image_begin = 0;
  int64_t image_end = 0;
};

/// A call's inputs: caches NaN outside of what rows see.
class Problem {
 public:
  Problem(const Shape& shape, const std::vector<Part>& parts, float query_scale, uint64_t seed)
      : shape_(shape) {
    const int64_t width = shape.kv_heads * shape.head_dim;
    for (const Part& part : parts) {
      CacheSequence sequence;
      sequence.first_row = rows_;
      sequence.rows = part.rows;
      sequence.first_position = part.first_position;
      std::vector<int64_t> ends;
      int64_t hi = 0;
      for (int64_t i = 0; i < part.rows; ++i) {
        const bool image = i >= part.image_begin && i < part.image_end;
        ends.push_back(part.first_position + (image ? part.image_end : i + 1));
        hi = std::max(hi, ends.back());
      }
      const int64_t lo =
          shape.window == 0 ? 0 : std::max<int64_t>(0, part.first_position - shape.window + 1);
      sequence.capacity = part.capacity == 0 ? hi : part.capacity;
      if (hi - lo > sequence.capacity) {
        std::printf("bad test: ring of %lld for %lld\n", static_cast<long long>(sequence.capacity),
                    static_cast<long long>(hi - lo));
        std::exit(3);
      }
      const auto elements = static_cast<size_t>(sequence.capacity * width);
      caches_.push_back(std::make_unique<DeviceArray<uint16_t>>(elements));
      uint16_t* keys = caches_.back()->data();
      caches_.push_back(std::make_unique<DeviceArray<uint16_t>>(elements));
      uint16_t* values = caches_.back()->data();
      const uint64_t s = seed * 1000 + caches_.size();
      FillCache<<<1024, 256>>>(keys, width, sequence.capacity, lo, hi, s, 1.0F);
      FillCache<<<1024, 256>>>(values, width, sequence.capacity, lo, hi, s + 1, 1.0F);
      if (part.image_end > part.image_begin) {
        ends_.push_back(std::make_unique<DeviceArray<int64_t>>(ends.size()));
        ends_.back()->Set(ends);
        sequence.visible_end = ends_.back()->data();
      }
      sequence.keys = keys;
      sequence.values = values;
      sequences.push_back(sequence);
      rows_ += part.rows;
    }
    const auto elements = static_cast<size_t>(rows_ * shape.heads * shape.head_dim);
    query_float_ = std::make_unique<DeviceArray<float>>(elements);
    query_bf16_ = std::make_unique<DeviceArray<uint16_t>>(elements);
    FillQuery<<<1024, 256>>>(query_float_->data(), query_bf16_->data(), elements, seed,
                             query_scale);
    out_float_ = std::make_unique<DeviceArray<float>>(elements);
    out_bf16_ = std::make_unique<DeviceArray<uint16_t>>(elements);
    device_sequences = std::make_unique<DeviceArray<CacheSequence>>(sequences.size());
    device_sequences->Set(sequences);
    CHECK_CUDA(cudaDeviceSynchronize());
  }

  AttentionDesc Desc(bool bf16) const {
    AttentionDesc desc;
    desc.heads = shape_.heads;
    desc.kv_heads = shape_.kv_heads;
    desc.head_dim = shape_.head_dim;
    desc.window = shape_.window;
    desc.query_type = desc.out_type = bf16 ? ActivationType::kBf16 : ActivationType::kFloat32;
    desc.query = bf16 ? static_cast<const void*>(query_bf16_->data()) : query_float_->data();
    desc.out = bf16 ? static_cast<void*>(out_bf16_->data()) : out_float_->data();
    return desc;
  }

  int64_t max_rows() const {
    int64_t most = 0;
    for (const CacheSequence& s : sequences) most = std::max(most, s.rows);
    return most;
  }
  int64_t max_depth() const {
    int64_t most = 0;
    for (const CacheSequence& s : sequences) most = std::max(most, s.first_position + s.rows + 300);
    return most;
  }

  std::vector<float> Out(bool bf16) const {
    if (!bf16) return out_float_->ToHost();
    std::vector<float> out;
    for (const uint16_t bits : out_bf16_->ToHost()) {
      const uint32_t wide = static_cast<uint32_t>(bits) << 16;
      float value;
      std::memcpy(&value, &wide, 4);
      out.push_back(value);
    }
    return out;
  }
  void Poison() const {
    out_float_->Fill(0xFF);
    out_bf16_->Fill(0xFF);
  }

  /// Relative error norm over sampled rows (the first, the last and some between, all heads of a
  /// kv head), infinity if anything is not finite.
  double Error(const std::vector<float>& out) const {
    std::vector<Sampled> samples;
    int64_t longest = 1;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const int64_t rows = sequences[i].rows;
      const int64_t step = std::max<int64_t>(1, rows / 40);
      for (int64_t row = 0; row < rows;
           row += row + step >= rows && row != rows - 1 ? rows - 1 - row : step) {
        for (int64_t head = row % 3; head < shape_.heads; head += rows > 40 ? 5 : 1) {
          samples.push_back({static_cast<int>(i), static_cast<int>(row), static_cast<int>(head)});
        }
      }
      longest = std::max(longest, sequences[i].first_position + rows + 300);
      if (shape_.window > 0) longest = std::min(longest, shape_.window + 300);
    }
    DeviceArray<Sampled> device_samples(samples.size());
    device_samples.Set(samples);
    DeviceArray<double> scores(samples.size() * static_cast<size_t>(longest));
    DeviceArray<double> expected(samples.size() * static_cast<size_t>(shape_.head_dim));
    Reference<<<static_cast<unsigned>(samples.size()), 256>>>(
        Desc(false), device_sequences->data(), device_samples.data(), query_float_->data(),
        scores.data(), longest, expected.data());
    CHECK_CUDA(cudaDeviceSynchronize());
    const std::vector<double> want = expected.ToHost();
    double difference = 0;
    double norm = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      const int64_t offset =
          ((sequences[static_cast<size_t>(samples[i].sequence)].first_row + samples[i].row) *
               shape_.heads +
           samples[i].head) *
          shape_.head_dim;
      for (int64_t d = 0; d < shape_.head_dim; ++d) {
        const double w = want[i * static_cast<size_t>(shape_.head_dim) + static_cast<size_t>(d)];
        const double g = double{out[static_cast<size_t>(offset + d)]};
        difference += (w - g) * (w - g);
        norm += w * w;
      }
    }
    for (const float value : out) {
      if (!std::isfinite(value)) return INFINITY;
    }
    return std::sqrt(difference / norm);
  }

  std::vector<CacheSequence> sequences;
  std::unique_ptr<DeviceArray<CacheSequence>> device_sequences;

 private:
  Shape shape_;
  int64_t rows_ = 0;
  std::vector<std::unique_ptr<DeviceArray<uint16_t>>> caches_;
  std::vector<std::unique_ptr<DeviceArray<int64_t>>> ends_;
  std::unique_ptr<DeviceArray<float>> query_float_;
  std::unique_ptr<DeviceArray<uint16_t>> query_bf16_;
  std::unique_ptr<DeviceArray<float>> out_float_;
  std::unique_ptr<DeviceArray<uint16_t>> out_bf16_;
};

using Run = std::function<cudaError_t(const Problem&, const AttentionDesc&)>;

cudaError_t RunPlain(const Problem& problem, const AttentionDesc& desc) {
  return AttentionPlain(desc, problem.sequences, nullptr);
}
cudaError_t RunPrefill(const Problem& problem, const AttentionDesc& desc) {
  return AttentionPrefill(desc, problem.sequences, nullptr);
}
cudaError_t RunDecode(const Problem& problem, const AttentionDesc& desc) {
  AttentionDecodeDesc decode;
  decode.shape = desc;
  decode.sequences = problem.device_sequences->data();
  decode.count = static_cast<int64_t>(problem.sequences.size());
  decode.max_rows = problem.max_rows();
  decode.max_depth = problem.max_depth();
  const DeviceArray<uint8_t> scratch(static_cast<size_t>(AttentionDecodeScratchBytes(decode)));
  decode.scratch = scratch.data();
  const cudaError_t error = AttentionDecode(decode, nullptr);
  CHECK_CUDA(cudaDeviceSynchronize());
  return error;
}

/// Within the bound, every element written, same bits again.
void Expect(const std::string& name, const Run& run, const Shape& shape,
            const std::vector<Part>& parts, double bound = 1e-2, float query_scale = -1) {
  static uint64_t seed = 1;
  if (query_scale < 0) query_scale = 2.0F / std::sqrt(static_cast<float>(shape.head_dim));
  const Problem problem(shape, parts, query_scale, ++seed);
  for (const bool bf16 : {false, true}) {
    problem.Poison();
    CHECK_CUDA(run(problem, problem.Desc(bf16)));
    CHECK_CUDA(cudaDeviceSynchronize());
    const std::vector<float> out = problem.Out(bf16);
    problem.Poison();
    CHECK_CUDA(run(problem, problem.Desc(bf16)));
    CHECK_CUDA(cudaDeviceSynchronize());
    const bool same = std::memcmp(problem.Out(bf16).data(), out.data(), out.size() * 4) == 0;
    const double error = problem.Error(out);
    if (error < bound && same) {
      ++passed;
    } else {
      ++failed;
      std::printf("FAILED %s %s: error %.3g, %s\n", name.c_str(), bf16 ? "bf16" : "float32", error,
                  same ? "repeats" : "DOES NOT REPEAT");
    }
  }
}

void CheckPlain() {
  const Shape tiny{4, 2, 64, 64};
  const Shape tiny_full{4, 1, 128, 0};
  for (const int64_t p : {0, 62, 63, 64, 65, 129}) {
    Expect("plain decode", RunPlain, tiny, {{1, p, 0}}, 4e-3);
  }
  Expect("plain ring", RunPlain, tiny, {{30, 200, 101}, {5, 0, 64}}, 4e-3);
  Expect("plain image", RunPlain, tiny, {{50, 100, 140, 10, 40}}, 4e-3);
  Expect("plain full", RunPlain, tiny_full, {{77, 0, 0}, {3, 500, 600}}, 4e-3);
  Expect("plain odd", RunPlain, {6, 3, 36, 10}, {{20, 5, 40}}, 4e-3);
}

void CheckPrefill() {
  for (const Shape& shape :
       {kSliding, kFull, Shape{4, 2, 256, 64}, Shape{8, 8, 256, 0}, Shape{8, 2, 512, 64}}) {
    const std::string name = "prefill " + std::to_string(shape.head_dim) + "/" +
                             std::to_string(shape.heads / shape.kv_heads) + "/" +
                             std::to_string(shape.window);
    const int64_t w = shape.window == 0 ? 100 : shape.window;
    Expect(name + " short", RunPrefill, shape, {{1, 0, 0}, {7, 0, 0}, {130, 0, 0}});
    Expect(name + " edges", RunPrefill, shape,
           {{w - 1, 0, 0}, {w, 0, 0}, {w + 1, 0, 0}, {2 * w + 1, 0, 0}});
    Expect(name + " later", RunPrefill, shape, {{63, w - 1, 0}, {65, 5000, 0}, {3, w, 0}});
    Expect(name + " image", RunPrefill, shape,
           {{300, 17, 0, 20, 290}, {280, w, 0, 0, 280}, {40, 3, 100, 39, 40}});
    if (shape.window > 0) {
      Expect(name + " ring", RunPrefill, shape,
             {{200, 3 * w, w + 199},
              {100, 10 * w + 37, w + 131},
              {64, 100000, w + 64, 10, 50},
              {1, 2 * w + 5, w}});
    }
    Expect(name + " peaked", RunPrefill, shape, {{200, 700, 1200}}, 1e-2, 1.0F);
    std::vector<Part> many;
    for (int64_t i = 0; i < 37; ++i) many.push_back({1 + i * 5 % 23, i * 31, 1200 + w});
    Expect(name + " many", RunPrefill, shape, many);
  }
  Expect("prefill tiny", RunPrefill, {4, 2, 64, 64}, {{129, 10, 0}});
}

void CheckDecode() {
  for (const Shape& shape : {kSliding, kFull, Shape{4, 2, 256, 64}, Shape{8, 8, 256, 0},
                             Shape{8, 2, 512, 64}, Shape{4, 2, 64, 64}}) {
    const std::string name = "decode " + std::to_string(shape.head_dim) + "/" +
                             std::to_string(shape.heads / shape.kv_heads) + "/" +
                             std::to_string(shape.window);
    const int64_t w = shape.window == 0 ? 100 : shape.window;
    std::vector<Part> edges;
    for (const int64_t p : {int64_t{0}, int64_t{1}, int64_t{15}, int64_t{31}, int64_t{32},
                            int64_t{63}, int64_t{64}, w - 2, w - 1, w, w + 1, 2 * w + 1}) {
      edges.push_back({1, p, 0});
    }
    Expect(name + " edges", RunDecode, shape, edges);
    Expect(name + " deep", RunDecode, shape, {{1, 20000, 0}, {1, 3, 0}, {1, 8191, 0}});
    Expect(name + " rows", RunDecode, shape,
           {{5, 700, 0}, {1, 0, 0}, {64, 2000, 0}, {9, w - 4, 0}});
    if (shape.window > 0) {
      Expect(name + " ring", RunDecode, shape,
             {{1, 3 * w + 7, w}, {3, 7 * w + 1, w + 2}, {1, 131071, w + 63}});
    }
    Expect(name + " peaked", RunDecode, shape, {{1, 3000, 0}}, 1e-2, 1.0F);
    std::vector<Part> many;
    for (int64_t i = 0; i < 64; ++i) many.push_back({1, i * i, 0});
    Expect(name + " many", RunDecode, shape, many);
  }
}

/// A sequence's result does not depend on its neighbours.
void CheckDecodeInvariance() {
  for (const Shape& shape : {kSliding, kFull}) {
    const Problem problem(shape, {{1, 5000, 0}, {1, 77, 0}, {1, 9000, 0}}, 0.1F, 99);
    const AttentionDesc desc = problem.Desc(false);
    CHECK_CUDA(RunDecode(problem, desc));
    const std::vector<float> together = problem.Out(false);
    problem.Poison();
    for (size_t i = 0; i < 3; ++i) {
      AttentionDecodeDesc decode;
      decode.shape = desc;
      decode.sequences = problem.device_sequences->data() + i;
      decode.count = 1;
      decode.max_depth = 131072;
      const DeviceArray<uint8_t> scratch(static_cast<size_t>(AttentionDecodeScratchBytes(decode)));
      decode.scratch = scratch.data();
      CHECK_CUDA(AttentionDecode(decode, nullptr));
      CHECK_CUDA(cudaDeviceSynchronize());
    }
    const std::vector<float> alone = problem.Out(false);
    const bool same = std::memcmp(alone.data(), together.data(), alone.size() * 4) == 0;
    ++(same ? passed : failed);
    if (!same) std::printf("FAILED decode depends on neighbours\n");
  }
}

/// Median milliseconds of `repeats` runs after two.
double Median(int repeats, const std::function<cudaError_t()>& run) {
  cudaEvent_t begin;
  cudaEvent_t end;
  CHECK_CUDA(cudaEventCreate(&begin));
  CHECK_CUDA(cudaEventCreate(&end));
  std::vector<float> times;
  for (int i = 0; i < repeats + 2; ++i) {
    CHECK_CUDA(cudaEventRecord(begin));
    CHECK_CUDA(run());
    CHECK_CUDA(cudaEventRecord(end));
    CHECK_CUDA(cudaEventSynchronize(end));
    float time = 0;
    CHECK_CUDA(cudaEventElapsedTime(&time, begin, end));
    if (i >= 2) times.push_back(time);
  }
  std::sort(times.begin(), times.end());
  return double{times[times.size() / 2]};
}

void TimePrefill() {
  std::printf("prefill, one sequence, bf16     ms  TFLOP/s  of 798\n");
  for (const Shape& shape : {kSliding, kFull}) {
    for (const int64_t rows : {512, 2048, 16384}) {
      const Problem problem(shape, {{rows, 0, 0}}, 0.1F, 7);
      const AttentionDesc desc = problem.Desc(true);
      const double ms = Median(rows > 4096 ? 5 : 20, [&] { return RunPrefill(problem, desc); });
      double pairs = 0;
      for (int64_t p = 0; p < rows; ++p) {
        pairs += static_cast<double>(shape.window == 0 ? p + 1 : std::min(p + 1, shape.window));
      }
      const double rate = 4.0 * 16 * static_cast<double>(shape.head_dim) * pairs / ms * 1e-9;
      std::printf("  head_dim %3lld rows %6lld  %8.4f  %7.1f  %5.1f %%\n",
                  static_cast<long long>(shape.head_dim), static_cast<long long>(rows), ms, rate,
                  rate / 7.98);
    }
  }
}

/// Replays of a graph of calls on several caches in turn, so that none is found in the L2 cache.
void TimeDecode() {
  std::printf("decode, bf16                    us    GB/s  of 3080\n");
  for (const Shape& shape : {kSliding, kFull}) {
    for (const int64_t depth : {1024, 4096, 32768, 131072}) {
      if (shape.window > 0 && depth > 4096) continue;
      for (const int64_t count : {1, 4, 16, 64}) {
        const int64_t held = shape.window == 0 ? depth : std::min(depth, shape.window);
        const double bytes =
            static_cast<double>(count * held * shape.kv_heads * shape.head_dim * 4);
        if (bytes > 18e9) continue;
        const auto copies = static_cast<size_t>(std::clamp(static_cast<int>(400e6 / bytes), 1, 24));
        std::vector<std::unique_ptr<Problem>> problems;
        std::vector<std::unique_ptr<DeviceArray<uint8_t>>> scratch;
        const std::vector<Part> parts(static_cast<size_t>(count), Part{1, depth - 1, held});
        for (size_t i = 0; i < copies; ++i) {
          problems.push_back(std::make_unique<Problem>(shape, parts, 0.1F, 7 + i));
        }
        AttentionDecodeDesc decode;
        decode.count = count;
        decode.max_depth = depth;
        decode.shape = problems[0]->Desc(true);
        const DeviceArray<uint8_t> memory(static_cast<size_t>(AttentionDecodeScratchBytes(decode)));
        decode.scratch = memory.data();
        cudaStream_t stream;
        CHECK_CUDA(cudaStreamCreate(&stream));
        CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        for (const auto& problem : problems) {
          decode.shape = problem->Desc(true);
          decode.sequences = problem->device_sequences->data();
          CHECK_CUDA(AttentionDecode(decode, stream));
        }
        cudaGraph_t graph;
        cudaGraphExec_t executable;
        CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
        CHECK_CUDA(cudaGraphInstantiate(&executable, graph, 0));
        const double ms = Median(5, [&] { return cudaGraphLaunch(executable, nullptr); }) /
                          static_cast<double>(copies);
        const double rate = bytes / ms * 1e-6;
        std::printf("  %3lld depth %6lld x %2lld  %10.2f  %6.0f  %5.1f %%\n",
                    static_cast<long long>(shape.head_dim), static_cast<long long>(depth),
                    static_cast<long long>(count), ms * 1e3, rate, rate / 30.8);
        CHECK_CUDA(cudaGraphExecDestroy(executable));
        CHECK_CUDA(cudaGraphDestroy(graph));
        CHECK_CUDA(cudaStreamDestroy(stream));
      }
    }
  }
}

int Main(int argc, char** argv) {
  const auto wanted = [&](const char* name) {
    if (argc == 1) return true;
    for (int i = 1; i < argc; ++i) {
      if (std::strcmp(argv[i], name) == 0) return true;
    }
    return false;
  };
  if (wanted("check-plain")) CheckPlain();
  if (wanted("check-prefill")) CheckPrefill();
  if (wanted("check-decode")) {
    CheckDecode();
    CheckDecodeInvariance();
  }
  if (wanted("prefill")) TimePrefill();
  if (wanted("decode")) TimeDecode();
  return CloseTests();
}

}  // namespace
}  // namespace facet::cuda

int main(int argc, char** argv) { return facet::cuda::Main(argc, argv); }
