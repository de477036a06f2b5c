// Launchers of linear_decode.h.
#include "kernels/cuda/linear_decode.h"
#include "kernels/cuda/sm90/linear_decode_bf16.cuh"
#include "kernels/cuda/sm90/linear_decode_launch.cuh"
#include "kernels/cuda/sm90/linear_decode_nvfp4.cuh"

namespace facet::cuda {
namespace {

using sm90::LinearCall;
using sm90::OutForm;

// Eight tokens leave room for two CTAs on a multiprocessor: the next layer's kernel starts reading
// while this one ends.
using Nvfp4 = sm90::Nvfp4Stream<16, 2, 1, 2>;
using Nvfp4ForMany = sm90::Nvfp4Stream<16, 2, 1>;
using Bf16 = sm90::Bf16Stream<16, 1>;

template <class Stream, class StreamForMany, OutForm kOutput>
cudaError_t LaunchForTokens(const LinearCall& call, cudaStream_t stream) {
  if (call.x.tokens > kMaxDecodeTokens) return cudaErrorInvalidValue;
  return call.x.tokens <= 8 ? sm90::LaunchDecode<Stream, 1, kOutput>(call, 1, stream)
                            : sm90::LaunchDecode<StreamForMany, 2, kOutput>(call, 1, stream);
}

template <class Stream, class StreamForMany>
cudaError_t LaunchForOutput(const LinearCall& call, LinearOut out_type, cudaStream_t stream) {
  return out_type == LinearOut::kFloat32
             ? LaunchForTokens<Stream, StreamForMany, OutForm::kFloat32>(call, stream)
             : LaunchForTokens<Stream, StreamForMany, OutForm::kBf16>(call, stream);
}

}  // namespace

cudaError_t LinearNvfp4Decode(const LinearNvfp4Desc& desc, cudaStream_t stream) {
  LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return LaunchForOutput<Nvfp4, Nvfp4ForMany>(call, desc.out_type, stream);
}

cudaError_t GateUpNvfp4Decode(const GateUpNvfp4Desc& desc, cudaStream_t stream) {
  LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return LaunchForTokens<Nvfp4, Nvfp4ForMany, OutForm::kGateUp>(call, stream);
}

cudaError_t LinearBf16Decode(const LinearBf16Desc& desc, cudaStream_t stream) {
  LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return LaunchForOutput<Bf16, Bf16>(call, desc.out_type, stream);
}

}  // namespace facet::cuda
