// Launchers of linear_prefill.h.
#include "kernels/cuda/linear_prefill.h"
#include "kernels/cuda/sm90/linear_call.h"
#include "kernels/cuda/sm90/linear_launch.cuh"
#include "kernels/cuda/sm90/linear_split.h"

namespace facet::cuda {
using sm90::LinearCall;
using sm90::OutForm;
using sm90::WeightForm;

namespace {

template <OutForm kOutput>
cudaError_t LaunchNvfp4(const LinearCall& call, cudaStream_t stream) {
  return call.x.tokens <= sm90::kMaxSplitTokens
             ? sm90::LaunchSplit(call, kOutput, sm90::ChooseSplit(call), stream)
             : sm90::LaunchForTokens<WeightForm::kNvfp4, kOutput>(call, stream);
}

}  // namespace

cudaError_t LinearNvfp4Prefill(const LinearNvfp4Desc& desc, cudaStream_t stream) {
  LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return desc.out_type == LinearOut::kFloat32 ? LaunchNvfp4<OutForm::kFloat32>(call, stream)
                                              : LaunchNvfp4<OutForm::kBf16>(call, stream);
}

cudaError_t GateUpNvfp4Prefill(const GateUpNvfp4Desc& desc, cudaStream_t stream) {
  LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return LaunchNvfp4<OutForm::kGateUp>(call, stream);
}

cudaError_t LinearBf16Prefill(const LinearBf16Desc& desc, cudaStream_t stream) {
  LinearCall call;
  if (!sm90::MakeCall(desc, &call)) return cudaErrorInvalidValue;
  return desc.out_type == LinearOut::kFloat32
             ? sm90::LaunchForTokens<WeightForm::kBf16, OutForm::kFloat32>(call, stream)
             : sm90::LaunchForTokens<WeightForm::kBf16, OutForm::kBf16>(call, stream);
}

}  // namespace facet::cuda
