// How a new checkpoint's tensors are spread over files. Knows sizes and names, not contents.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/safetensors.h"

namespace facet {

/// Above this many bytes of tensors a checkpoint is split: the reference implementation's default.
inline constexpr int64_t kDefaultMaxShardBytes = 10'000'000'000;

/// Tensors that are made together and stand one after the other in a file.
struct Piece {
  std::vector<SafetensorsTensor> tensors;
  /// Appends the bytes of exactly these tensors, in this order.
  std::function<Result<void>(SafetensorsWriter& writer)> write;
};

/// What must stand in one file: a kept tensor, or the four tensors of a quantized linear.
struct Unit {
  std::vector<Piece> pieces;
};

struct PlannedShard {
  std::string file_name;
  std::vector<Piece> pieces;  ///< wide dtypes first, so that every tensor is aligned
};

struct ShardPlan {
  std::vector<PlannedShard> shards;
  std::map<std::string, std::string> weight_map;  ///< tensor to file
  int64_t tensors = 0;
  int64_t bytes = 0;  ///< of tensors, without headers
};

/// Fills shards in order; a unit that does not fit starts the next one, and one that is larger than
/// the limit stands alone. One shard is "model.safetensors", several are
/// "model-00001-of-00003.safetensors" and so on.
ShardPlan PlanShards(std::vector<Unit> units, int64_t max_shard_bytes);

/// Bytes that a plan's files need on disk at most, headers and index included.
int64_t BytesOnDisk(const ShardPlan& plan);

/// model.safetensors.index.json of a plan.
std::string IndexJson(const ShardPlan& plan);

}  // namespace facet
