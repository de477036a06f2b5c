// Device, memory, copies, weights.
#include "kernels/cuda/cuda_backend.h"

#include "base/thread_pool.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/pack_device.h"
#include "kernels/cuda/pack_format.h"

namespace facet::cuda {

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

CudaBackend::~CudaBackend() { cudaStreamDestroy(stream_); }

Buffer CudaBackend::Allocate(int64_t bytes) {
  if (bytes == 0) return {};
  void* data = nullptr;
  Check(cudaMalloc(&data, static_cast<size_t>(bytes)));
  Buffer buffer(data, bytes, [](void* memory, int64_t) { cudaFree(memory); });
  Check(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), stream_));
  return buffer;
}

void CudaBackend::Write(const void* host, int64_t bytes, void* out) {
  // From pageable memory: the copy has left it when the call returns.
  Check(cudaMemcpyAsync(out, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_));
}

ConstMatrix CudaBackend::Read(ConstMatrix matrix, Buffer& storage) {
  const int64_t bytes = matrix.rows * matrix.cols * static_cast<int64_t>(sizeof(float));
  if (storage.bytes() < bytes) storage = Buffer::Host(bytes);
  Check(cudaMemcpyAsync(storage.as<void>(), matrix.data, static_cast<size_t>(bytes),
                        cudaMemcpyDeviceToHost, stream_));
  Check(cudaStreamSynchronize(stream_));
  return {storage.as<float>(), matrix.rows, matrix.cols};
}

const uint16_t* CudaBackend::Place(std::span<const uint16_t> values, std::vector<Buffer>& memory) {
  const auto bytes = static_cast<int64_t>(values.size_bytes());
  const Buffer& placed = memory.emplace_back(Allocate(bytes));
  Write(values.data(), bytes, placed.as<void>());
  return placed.as<uint16_t>();
}

Bf16Matrix CudaBackend::PlaceBf16(const Bf16Matrix& weight, std::vector<Buffer>& memory) {
  const auto row_bytes = static_cast<size_t>(weight.cols) * 2;
  const auto stride = static_cast<size_t>(StrideOf(weight.cols)) * 2;
  const Buffer& placed = memory.emplace_back(Allocate(weight.rows * static_cast<int64_t>(stride)));
  Check(cudaMemcpy2DAsync(placed.as<void>(), stride, weight.data, row_bytes, row_bytes,
                          static_cast<size_t>(weight.rows), cudaMemcpyHostToDevice, stream_));
  Check(cudaStreamSynchronize(stream_));
  return {weight.rows, weight.cols, placed.as<uint16_t>()};
}

Weight CudaBackend::Place(const Weight& weight, std::vector<Buffer>& memory) {
  if (const auto* bf16 = std::get_if<Bf16Matrix>(&weight)) {
    return PlaceBf16(*bf16, memory);
  }
  const auto& nvfp4 = std::get<Nvfp4Matrix>(weight);
  const int64_t code_bytes = nvfp4.rows * nvfp4.cols / 2;
  const int64_t scale_bytes = nvfp4.rows * nvfp4.cols / kNvfp4Block;
  auto* codes = static_cast<uint8_t*>(unpacked_.Reserve(*this, code_bytes + scale_bytes));
  uint8_t* block_scales = codes + code_bytes;
  Write(nvfp4.codes, code_bytes, codes);
  Write(nvfp4.block_scales, scale_bytes, block_scales);
  const Buffer& placed = memory.emplace_back(Allocate(PackedBytes(nvfp4.rows, nvfp4.cols)));
  Check(PackNvfp4OnDevice({codes, block_scales, nvfp4.rows, nvfp4.cols}, placed.as<uint8_t>(),
                          stream_));
  Nvfp4Matrix result = nvfp4;
  result.codes = placed.as<uint8_t>();
  result.block_scales = nullptr;  // inside the packed records
  return result;
}

const int32_t* CudaBackend::Upload(std::span<const int32_t> values) {
  auto* indices =
      static_cast<int32_t*>(indices_.Reserve(*this, static_cast<int64_t>(values.size_bytes())));
  Write(values.data(), static_cast<int64_t>(values.size_bytes()), indices);
  return indices;
}

}  // namespace facet::cuda
