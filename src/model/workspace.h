// Every activation buffer of a step, sized and allocated once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "checkpoint/model_config.h"
#include "kernels/backend.h"

namespace facet {

/// Buffers for steps of up to `max_tokens` tokens. One step at a time uses a workspace.
class Workspace {
 public:
  Workspace(const ModelConfig& config, int64_t max_tokens, Backend& backend);

  /// Bytes that the buffers take.
  static int64_t BytesFor(const ModelConfig& config, int64_t max_tokens, Backend& backend);

  int64_t max_tokens() const { return max_tokens_; }

  /// Each gives the first `tokens` rows of its buffer.
  Matrix Hidden(int64_t tokens) const { return View(hidden_, tokens, hidden_width_); }
  /// Hidden states after the last norm.
  Matrix Normed(int64_t tokens) const { return View(normed_, tokens, hidden_width_); }
  Matrix Projected(int64_t tokens) const { return View(projected_, tokens, hidden_width_); }
  Matrix Query(int64_t tokens, int64_t width) const { return View(query_, tokens, width); }
  Matrix Key(int64_t tokens, int64_t width) const { return View(key_, tokens, width); }
  Matrix Value(int64_t tokens, int64_t width) const { return View(value_, tokens, width); }
  Matrix Gate(int64_t tokens) const { return View(gate_, tokens, intermediate_width_); }
  Matrix Up(int64_t tokens) const { return View(up_, tokens, intermediate_width_); }
  /// What each group of linears reads, and the queries.
  Activations LayerInput(int64_t tokens) const {
    return {layer_input_.as<void>(), tokens, hidden_width_};
  }
  Activations Queries(int64_t tokens, int64_t width) const {
    return {queries_.as<void>(), tokens, width};
  }
  Activations Attended(int64_t tokens, int64_t width) const {
    return {attended_.as<void>(), tokens, width};
  }
  Activations GateUp(int64_t tokens) const {
    return {gate_up_.as<void>(), tokens, intermediate_width_};
  }
  /// Room for any of them in NVFP4.
  void* Quantized() const { return quantized_.as<void>(); }
  /// Patches or frames of one medium, before projection.
  Matrix Media(int64_t tokens, int64_t width) const { return View(media_, tokens, width); }
  /// Angles of every token for one kind of layer.
  RopeAngles Angles(bool full, int64_t tokens, int64_t half) const {
    return {View(cosines_[full], tokens, half), View(sines_[full], tokens, half)};
  }
  StepRecordings* recordings() const { return recordings_.get(); }

 private:
  Workspace(const ModelConfig& config, int64_t max_tokens, Backend& backend,
            const std::function<Buffer(int64_t bytes)>& allocate);

  static Matrix View(const Buffer& buffer, int64_t tokens, int64_t width) {
    return {buffer.as<float>(), tokens, width};
  }

  int64_t max_tokens_;
  int64_t hidden_width_;
  int64_t intermediate_width_;
  Buffer hidden_, normed_, projected_, query_, key_, value_, gate_, up_, media_;
  Buffer layer_input_, queries_, attended_, gate_up_, quantized_;
  Buffer cosines_[2], sines_[2];
  std::unique_ptr<StepRecordings> recordings_;
};

}  // namespace facet
