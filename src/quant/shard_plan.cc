#include "quant/shard_plan.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace facet {
namespace {

/// A tensor's entry in a header or in the index: its name, shape, offsets and punctuation stay
/// below this for names of the model's length.
constexpr int64_t kEntryBytes = 512;

int64_t BytesOf(const Unit& unit) {
  int64_t bytes = 0;
  for (const Piece& piece : unit.pieces) {
    for (const SafetensorsTensor& tensor : piece.tensors)
      bytes += facet::BytesOf(tensor.dtype, tensor.shape);
  }
  return bytes;
}

/// The pieces of all units by falling width of their type, otherwise in order.
std::vector<Piece> WidestFirst(std::vector<Unit> units) {
  std::map<int64_t, std::vector<Piece>, std::greater<>> by_width;
  for (Unit& unit : units) {
    for (Piece& piece : unit.pieces) {
      by_width[SizeOf(piece.tensors.front().dtype)].push_back(std::move(piece));
    }
  }
  std::vector<Piece> pieces;
  for (auto& [width, same] : by_width) std::ranges::move(same, std::back_inserter(pieces));
  return pieces;
}

std::string FileName(size_t index, size_t count) {
  if (count == 1) return "model.safetensors";
  return fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

std::vector<std::vector<Unit>> Fill(std::vector<Unit> units, int64_t max_shard_bytes) {
  std::vector<std::vector<Unit>> shards(1);
  int64_t used = 0;
  for (Unit& unit : units) {
    const int64_t bytes = BytesOf(unit);
    if (!shards.back().empty() && used + bytes > max_shard_bytes) {
      shards.emplace_back();
      used = 0;
    }
    used += bytes;
    shards.back().push_back(std::move(unit));
  }
  return shards;
}

}  // namespace

ShardPlan PlanShards(std::vector<Unit> units, int64_t max_shard_bytes) {
  ShardPlan plan;
  for (const Unit& unit : units) plan.bytes += BytesOf(unit);
  std::vector<std::vector<Unit>> shards = Fill(std::move(units), max_shard_bytes);
  for (size_t i = 0; i < shards.size(); ++i) {
    PlannedShard& shard = plan.shards.emplace_back();
    shard.file_name = FileName(i, shards.size());
    shard.pieces = WidestFirst(std::move(shards[i]));
    for (const Piece& piece : shard.pieces) {
      for (const SafetensorsTensor& tensor : piece.tensors) {
        plan.weight_map[tensor.name] = shard.file_name;
        ++plan.tensors;
      }
    }
  }
  return plan;
}

int64_t BytesOnDisk(const ShardPlan& plan) {
  return plan.bytes + 2 * kEntryBytes * (plan.tensors + static_cast<int64_t>(plan.shards.size()));
}

std::string IndexJson(const ShardPlan& plan) {
  const nlohmann::ordered_json index = {{"metadata", {{"total_size", plan.bytes}}},
                                        {"weight_map", plan.weight_map}};
  return index.dump(2) + "\n";
}

}  // namespace facet
