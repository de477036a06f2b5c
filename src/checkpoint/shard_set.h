// The weight files of a folder: which there are, mapped and with checked headers. Internal to
// checkpoint.cc.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "checkpoint/safetensors.h"

namespace facet {

inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";
inline constexpr std::string_view kSingleFile = "model.safetensors";

/// The shard of each tensor, as model.safetensors.index.json states it.
struct ShardIndex {
  std::map<std::string, std::string> weight_map;
  std::optional<int64_t> total_size;  ///< bytes of all tensors, if stated

  static Result<ShardIndex> Parse(std::string_view json);
};

/// A mapped weight file.
struct Shard {
  std::string name;
  MappedFile file;
  SafetensorsHeader header;
};

struct ShardSet {
  std::vector<Shard> shards;  ///< sorted by name
  std::optional<ShardIndex> index;
  std::vector<std::string> warnings;

  /// The files that the index names, or model.safetensors without an index. A named file that is
  /// not there: kNotFound, before any is mapped. Weight files that nothing names: a warning.
  static Result<ShardSet> Open(const std::filesystem::path& folder);
};

}  // namespace facet
