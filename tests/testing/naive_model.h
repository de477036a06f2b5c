// The network once more, in float64 with an explicit mask matrix, written from the specification
// and sharing no code with src/kernels or src/model. Slow; for tests of masks, windows and
// positions on small models.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "testing/tiny_model.h"

namespace facet::testing {

class NaiveModel {
 public:
  explicit NaiveModel(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), config_(checkpoint.config()) {}

  /// Logits of every position, [tokens * vocabulary].
  std::vector<double> Logits(const TestPrompt& prompt) const {
    const size_t tokens = prompt.tokens.size();
    Rows h = Embed(prompt);
    const std::vector<int> block = Blocks(prompt);
    for (size_t layer = 0; layer < config_.layers.size(); ++layer) h = Layer(layer, h, block);
    const Rows table =
        Table("model.language_model.embed_tokens.weight", config_.vocabulary, config_.hidden);
    const Rows z =
        Times(Norm(h, Vector("model.language_model.norm.weight", config_.hidden)), table);
    std::vector<double> logits;
    logits.reserve(tokens * static_cast<size_t>(config_.vocabulary));
    for (const Row& row : z) {
      for (const double value : row) logits.push_back(Cap(value));
    }
    return logits;
  }

 private:
  using Row = std::vector<double>;
  using Rows = std::vector<Row>;

  double Cap(double z) const {
    return config_.logit_softcap > 0 ? config_.logit_softcap * std::tanh(z / config_.logit_softcap)
                                     : z;
  }

  static double Widen(uint16_t bits) {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value = 0;
    std::memcpy(&value, &wide, sizeof(value));
    return value;
  }

  Row Vector(const std::string& name, int64_t length) const {
    const uint16_t* data = Value(checkpoint_.Bf16(name, Shape{length}));
    Row out;
    for (int64_t i = 0; i < length; ++i) out.push_back(Widen(data[i]));
    return out;
  }

  Rows Table(const std::string& name, int64_t rows, int64_t cols) const {
    const TensorInfo* info = checkpoint_.Find(name);
    if (info == nullptr || info->dtype != DType::kBF16 || info->shape.elements() != rows * cols) {
      throw std::runtime_error("naive model: " + name);
    }
    const auto* data = reinterpret_cast<const uint16_t*>(info->bytes.data());
    Rows out(static_cast<size_t>(rows));
    for (size_t r = 0; r < out.size(); ++r) {
      for (int64_t c = 0; c < cols; ++c)
        out[r].push_back(Widen(data[static_cast<int64_t>(r) * cols + c]));
    }
    return out;
  }

  static Rows Times(const Rows& x, const Rows& weight) {
    Rows out;
    for (const Row& row : x) {
      Row& y = out.emplace_back();
      for (const Row& w : weight) {
        double sum = 0;
        for (size_t i = 0; i < w.size(); ++i) sum += row[i] * w[i];
        y.push_back(sum);
      }
    }
    return out;
  }

  static Rows Norm(Rows x, const Row& weight) {
    for (Row& row : x) {
      double sum = 0;
      for (const double value : row) sum += value * value;
      const double scale = 1 / std::sqrt(sum / static_cast<double>(row.size()) + 1e-6);
      for (size_t i = 0; i < row.size(); ++i) row[i] *= scale * (weight.empty() ? 1 : weight[i]);
    }
    return x;
  }

  static Rows LayerNorm(Rows x, const Row& weight, const Row& bias) {
    for (Row& row : x) {
      double mean = 0;
      for (const double value : row) mean += value / static_cast<double>(row.size());
      double variance = 0;
      for (const double value : row)
        variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
      for (size_t i = 0; i < row.size(); ++i)
        row[i] = (row[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i];
    }
    return x;
  }

  static void Add(Rows& h, const Rows& x, double scale) {
    for (size_t t = 0; t < h.size(); ++t) {
      for (size_t i = 0; i < h[t].size(); ++i) h[t][i] = (h[t][i] + x[t][i]) * scale;
    }
  }

  /// The image that each token belongs to, or -1.
  static std::vector<int> Blocks(const TestPrompt& prompt) {
    std::vector<int> block(prompt.tokens.size(), -1);
    for (size_t m = 0; m < prompt.media.size(); ++m) {
      const TestMedium& medium = prompt.media[m];
      if (medium.kind != MediaKind::kImage) continue;
      for (int64_t t = 0; t < medium.count; ++t)
        block[static_cast<size_t>(medium.first_token + t)] = static_cast<int>(m);
    }
    return block;
  }

  Rows EmbedImage(const TestMedium& image) const {
    const int64_t width = config_.vision->patch_elements();
    const std::string prefix = "model.vision_embedder.";
    Rows x(static_cast<size_t>(image.count));
    for (size_t i = 0; i < image.patches.size(); ++i) {
      x[i / static_cast<size_t>(width)].push_back(image.patches[i] / 255.0);
    }
    x = LayerNorm(x, Vector(prefix + "patch_ln1.weight", width),
                  Vector(prefix + "patch_ln1.bias", width));
    x = Times(x, Table(prefix + "patch_dense.weight", config_.hidden, width));
    const Row bias = Vector(prefix + "patch_dense.bias", config_.hidden);
    for (Row& row : x) {
      for (size_t i = 0; i < row.size(); ++i) row[i] += bias[i];
    }
    x = LayerNorm(x, Vector(prefix + "patch_ln2.weight", config_.hidden),
                  Vector(prefix + "patch_ln2.bias", config_.hidden));
    const Rows table =
        Table(prefix + "pos_embedding", config_.vision->position_limit * 2, config_.hidden);
    for (size_t t = 0; t < x.size(); ++t) {
      const Row& column = table[2 * static_cast<size_t>(image.positions[2 * t])];
      const Row& row = table[2 * static_cast<size_t>(image.positions[2 * t + 1]) + 1];
      for (size_t i = 0; i < column.size(); ++i) x[t][i] += column[i] + row[i];
    }
    x = LayerNorm(x, Vector(prefix + "pos_norm.weight", config_.hidden),
                  Vector(prefix + "pos_norm.bias", config_.hidden));
    return Times(Norm(x, {}), Table("model.embed_vision.embedding_projection.weight",
                                    config_.hidden, config_.hidden));
  }

  Rows EmbedAudio(const TestMedium& audio) const {
    const int64_t width = config_.audio->samples_per_token;
    Rows x(static_cast<size_t>(audio.count));
    for (size_t i = 0; i < audio.frames.size(); ++i)
      x[i / static_cast<size_t>(width)].push_back(audio.frames[i]);
    return Times(Norm(x, {}),
                 Table("model.embed_audio.embedding_projection.weight", config_.hidden, width));
  }

  Rows Embed(const TestPrompt& prompt) const {
    const Rows table =
        Table("model.language_model.embed_tokens.weight", config_.vocabulary, config_.hidden);
    const double scale = static_cast<float>(std::sqrt(static_cast<double>(config_.hidden)));
    Rows h;
    for (const int32_t id : prompt.tokens) {
      Row& row = h.emplace_back(table[static_cast<size_t>(id)]);
      for (double& value : row) value *= scale;
    }
    for (const TestMedium& medium : prompt.media) {
      const Rows soft = medium.kind == MediaKind::kImage ? EmbedImage(medium) : EmbedAudio(medium);
      for (size_t t = 0; t < soft.size(); ++t)
        h[static_cast<size_t>(medium.first_token) + t] = soft[t];
    }
    return h;
  }

  void Rotate(Row& row, int64_t head_dim, bool full, double position) const {
    const int64_t half = head_dim / 2;
    for (int64_t head = 0; head < static_cast<int64_t>(row.size()); head += head_dim) {
      for (int64_t i = 0; i < half; ++i) {
        // Full layers: the first quarter of the pairs turns, and the exponent's denominator is the
        // whole head.
        const double theta = full ? 1e6 : 1e4;
        const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
        const double angle = full && i >= head_dim / 8 ? 0 : position * std::pow(theta, exponent);
        double& a = row[static_cast<size_t>(head + i)];
        double& b = row[static_cast<size_t>(head + i + half)];
        const double x = a;
        a = x * std::cos(angle) - b * std::sin(angle);
        b = b * std::cos(angle) + x * std::sin(angle);
      }
    }
  }

  static Rows NormHeads(Rows x, int64_t head_dim, const Row& weight) {
    for (Row& row : x) {
      for (size_t head = 0; head < row.size(); head += static_cast<size_t>(head_dim)) {
        const auto begin = row.begin() + static_cast<int64_t>(head);
        const Row one = Norm({Row(begin, begin + head_dim)}, weight)[0];
        std::copy(one.begin(), one.end(), begin);
      }
    }
    return x;
  }

  Rows Attention(const LayerConfig& layer, const Rows& q, const Rows& k, const Rows& v,
                 const std::vector<int>& block) const {
    const auto tokens = static_cast<int64_t>(q.size());
    const bool sliding = layer.kind == LayerKind::kSliding;
    Rows out(q.size(), Row(q[0].size(), 0));
    for (int64_t i = 0; i < tokens; ++i) {
      for (int64_t head = 0; head < layer.heads; ++head) {
        const int64_t kv = head / (layer.heads / layer.kv_heads);
        Row score(q.size(), 0);
        std::vector<bool> sees(q.size(), false);
        double sum = 0;
        for (int64_t j = 0; j < tokens; ++j) {
          const bool causal = j <= i;
          const bool same = block[static_cast<size_t>(i)] >= 0 &&
                            block[static_cast<size_t>(i)] == block[static_cast<size_t>(j)];
          sees[static_cast<size_t>(j)] =
              sliding ? (causal || same) && j > i - layer.window : causal;
          if (!sees[static_cast<size_t>(j)]) continue;
          double dot = 0;
          for (int64_t d = 0; d < layer.head_dim; ++d) {
            dot += q[static_cast<size_t>(i)][static_cast<size_t>(head * layer.head_dim + d)] *
                   k[static_cast<size_t>(j)][static_cast<size_t>(kv * layer.head_dim + d)];
          }
          score[static_cast<size_t>(j)] =
              std::exp(dot - 60);  // |dot| stays far below exp's range in float64
          sum += score[static_cast<size_t>(j)];
        }
        for (int64_t j = 0; j < tokens; ++j) {
          if (!sees[static_cast<size_t>(j)]) continue;
          for (int64_t d = 0; d < layer.head_dim; ++d) {
            out[static_cast<size_t>(i)][static_cast<size_t>(head * layer.head_dim + d)] +=
                score[static_cast<size_t>(j)] / sum *
                v[static_cast<size_t>(j)][static_cast<size_t>(kv * layer.head_dim + d)];
          }
        }
      }
    }
    return out;
  }

  Rows Layer(size_t index, Rows h, const std::vector<int>& block) const {
    const LayerConfig& layer = config_.layers[index];
    const bool full = layer.kind == LayerKind::kFull;
    const std::string prefix = "model.language_model.layers." + std::to_string(index) + ".";
    const auto norm = [&](const std::string& name, int64_t length) {
      return Vector(prefix + name + ".weight", length);
    };
    const auto linear = [&](const std::string& name, const Rows& x, int64_t rows, int64_t cols) {
      return Times(x, Table(prefix + name + ".weight", rows, cols));
    };
    const int64_t hidden = config_.hidden;
    const int64_t q_width = layer.heads * layer.head_dim;
    const int64_t kv_width = layer.kv_heads * layer.head_dim;

    const Rows a = Norm(h, norm("input_layernorm", hidden));
    Rows q = NormHeads(linear("self_attn.q_proj", a, q_width, hidden), layer.head_dim,
                       norm("self_attn.q_norm", layer.head_dim));
    const Rows k0 = linear("self_attn.k_proj", a, kv_width, hidden);
    const Rows v0 = full ? k0 : linear("self_attn.v_proj", a, kv_width, hidden);
    Rows k = NormHeads(k0, layer.head_dim, norm("self_attn.k_norm", layer.head_dim));
    const Rows v = NormHeads(v0, layer.head_dim, {});
    for (size_t t = 0; t < h.size(); ++t) {
      Rotate(q[t], layer.head_dim, full, static_cast<double>(t));
      Rotate(k[t], layer.head_dim, full, static_cast<double>(t));
    }
    const Rows o = linear("self_attn.o_proj", Attention(layer, q, k, v, block), hidden, q_width);
    Add(h, Norm(o, norm("post_attention_layernorm", hidden)), 1);

    const Rows f = Norm(h, norm("pre_feedforward_layernorm", hidden));
    Rows gate = linear("mlp.gate_proj", f, config_.intermediate, hidden);
    const Rows up = linear("mlp.up_proj", f, config_.intermediate, hidden);
    for (size_t t = 0; t < gate.size(); ++t) {
      for (size_t i = 0; i < gate[t].size(); ++i) {
        const double z = gate[t][i];
        gate[t][i] =
            0.5 * z * (1 + std::tanh(std::sqrt(2 / M_PI) * (z + 0.044715 * z * z * z))) * up[t][i];
      }
    }
    const Rows d = linear("mlp.down_proj", gate, hidden, config_.intermediate);
    Add(h, Norm(d, norm("post_feedforward_layernorm", hidden)),
        Vector(prefix + "layer_scalar", 1)[0]);
    return h;
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
};

}  // namespace facet::testing
