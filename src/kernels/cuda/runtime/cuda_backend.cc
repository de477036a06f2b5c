// Device, memory, copies, weights.
#include "kernels/cuda/cuda_backend.h"

#include <bit>

#include "base/thread_pool.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/pack_device.h"
#include "kernels/cuda/pack_format.h"
#include "tensor/bf16.h"

namespace facet::cuda {
namespace {

/// Bytes of a weight's codes and block scales in a file.
int64_t UnpackedBytes(const Nvfp4Matrix& weight) {
  return weight.rows * weight.cols / 2 + weight.rows * weight.cols / kNvfp4Block;
}

/// Whether all are NVFP4 and take their inputs with the same scale, so that one product serves all.
bool AreAlike(std::span<const Weight> weights) {
  const auto* first = std::get_if<Nvfp4Matrix>(&weights[0]);
  return first != nullptr && std::all_of(weights.begin(), weights.end(), [&](const Weight& weight) {
           const auto* nvfp4 = std::get_if<Nvfp4Matrix>(&weight);
           return nvfp4 != nullptr && nvfp4->input_scale == first->input_scale;
         });
}

}  // namespace

Result<DeviceProperties> UsableDevice(int index) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || index >= count) {
    cudaGetLastError();  // a machine without a card is no error
    return Fail(ErrorCode::kUnsupported, "no CUDA device {}: this machine has {}", index, count);
  }
  cudaDeviceProp found;
  Check(cudaGetDeviceProperties(&found, index));
  if (found.major != 9) {
    return Fail(ErrorCode::kUnsupported,
                "CUDA device {} ({}) has compute capability {}.{}; facet's kernels need 9.0", index,
                found.name, found.major, found.minor);
  }
  return DeviceProperties{.name = found.name, .major = found.major, .minor = found.minor};
}

Result<std::unique_ptr<Backend>> MakeBackend(int index) {
  FACET_TRY([[maybe_unused]] const DeviceProperties device, UsableDevice(index));
  return std::make_unique<CudaBackend>(index);
}

CudaBackend::CudaBackend(int device) : device_(device), host_(ThreadPool::UsableProcessors()) {
  Check(cudaSetDevice(device_));
  Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

CudaBackend::~CudaBackend() {
  staging_.reset();  // it still uses the stream
  cudaStreamDestroy(stream_);
}

Buffer CudaBackend::Allocate(int64_t bytes) {
  if (bytes == 0) return {};
  void* data = nullptr;
  Check(cudaMalloc(&data, static_cast<size_t>(bytes)));
  Buffer buffer(data, bytes, [](void* memory, int64_t) { cudaFree(memory); });
  Check(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), stream_));
  return buffer;
}

void CudaBackend::Load(const void* host, int64_t bytes, void* out) {
  // More threads than this copy no faster than the bus takes it.
  constexpr int kMostThreads = 8;
  if (!staging_) staging_.emplace(stream_, std::min(kMostThreads, ThreadPool::UsableProcessors()));
  staging_->Copy(host, bytes, out);
}

int64_t CudaBackend::AvailableMemory() {
  constexpr int64_t kForOperations = int64_t{512} << 20;  // scratch, recorded steps, alignment
  size_t free = 0;
  size_t total = 0;
  Check(cudaMemGetInfo(&free, &total));
  return std::max<int64_t>(0, static_cast<int64_t>(free) - kForOperations);
}

void CudaBackend::Write(const void* host, int64_t bytes, void* out) {
  // From pageable memory: the copy has left it when the call returns.
  Check(cudaMemcpyAsync(out, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_));
}

void CudaBackend::Copy(const void* from, int64_t bytes, void* out) {
  Check(cudaMemcpyAsync(out, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, stream_));
}

ConstMatrix CudaBackend::Read(ConstMatrix matrix, Buffer& storage) {
  const int64_t bytes = matrix.rows * matrix.cols * static_cast<int64_t>(sizeof(float));
  if (storage.bytes() < bytes) storage = Buffer::Host(bytes);
  Check(cudaMemcpyAsync(storage.as<void>(), matrix.data, static_cast<size_t>(bytes),
                        cudaMemcpyDeviceToHost, stream_));
  Check(cudaStreamSynchronize(stream_));
  return {storage.as<float>(), matrix.rows, matrix.cols};
}

ConstMatrix CudaBackend::ReadActivations(const Activations& activations, Buffer& storage) {
  const int64_t stride = StrideOf(activations.cols);
  std::vector<uint16_t> rounded(static_cast<size_t>(activations.rows * stride));
  Check(cudaMemcpyAsync(rounded.data(), activations.data, rounded.size() * sizeof(uint16_t),
                        cudaMemcpyDeviceToHost, stream_));
  Check(cudaStreamSynchronize(stream_));
  const int64_t rows = activations.rows;
  const int64_t cols = activations.cols;
  const int64_t bytes = rows * cols * static_cast<int64_t>(sizeof(float));
  if (storage.bytes() < bytes) storage = Buffer::Host(bytes);
  auto* values = storage.as<float>();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      values[row * cols + col] = FloatFromBf16(rounded[static_cast<size_t>(row * stride + col)]);
    }
  }
  return {values, rows, cols};
}

const uint16_t* CudaBackend::Place(std::span<const uint16_t> values, std::vector<Buffer>& memory) {
  const auto bytes = static_cast<int64_t>(values.size_bytes());
  const Buffer& placed = memory.emplace_back(Allocate(bytes));
  Load(values.data(), bytes, placed.as<void>());
  return placed.as<uint16_t>();
}

Bf16Matrix CudaBackend::PlaceBf16(const Bf16Matrix& weight, std::vector<Buffer>& memory) {
  placed_.Break();  // not packed; a model's table comes before its layers
  const auto row_bytes = static_cast<size_t>(weight.cols) * 2;
  const auto stride = static_cast<size_t>(StrideOf(weight.cols)) * 2;
  const Buffer& placed = memory.emplace_back(Allocate(weight.rows * static_cast<int64_t>(stride)));
  if (row_bytes == stride) {
    Load(weight.data, placed.bytes(), placed.as<void>());
    return {weight.rows, weight.cols, placed.as<uint16_t>()};
  }
  Check(cudaMemcpy2DAsync(placed.as<void>(), stride, weight.data, row_bytes, row_bytes,
                          static_cast<size_t>(weight.rows), cudaMemcpyHostToDevice, stream_));
  Check(cudaStreamSynchronize(stream_));
  return {weight.rows, weight.cols, placed.as<uint16_t>()};
}

int64_t CudaBackend::PlacedBytes(const Weight& weight) const {
  const bool nvfp4 = std::holds_alternative<Nvfp4Matrix>(weight);
  return nvfp4 ? PackedBytes(RowsOf(weight), ColsOf(weight))
               : RowsOf(weight) * StrideOf(ColsOf(weight)) * 2;
}

Weight CudaBackend::Place(const Weight& weight, std::vector<Buffer>& memory) {
  Weight placed = weight;
  PlaceAsOne({&placed, 1}, memory);
  return placed;
}

void CudaBackend::PlaceGroup(LinearGroup group, std::span<Weight> weights,
                             std::vector<Buffer>& memory) {
  if (!AreAlike(weights)) {
    for (Weight& weight : weights) weight = Place(weight, memory);
  } else if (group == LinearGroup::kGateUp && weights.size() == 2 &&
             RowsOf(weights[0]) == RowsOf(weights[1])) {
    PlaceInterleaved(weights[0], weights[1], memory);
  } else {
    PlaceAsOne(weights, memory);
  }
}

DeviceNvfp4 CudaBackend::WriteUnpacked(const Nvfp4Matrix& weight, uint8_t* memory) {
  const int64_t code_bytes = weight.rows * weight.cols / 2;
  Load(weight.codes, code_bytes, memory);
  Load(weight.block_scales, weight.rows * weight.cols / kNvfp4Block, memory + code_bytes);
  return {memory, memory + code_bytes, weight.rows, weight.cols};
}

void CudaBackend::PlaceAsOne(std::span<Weight> weights, std::vector<Buffer>& memory) {
  if (const auto* bf16 = std::get_if<Bf16Matrix>(&weights[0])) {
    weights[0] = PlaceBf16(*bf16, memory);
    return;
  }
  int64_t bytes = 0;
  for (const Weight& weight : weights) bytes += PackedBytes(RowsOf(weight), ColsOf(weight));
  auto* packed = memory.emplace_back(Allocate(bytes)).as<uint8_t>();
  placed_.Add(packed, bytes);
  for (Weight& weight : weights) {
    auto& nvfp4 = std::get<Nvfp4Matrix>(weight);
    auto* unpacked = static_cast<uint8_t*>(unpacked_.Reserve(*this, UnpackedBytes(nvfp4)));
    Check(PackNvfp4OnDevice(WriteUnpacked(nvfp4, unpacked), packed, stream_));
    nvfp4.codes = packed;
    nvfp4.block_scales = nullptr;  // inside the packed records
    packed += PackedBytes(nvfp4.rows, nvfp4.cols);
  }
}

void CudaBackend::PlaceInterleaved(Weight& gate, Weight& up, std::vector<Buffer>& memory) {
  auto& gates = std::get<Nvfp4Matrix>(gate);
  auto& ups = std::get<Nvfp4Matrix>(up);
  auto* packed = memory.emplace_back(Allocate(GateUpBytes(gates.rows, gates.cols))).as<uint8_t>();
  placed_.Add(packed, GateUpBytes(gates.rows, gates.cols));
  const int64_t half = UnpackedBytes(gates);
  auto* unpacked = static_cast<uint8_t*>(unpacked_.Reserve(*this, 2 * half));
  Check(PackGateUpOnDevice(WriteUnpacked(gates, unpacked), WriteUnpacked(ups, unpacked + half),
                           packed, stream_));
  gates.codes = packed;
  ups.codes = nullptr;  // CudaBackend::GateUp() reads both through the gate's
  gates.block_scales = ups.block_scales = nullptr;
}

void CudaBackend::RunStep(StepRecordings* recordings, uint64_t variant,
                          const std::function<void()>& operations) {
  // Larger steps run longer than their launches take.
  constexpr int64_t kMostRecordedTokens = 128;
  if (recordings == nullptr || step_.tokens() > kMostRecordedTokens || !step_.IsReplayable()) {
    operations();
    return;
  }
  Recordings::Key key = {variant, reinterpret_cast<uintptr_t>(step_.base()),
                         static_cast<uint64_t>(DepthBucket())};
  for (const StepSequence& sequence : step_.sequences()) {
    key.push_back(static_cast<uint64_t>(sequence.rows));
  }
  static_cast<Recordings*>(recordings)->Run(key, stream_, operations);
}

int64_t CudaBackend::DepthBucket() const {
  constexpr int64_t kLeast = 1024;
  return std::max(kLeast,
                  static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(step_.depth()))));
}

const int32_t* CudaBackend::Upload(std::span<const int32_t> values) {
  auto* indices =
      static_cast<int32_t*>(indices_.Reserve(*this, static_cast<int64_t>(values.size_bytes())));
  Write(values.data(), static_cast<int64_t>(values.size_bytes()), indices);
  return indices;
}

}  // namespace facet::cuda
