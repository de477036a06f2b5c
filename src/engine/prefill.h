// A prompt as steps: chunks of bounded size that never split a medium.
#pragma once

#include <cstdint>
#include <vector>

#include "model/batch.h"
#include "prompt/prompt.h"

namespace facet {

/// Tokens [begin, end) of a prompt.
struct TokenRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// The most tokens that a chunk of `prompt` needs: `wanted`, or the largest medium if that is more.
int64_t ChunkLimit(const Prompt& prompt, int64_t wanted);

/// Cuts the tokens from `first` on into ranges of at most `limit` tokens (at least
/// ChunkLimit(prompt, 1)), none of which begins or ends inside a medium. `first` must not lie
/// inside a medium. Ranges are as long as they can be.
std::vector<TokenRange> CutPrompt(const Prompt& prompt, int64_t first, int64_t limit);

/// The chunk of `range`, with its media. Borrows from the prompt, which must outlive the step.
Chunk MakeChunk(const Prompt& prompt, TokenRange range, int64_t slot);

/// The last position not after `position` where a chunk may begin: outside every medium.
int64_t OutsideMedia(const Prompt& prompt, int64_t position);

}  // namespace facet
