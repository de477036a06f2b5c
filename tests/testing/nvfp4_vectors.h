// tests/data/nvfp4_vectors.json: inputs and every byte that they must give, computed by an
// independent float32 implementation. Readers of hex fields, and the profiles of an entry.
#pragma once

#include <bit>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tensor/nvfp4.h"
#include "testing/paths.h"

namespace facet::testing {

inline uint32_t HexBits(const nlohmann::json& hex) {
  return static_cast<uint32_t>(std::stoul(hex.get<std::string>(), nullptr, 16));
}

inline float HexFloat(const nlohmann::json& hex) { return std::bit_cast<float>(HexBits(hex)); }

inline std::vector<float> HexFloats(const nlohmann::json& list) {
  std::vector<float> values;
  for (const nlohmann::json& hex : list) values.push_back(HexFloat(hex));
  return values;
}

inline std::vector<uint8_t> HexBytes(const nlohmann::json& list) {
  std::vector<uint8_t> bytes;
  for (const nlohmann::json& hex : list) bytes.push_back(static_cast<uint8_t>(HexBits(hex)));
  return bytes;
}

/// One of the four profiles, by the name that the file gives it.
struct VectorProfile {
  std::string name;
  Nvfp4Profile profile;
};

inline std::vector<VectorProfile> VectorProfiles() {
  return {
      {"modelopt_0.44.0/div", {DivisionProfile::kDiv, ModeloptCompat::k044}},
      {"modelopt_0.44.0/mul_rcp", {DivisionProfile::kMulRcp, ModeloptCompat::k044}},
      {"modelopt_0.45plus/div", {DivisionProfile::kDiv, ModeloptCompat::k045}},
      {"modelopt_0.45plus/mul_rcp", {DivisionProfile::kMulRcp, ModeloptCompat::k045}},
  };
}

class Nvfp4Vectors {
 public:
  Nvfp4Vectors() {
    std::ifstream file(SourcePath("tests/data/nvfp4_vectors.json"));
    file_ = nlohmann::json::parse(file);
  }

  const nlohmann::json& all() const { return file_.at("vectors"); }

  const nlohmann::json& operator[](const std::string& name) const {
    for (const nlohmann::json& entry : all()) {
      if (entry.at("name") == name) return entry;
    }
    throw std::runtime_error("no vector " + name);
  }

  /// Entries that quantize a weight.
  std::vector<nlohmann::json> Weights() const {
    std::vector<nlohmann::json> weights;
    for (const nlohmann::json& entry : all()) {
      if (entry.at("kind") == "weight") weights.push_back(entry);
    }
    return weights;
  }

  /// What an entry expects of a profile; entries where all four agree say so once.
  static const nlohmann::json& Expected(const nlohmann::json& entry, const std::string& profile) {
    const nlohmann::json& profiles = entry.at("profiles");
    return profiles.contains("all") ? profiles.at("all") : profiles.at(profile);
  }

  /// The amax that an entry's global scale is made from: its own, unless its description says that
  /// a group shares another one.
  static float Amax(const nlohmann::json& entry) {
    const std::string name = entry.at("name");
    if (name == "thresholds_ties") return 2688.0f;
    if (name == "amax_too_small") return 1.0f;
    if (name.starts_with("fused_group_")) return 0.1259765625f;
    float amax = 0;
    for (const float value : HexFloats(entry.at("input_f32_hex"))) {
      amax = std::max(amax, value < 0 ? -value : value);
    }
    return amax;
  }

 private:
  nlohmann::json file_;
};

}  // namespace facet::testing
