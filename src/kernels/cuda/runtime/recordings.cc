#include "kernels/cuda/recordings.h"

#include "kernels/cuda/check.h"

namespace facet::cuda {
namespace {

/// Graphs of 400 kernels take about a megabyte each; batches come in few sizes.
constexpr size_t kMostGraphs = 64;

/// Ends a capture that an exception left open.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    Check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  }
  ~Capture() {
    if (!open_) return;
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    cudaGetLastError();
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  cudaGraph_t End() {
    open_ = false;
    cudaGraph_t graph = nullptr;
    Check(cudaStreamEndCapture(stream_, &graph));
    return graph;
  }

 private:
  cudaStream_t stream_;
  bool open_ = true;
};

}  // namespace

void Recordings::Run(const Key& key, cudaStream_t stream, const std::function<void()>& operations) {
  const auto found = graphs_.find(key);
  if (found == graphs_.end()) {
    if (graphs_.size() >= kMostGraphs) {
      Check(cudaStreamSynchronize(stream));
      Clear();
    }
    operations();
    graphs_.emplace(key, nullptr);
    return;
  }
  if (found->second == nullptr) found->second = Record(stream, operations);
  Check(cudaGraphLaunch(found->second, stream));
}

cudaGraphExec_t Recordings::Record(cudaStream_t stream, const std::function<void()>& operations) {
  Capture capture(stream);
  operations();
  const cudaGraph_t graph = capture.End();
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  Check(error);
  return executable;
}

void Recordings::Clear() {
  for (const auto& [key, graph] : graphs_) {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
  }
  graphs_.clear();
}

}  // namespace facet::cuda
