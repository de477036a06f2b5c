// Sessions and one-call answers for tests of the engine.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/generator.h"
#include "engine/session.h"
#include "testing/paths.h"
#include "testing/result_matchers.h"

namespace facet::testing {

inline std::unique_ptr<Session> OpenSession(const std::filesystem::path& folder,
                                            const std::string& backend,
                                            ActivationMode activations = ActivationMode::kBf16) {
  return Value(Session::Open({.folder = folder,
                              .backend = backend,
                              .threads = 0,
                              .activations = activations,
                              .max_soft_tokens = std::nullopt}));
}

/// The checkpoint's stop and suppressed tokens, greedy.
inline GenerationParams Greedy(const Session& session, int64_t max_tokens) {
  GenerationParams params = GenerationDefaults(session.checkpoint().generation());
  params.sampling.temperature = 0;
  params.max_tokens = max_tokens;
  return params;
}

inline Generation Generate(Generator& generator, const Prompt& prompt,
                           const GenerationParams& params) {
  const std::atomic<bool> never{false};
  return Value(
      generator.Generate(prompt, params, [](const GeneratedToken&) { return true; }, never));
}

inline std::vector<int32_t> IdsOf(const Generation& generation) {
  std::vector<int32_t> ids;
  for (const GeneratedToken& token : generation.tokens) ids.push_back(token.id);
  return ids;
}

/// A user's message, media before the text.
inline Prompt UserPrompt(const Session& session, std::vector<Part> media, const std::string& text) {
  media.push_back(TextPart{text});
  Conversation conversation;
  conversation.messages.push_back({.role = "user", .content = std::move(media)});
  return Value(session.prompts().Build(std::move(conversation)));
}

}  // namespace facet::testing
