#include "checkpoint/shard_set.h"

#include <algorithm>
#include <set>

#include "checkpoint/json_reader.h"

namespace facet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxIndexBytes = 16 << 20;
constexpr size_t kMaxShards = 1000;
constexpr std::string_view kExtension = ".safetensors";

/// A shard's name must be a plain file name: an index must not reach out of its folder.
Result<void> CheckShardName(const std::string& name) {
  const bool plain = name.size() <= 255 && name.ends_with(kExtension) &&
                     name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (plain) return {};
  return Fail(ErrorCode::kInvalidData, "weight_map names {}, which is not a shard's file name",
              Shown(name));
}

Result<std::optional<ShardIndex>> ReadIndex(const fs::path& folder,
                                            const std::vector<std::string>& files) {
  if (std::ranges::find(files, kIndexFile) == files.end()) return std::optional<ShardIndex>();
  const fs::path path = folder / kIndexFile;
  FACET_TRY(const std::string text, ReadFile(path, kMaxIndexBytes));
  Result<ShardIndex> index = ShardIndex::Parse(text);
  if (!index) return Propagate(std::move(index), path.string());
  return std::optional<ShardIndex>(*std::move(index));
}

Result<std::set<std::string>> NamedShards(const fs::path& folder,
                                          const std::vector<std::string>& files,
                                          const std::optional<ShardIndex>& index) {
  std::set<std::string> names;
  if (index) {
    for (const auto& [tensor, shard] : index->weight_map) names.insert(shard);
  } else {
    names.insert(std::string(kSingleFile));
  }
  for (const std::string& name : names) {
    if (std::ranges::find(files, name) != files.end()) continue;
    return Fail(ErrorCode::kNotFound, "{}: {} is missing", folder.string(),
                index ? fmt::format("shard {}, which {} names,", name, kIndexFile)
                      : fmt::format("{} (or {})", name, kIndexFile));
  }
  if (names.size() > kMaxShards) {
    return Fail(ErrorCode::kResource, "{}: more than {} shards", folder.string(), kMaxShards);
  }
  return names;
}

Result<Shard> OpenShard(const fs::path& path) {
  Shard shard;
  shard.name = path.filename().string();
  FACET_TRY(shard.file, MappedFile::Open(path));
  FACET_TRY(shard.header, SafetensorsHeader::Parse(shard.file.bytes(), path.string()));
  return shard;
}

}  // namespace

Result<ShardIndex> ShardIndex::Parse(std::string_view text) {
  FACET_TRY(const nlohmann::json parsed, ParseJsonObject(text));
  const JsonObject root(parsed, "");
  FACET_TRY(const JsonObject map, root.Object("weight_map"));
  ShardIndex index;
  for (const auto& [tensor, shard] : map.value().items()) {
    FACET_TRY(const std::string name, map.String(tensor));
    FACET_RETURN_IF_ERROR(CheckShardName(name));
    index.weight_map[tensor] = name;
  }
  if (index.weight_map.empty()) {
    return Fail(ErrorCode::kInvalidData, "weight_map names no tensor");
  }
  FACET_TRY(const std::optional<JsonObject> metadata, root.OptionalObject("metadata"));
  if (metadata) {
    FACET_TRY(index.total_size, metadata->OptionalInt("total_size", {0, INT64_MAX}));
  }
  return index;
}

Result<ShardSet> ShardSet::Open(const fs::path& folder) {
  FACET_TRY(const std::vector<std::string> files, ListFiles(folder));
  ShardSet set;
  FACET_TRY(set.index, ReadIndex(folder, files));
  FACET_TRY(const std::set<std::string> names, NamedShards(folder, files, set.index));
  for (const std::string& name : names) {
    FACET_TRY(Shard shard, OpenShard(folder / name));
    set.shards.push_back(std::move(shard));
  }
  for (const std::string& file : files) {
    if (!file.ends_with(kExtension) || names.contains(file)) continue;
    set.warnings.push_back(
        fmt::format("{} is not used: {} does not name it", file,
                    set.index ? kIndexFile : std::string_view("no index file is there, which")));
  }
  return set;
}

}  // namespace facet
