// A prompt with logits of the reference implementation, as scripts/compare_transformers.py writes
// it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/model_config.h"
#include "checkpoint/safetensors.h"
#include "testing/tiny_model.h"

namespace facet::testing {

/// Maps the file; logits are views into it. Anything missing or of another type throws.
class ReferenceCase {
 public:
  ReferenceCase(const std::filesystem::path& path, const ModelConfig& config)
      : name_(path.stem().string()), file_(Value(MappedFile::Open(path))) {
    header_ = Value(SafetensorsHeader::Parse(file_.bytes(), path.string()));
    prompt_.tokens = Copy<int32_t>("tokens", DType::kI32);
    const auto elements = prompt_.tokens.size() * static_cast<size_t>(config.vocabulary);
    exact_ = View<float>("logits.f32", DType::kF32);
    rounded_ = View<uint16_t>("logits.bf16", DType::kBF16);
    if (exact_.size() != elements || rounded_.size() != elements)
      throw std::runtime_error(path.string() + ": logits are not [tokens, vocabulary]");
    if (config.tokens.image) AddMedia(MediaKind::kImage, *config.tokens.image);
    if (config.tokens.audio) AddMedia(MediaKind::kAudio, *config.tokens.audio);
    std::ranges::sort(prompt_.media, {}, &TestMedium::first_token);
  }

  const std::string& name() const { return name_; }
  const TestPrompt& prompt() const { return prompt_; }
  /// [tokens, vocabulary], computed in float32.
  std::span<const float> exact() const { return exact_; }
  /// The same in BF16.
  std::span<const uint16_t> rounded() const { return rounded_; }

 private:
  const SafetensorsEntry* Find(const std::string& name) const {
    for (const SafetensorsEntry& entry : header_.tensors)
      if (entry.name == name) return &entry;
    return nullptr;
  }

  template <typename T>
  std::span<const T> View(const std::string& name, DType dtype) const {
    const SafetensorsEntry* entry = Find(name);
    if (entry == nullptr || entry->dtype != dtype)
      throw std::runtime_error(name_ + " has no tensor " + name + " of the right type");
    const std::byte* data = file_.bytes().data() + header_.data_start + entry->begin;
    if (reinterpret_cast<uintptr_t>(data) % alignof(T) != 0)
      throw std::runtime_error(name_ + ": " + name + " is not aligned");
    return {reinterpret_cast<const T*>(data), (entry->end - entry->begin) / sizeof(T)};
  }

  template <typename T>
  std::vector<T> Copy(const std::string& name, DType dtype) const {
    const std::span<const T> view = View<T>(name, dtype);
    return {view.begin(), view.end()};
  }

  /// Gives every run of placeholders of a kind its medium.
  void AddMedia(MediaKind kind, int32_t placeholder) {
    const std::vector<int32_t>& tokens = prompt_.tokens;
    int index = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] != placeholder || (i > 0 && tokens[i - 1] == placeholder)) continue;
      size_t end = i;
      while (end < tokens.size() && tokens[end] == placeholder) ++end;
      TestMedium medium{.kind = kind,
                        .first_token = static_cast<int64_t>(i),
                        .count = static_cast<int64_t>(end - i),
                        .patches = {},
                        .positions = {},
                        .frames = {}};
      const std::string number = std::to_string(index++);
      if (kind == MediaKind::kImage) {
        medium.patches = Copy<uint8_t>("image." + number, DType::kU8);
        medium.positions = Copy<int32_t>("image." + number + ".positions", DType::kI32);
      } else {
        medium.frames = Copy<float>("audio." + number, DType::kF32);
      }
      prompt_.media.push_back(std::move(medium));
    }
  }

  std::string name_;
  MappedFile file_;
  SafetensorsHeader header_;
  TestPrompt prompt_;
  std::span<const float> exact_;
  std::span<const uint16_t> rounded_;
};

}  // namespace facet::testing
