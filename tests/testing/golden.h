// Golden tensors of the reference implementation: a small safetensors reader for tests, independent
// of src/checkpoint so that the two cannot share a mistake.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "testing/paths.h"

namespace facet::testing {

/// A loaded safetensors file:
/// Golden::Load(GoldenPath("golden.safetensors")).F32("text.logits_last32"). Anything missing or of
/// another dtype throws, which fails the running test.
class Golden {
 public:
  static Golden Load(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open " + path.string());
    Golden golden;
    golden.bytes_.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    uint64_t header_size = 0;
    if (golden.bytes_.size() < sizeof(header_size)) throw std::runtime_error("too short");
    std::memcpy(&header_size, golden.bytes_.data(), sizeof(header_size));
    golden.data_start_ = sizeof(header_size) + header_size;
    if (golden.data_start_ > golden.bytes_.size()) throw std::runtime_error("header is cut");
    golden.header_ = nlohmann::json::parse(golden.bytes_.substr(sizeof(header_size), header_size));
    return golden;
  }

  bool Has(const std::string& name) const { return header_.contains(name); }
  std::vector<float> F32(const std::string& name) const { return Read<float>(name, "F32"); }
  std::vector<int64_t> I64(const std::string& name) const { return Read<int64_t>(name, "I64"); }
  std::vector<uint8_t> U8(const std::string& name) const { return Read<uint8_t>(name, "U8"); }
  std::vector<int64_t> shape(const std::string& name) const {
    return header_.at(name).at("shape").get<std::vector<int64_t>>();
  }

 private:
  template <typename T>
  std::vector<T> Read(const std::string& name, const std::string& dtype) const {
    const nlohmann::json& entry = header_.at(name);
    const auto found = entry.at("dtype").get<std::string>();
    if (found != dtype) throw std::runtime_error(name + " is " + found + ", not " + dtype);
    const size_t begin = entry.at("data_offsets").at(0).get<size_t>();
    const size_t end = entry.at("data_offsets").at(1).get<size_t>();
    if (begin > end || end > bytes_.size() - data_start_ || (end - begin) % sizeof(T) != 0) {
      throw std::runtime_error(name + ": bad data_offsets");
    }
    std::vector<T> values((end - begin) / sizeof(T));
    if (!values.empty())
      std::memcpy(values.data(), bytes_.data() + data_start_ + begin, end - begin);
    return values;
  }

  std::string bytes_;
  size_t data_start_ = 0;
  nlohmann::json header_;
};

/// A golden JSON file, parsed. Keep the value while using parts of it: a loop over
/// GoldenJson("golden.json")["images"] would run over a part of a value that is gone.
inline nlohmann::json GoldenJson(const std::string& name) {
  std::ifstream file(GoldenPath(name));
  if (!file) throw std::runtime_error("cannot open " + GoldenPath(name).string());
  return nlohmann::json::parse(file);
}

}  // namespace facet::testing
