// What a batch must satisfy before anything is written.
#include "model/step.h"

namespace facet {
namespace {

/// The positions of an image: two for each token, all inside the table.
Result<void> CheckPositions(const MediaInput& image, int64_t limit) {
  if (static_cast<int64_t>(image.positions.size()) != 2 * image.count) {
    return Fail(ErrorCode::kUsage, "an image of {} tokens comes with {} positions", image.count,
                image.positions.size() / 2);
  }
  for (const int32_t position : image.positions) {
    if (position < 0 || position >= limit) {
      return Fail(ErrorCode::kUsage, "image position {} is outside the table of {}", position,
                  limit);
    }
  }
  return {};
}

Result<void> CheckMedia(const ModelConfig& config, const Chunk& chunk) {
  int64_t free_from = 0;  // media are in order and do not overlap
  for (const MediaInput& media : chunk.media) {
    const bool image = media.kind == MediaKind::kImage;
    if (image ? !config.vision : !config.audio) {
      return Fail(ErrorCode::kUnsupported, "this model takes no {}", image ? "images" : "audio");
    }
    if (media.first_token < free_from || media.count < 1 ||
        media.first_token + media.count > static_cast<int64_t>(chunk.tokens.size())) {
      return Fail(ErrorCode::kUsage, "media at tokens [{}, {}) do not fit a chunk of {} tokens",
                  media.first_token, media.first_token + media.count, chunk.tokens.size());
    }
    if (image) FACET_RETURN_IF_ERROR(CheckPositions(media, config.vision->position_limit));
    free_from = media.first_token + media.count;
  }
  return {};
}

Result<void> CheckChunk(const ModelConfig& config, const Chunk& chunk, const KvCache& cache) {
  const KvCacheOptions& limits = cache.options();
  const auto count = static_cast<int64_t>(chunk.tokens.size());
  if (chunk.slot < 0 || chunk.slot >= limits.slots) {
    return Fail(ErrorCode::kUsage, "slot {} of a cache with {}", chunk.slot, limits.slots);
  }
  if (count < 1 || count > limits.max_chunk) {
    return Fail(ErrorCode::kUsage, "a chunk of {} tokens; the cache takes 1 to {}", count,
                limits.max_chunk);
  }
  if (cache.length(chunk.slot) + count > limits.max_context) {
    return Fail(ErrorCode::kResource, "{} tokens exceed the context of {}",
                cache.length(chunk.slot) + count, limits.max_context);
  }
  for (const int32_t id : chunk.tokens) {
    if (id < 0 || id >= config.vocabulary) {
      return Fail(ErrorCode::kUsage, "token id {} is outside the vocabulary of {}", id,
                  config.vocabulary);
    }
  }
  return CheckMedia(config, chunk);
}

}  // namespace

Result<void> CheckBatch(const ModelConfig& config, const Batch& batch, const KvCache& cache,
                        const Workspace& workspace) {
  if (TokensIn(batch) < 1 || TokensIn(batch) > workspace.max_tokens()) {
    return Fail(ErrorCode::kUsage, "a batch of {} tokens; the workspace takes 1 to {}",
                TokensIn(batch), workspace.max_tokens());
  }
  std::vector<bool> used(static_cast<size_t>(cache.options().slots), false);
  for (const Chunk& chunk : batch) {
    FACET_RETURN_IF_ERROR(CheckChunk(config, chunk, cache));
    if (used[static_cast<size_t>(chunk.slot)])
      return Fail(ErrorCode::kUsage, "slot {} twice in a batch", chunk.slot);
    used[static_cast<size_t>(chunk.slot)] = true;
  }
  return {};
}

}  // namespace facet
