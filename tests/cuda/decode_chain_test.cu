// A whole decode step of the 12B's shapes on a device, as one graph: that early starts change no
// bit, and that two runs give the same. Stands alone: no arguments, closes with "N passed, N
// failed". With "bench" it also prints times, per kernel and of the whole.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "decode_chain_step.cuh"

namespace facet::cuda {
namespace {

constexpr int64_t kBenchDepth = 1024;

std::vector<float> Run(Chain& chain, const ChainOptions& options) {
  chain.Reset();
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  CHECK_CUDA(cudaStreamCreate(&stream));
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  chain.Launch(options, stream);
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  CHECK_CUDA(cudaGraphInstantiate(&replay, graph, 0));
  CHECK_CUDA(cudaGraphLaunch(replay, stream));
  CHECK_CUDA(cudaStreamSynchronize(stream));
  CHECK_CUDA(cudaGraphExecDestroy(replay));
  CHECK_CUDA(cudaGraphDestroy(graph));
  CHECK_CUDA(cudaStreamDestroy(stream));
  std::vector<float> result = chain.logits().ToHost();
  const std::vector<float> hidden = chain.hidden().ToHost();
  result.insert(result.end(), hidden.begin(), hidden.end());
  return result;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

ChainOptions Prefetching(int64_t qkv, int64_t out, int64_t gate_up, int64_t down) {
  ChainOptions options;
  options.qkv_prefetch = qkv * 1'000'000;
  options.out_prefetch = out * 1'000'000;
  options.gate_up_prefetch = gate_up * 1'000'000;
  options.down_prefetch = down * 1'000'000;
  return options;
}

void Test(Chain& chain, int64_t batch) {
  ChainOptions plain;
  plain.programmatic = false;
  const std::vector<float> wanted = Run(chain, plain);
  double squares = 0;
  for (const float value : wanted) squares += static_cast<double>(value) * value;
  const std::string name = "chain of " + std::to_string(batch);
  Report(name + " finite", std::isfinite(squares) && squares > 0, squares);
  Report(name + " repeated", SameBits(Run(chain, plain), wanted), 0);
  for (int i = 0; i < 3; ++i) {
    Report(name + " early starts", SameBits(Run(chain, ChainOptions{}), wanted), i);
    Report(name + " prefetches", SameBits(Run(chain, Prefetching(9, 8, 8, 8)), wanted), i);
  }
}

double Us(const Chain& chain, const ChainOptions& options) {
  return 1e3 * MedianMs(1, [&](int, cudaStream_t stream) {
           chain.Launch(options, stream);
           return cudaSuccess;
         });
}

void PrintWhole(const char* name, const Chain& chain, int64_t batch, const ChainOptions& options) {
  const double us = Us(chain, options);
  std::printf("batch %2ld %-24s %7.1f us, %6.1f tokens/s, %.0f %% of the limit by bytes\n",
              static_cast<long>(batch), name, us, 1e6 * static_cast<double>(batch) / us,
              100 * chain.bytes() / kPeakTbs * 1e-6 / us);
}

/// A kernel's time: what a step is longer with it, and what its launches take alone, each after the
/// other.
void PrintKernels(const Chain& chain, const ChainOptions& options) {
  const double whole = Us(chain, options);
  for (int k = 0; k < kChainKernels; ++k) {
    ChainOptions without = options;
    without.skip[static_cast<size_t>(k)] = true;
    ChainOptions alone = options;
    for (int other = 0; other < kChainKernels; ++other) {
      alone.skip[static_cast<size_t>(other)] = other != k;
    }
    const double launches = k == kHead ? 1 : k == kResidualNorm ? 96 : 48;
    std::printf("  %-16s adds %6.2f us, alone %6.2f us a launch\n", kChainNames[k],
                (whole - Us(chain, without)) / launches, Us(chain, alone) / launches);
  }
}

void Bench(const Chain& chain, int64_t batch) {
  ChainOptions plain;
  plain.programmatic = false;
  PrintWhole("plain", chain, batch, plain);
  PrintWhole("early", chain, batch, ChainOptions{});
  for (const std::array<int64_t, 4>& p : std::vector<std::array<int64_t, 4>>{{9, 0, 0, 0},
                                                                             {9, 4, 4, 4},
                                                                             {9, 8, 8, 8},
                                                                             {9, 16, 8, 17},
                                                                             {9, 24, 12, 17},
                                                                             {9, 12, 0, 17}}) {
    const std::string name = "prefetching " + std::to_string(p[0]) + " " + std::to_string(p[1]) +
                             " " + std::to_string(p[2]) + " " + std::to_string(p[3]);
    PrintWhole(name.c_str(), chain, batch, Prefetching(p[0], p[1], p[2], p[3]));
  }
}

}  // namespace
}  // namespace facet::cuda

int main(int argc, char** argv) {
  using namespace facet::cuda;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const bool bench = argc > 1 && std::strcmp(argv[1], "bench") == 0;
  for (const int64_t batch : {1, 16}) {
    Chain chain(batch, kBenchDepth);
    Test(chain, batch);
    if (!bench) continue;
    std::printf("batch %ld, depth %ld: limit by bytes %.0f us\n", static_cast<long>(batch),
                static_cast<long>(kBenchDepth), chain.bytes() / kPeakTbs * 1e-6);
    Bench(chain, batch);
    PrintKernels(chain, Prefetching(9, 8, 8, 8));
  }
  return CloseTests();
}
