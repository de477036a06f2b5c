// Checkpoint folders as bytes, for tests of quantize and dequantize. Independent of src/checkpoint.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/poke.h"
#include "testing/process.h"

namespace facet::testing {

struct RawTensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;
  bool operator==(const RawTensor&) const = default;
};

/// Every tensor of every .safetensors file in a folder.
inline std::map<std::string, RawTensor> RawTensors(const std::filesystem::path& folder) {
  std::map<std::string, RawTensor> tensors;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const std::string file = ReadBytes(entry.path());
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof(length));
    const auto header = nlohmann::json::parse(file.substr(sizeof(length), length));
    for (const auto& [name, info] : header.items()) {
      if (name == "__metadata__") continue;
      const size_t begin = info.at("data_offsets").at(0).get<size_t>();
      const size_t end = info.at("data_offsets").at(1).get<size_t>();
      tensors[name] = {info.at("dtype"), info.at("shape"),
                       file.substr(sizeof(length) + length + begin, end - begin)};
    }
  }
  return tensors;
}

/// Contents of every file in a folder, by name.
inline std::map<std::string, std::string> FilesOf(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = ReadBytes(entry.path());
  }
  return files;
}

/// The same names, types, shapes and bytes; says which tensor differs.
inline void ExpectSameTensors(const std::map<std::string, RawTensor>& found,
                              const std::map<std::string, RawTensor>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    const auto it = found.find(name);
    EXPECT_TRUE(it != found.end() && it->second == tensor) << name;
  }
}

/// The same files with the same bytes; says which file differs.
inline void ExpectSameFiles(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto first = FilesOf(a);
  const auto second = FilesOf(b);
  EXPECT_EQ(first.size(), second.size());
  for (const auto& [name, bytes] : first) {
    const auto it = second.find(name);
    EXPECT_TRUE(it != second.end() && it->second == bytes) << name;
  }
}

inline nlohmann::ordered_json JsonFile(const std::filesystem::path& path) {
  return nlohmann::ordered_json::parse(ReadBytes(path));
}

inline float FloatOf(const RawTensor& tensor) {
  if (tensor.dtype != "F32" || tensor.bytes.size() != sizeof(float)) {
    throw std::runtime_error("not an F32 scalar");
  }
  float value = 0;
  std::memcpy(&value, tensor.bytes.data(), sizeof(value));
  return value;
}

/// The command line of a quantization that takes a tenth of a second for the small fixtures.
inline std::vector<std::string> QuantizeCommand(const std::filesystem::path& source,
                                                const std::filesystem::path& target,
                                                const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {
      FACET_BINARY,        "quantize",
      source.string(),     target.string(),
      "--calibration",     SourcePath("models/tiny/heldout.txt").string(),
      "--samples",         "2",
      "--sequence-length", "24"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

inline ProcessResult Quantize(const std::filesystem::path& source,
                              const std::filesystem::path& target,
                              const std::vector<std::string>& more = {}) {
  return RunProcess(QuantizeCommand(source, target, more));
}

/// One of the models of tests/data/cases/files/script_models.tar.xz, unpacked into `folder`.
inline std::filesystem::path UnpackScriptModel(const std::string& name,
                                               const std::filesystem::path& folder) {
  const ProcessResult tar = RunProcess({"tar", "xJf", CasePath("script_models.tar.xz").string(),
                                        "-C", folder.string(), "--no-same-owner", name});
  if (tar.exit_code != 0) throw std::runtime_error("tar: " + tar.err);
  return folder / name;
}

}  // namespace facet::testing
