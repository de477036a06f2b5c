// Every activation buffer of a step, sized and allocated once.
#pragma once

#include <cstdint>

#include "checkpoint/model_config.h"
#include "kernels/backend.h"

namespace facet {

/// Buffers for steps of up to `max_tokens` tokens. One step at a time uses a workspace.
class Workspace {
 public:
  Workspace(const ModelConfig& config, int64_t max_tokens, Backend& backend);

  int64_t max_tokens() const { return max_tokens_; }

  /// Each gives the first `tokens` rows of its buffer.
  Matrix Hidden(int64_t tokens) const { return View(hidden_, tokens, hidden_width_); }
  Matrix Normed(int64_t tokens) const { return View(normed_, tokens, hidden_width_); }
  Matrix Projected(int64_t tokens) const { return View(projected_, tokens, hidden_width_); }
  Matrix Query(int64_t tokens, int64_t width) const { return View(query_, tokens, width); }
  Matrix Key(int64_t tokens, int64_t width) const { return View(key_, tokens, width); }
  Matrix Value(int64_t tokens, int64_t width) const { return View(value_, tokens, width); }
  Matrix Attended(int64_t tokens, int64_t width) const { return View(attended_, tokens, width); }
  Matrix Gate(int64_t tokens) const { return View(gate_, tokens, intermediate_width_); }
  Matrix Up(int64_t tokens) const { return View(up_, tokens, intermediate_width_); }
  /// Patches or frames of one medium, before projection.
  Matrix Media(int64_t tokens, int64_t width) const { return View(media_, tokens, width); }
  /// Cosines or sines of every token for one kind of layer.
  Matrix Cosines(bool full, int64_t tokens, int64_t half) const {
    return View(cosines_[full], tokens, half);
  }
  Matrix Sines(bool full, int64_t tokens, int64_t half) const {
    return View(sines_[full], tokens, half);
  }
  /// One past the last visible position of every token, per kind of layer.
  int64_t* VisibleEnd(bool full) const { return visible_end_[full].as<int64_t>(); }
  uint8_t* Codes() const { return codes_.as<uint8_t>(); }
  uint8_t* BlockScales() const { return block_scales_.as<uint8_t>(); }

 private:
  static Matrix View(const Buffer& buffer, int64_t tokens, int64_t width) {
    return {buffer.as<float>(), tokens, width};
  }

  int64_t max_tokens_;
  int64_t hidden_width_;
  int64_t intermediate_width_;
  Buffer hidden_, normed_, projected_, query_, key_, value_, attended_, gate_, up_, media_;
  Buffer cosines_[2], sines_[2], visible_end_[2];
  Buffer codes_, block_scales_;
};

}  // namespace facet
