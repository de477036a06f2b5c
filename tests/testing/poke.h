// Broken copies of checkpoints, for tests: bytes of a tensor overwritten (the `poke` of
// tests/data/cases/cases.md), keys of a JSON file changed. Independent of src/checkpoint.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace facet::testing {

inline std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void WriteBytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// Copies a checkpoint's folder to `to`, which must not exist yet; the copy can be changed.
inline void CopyCheckpoint(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(to)) {
    std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
  }
}

/// "0000003f" to four bytes.
inline std::string BytesFromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw std::runtime_error("odd number of hex digits");
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

/// Overwrites a tensor's bytes in a .safetensors file from an element on. Throws if the tensor is
/// not there or too short.
inline void PokeBytes(const std::filesystem::path& file, const std::string& tensor, size_t element,
                      std::string_view bytes) {
  std::string contents = ReadBytes(file);
  uint64_t length = 0;
  std::memcpy(&length, contents.data(), sizeof(length));
  const auto header = nlohmann::json::parse(contents.substr(sizeof(length), length));
  const nlohmann::json& entry = header.at(tensor);
  const size_t begin = entry.at("data_offsets").at(0).get<size_t>();
  const size_t end = entry.at("data_offsets").at(1).get<size_t>();
  size_t elements = 1;
  for (const auto& dim : entry.at("shape")) elements *= dim.get<size_t>();
  const size_t offset = begin + element * ((end - begin) / elements);
  if (offset + bytes.size() > end) throw std::runtime_error(tensor + " is too short for this poke");
  contents.replace(sizeof(length) + length + offset, bytes.size(), bytes);
  WriteBytes(file, contents);
}

/// The same with hex digits, in the order of the bytes in the file.
inline void Poke(const std::filesystem::path& file, const std::string& tensor, size_t element,
                 std::string_view hex) {
  PokeBytes(file, tensor, element, BytesFromHex(hex));
}

/// Changes a JSON file: EditJson(folder / "config.json", [](auto& json) { json.erase("x"); }).
template <typename Edit>
void EditJson(const std::filesystem::path& file, Edit edit) {
  auto json = nlohmann::ordered_json::parse(ReadBytes(file));
  edit(json);
  WriteBytes(file, json.dump(2));
}

}  // namespace facet::testing
