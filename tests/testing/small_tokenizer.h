// The JSON of a very small tokenizer, for tests that need to know or to break every part of it.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace facet::testing {

/// A tokenizer.json with ids 0 to 255 for the byte tokens, then "▁", the letters a to z, and
/// `pieces`; the added tokens <bos> and <|turn> follow, then `added`. Ids are given in that order.
inline nlohmann::json SmallTokenizer(const std::vector<std::string>& pieces = {},
                                     const std::vector<std::vector<std::string>>& merges = {},
                                     const std::vector<std::string>& added = {}) {
  using nlohmann::json;
  json vocabulary = json::object();
  const auto add = [&](const std::string& piece) {
    const auto id = vocabulary.size();
    vocabulary[piece] = id;
    return id;
  };
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte));
  add("▁");
  for (char letter = 'a'; letter <= 'z'; ++letter) add(std::string(1, letter));
  for (const std::string& piece : pieces) add(piece);
  std::vector<std::string> specials = {"<bos>", "<|turn>"};
  specials.insert(specials.end(), added.begin(), added.end());
  json added_tokens = json::array();
  for (const std::string& piece : specials) {
    const auto known = vocabulary.find(piece);
    const json id = known != vocabulary.end() ? *known : json(add(piece));
    added_tokens.push_back({{"id", id}, {"content", piece}, {"special", true}});
  }
  const json to_symbol = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const json to_space = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
  const json decoders =
      json::array({to_space, json{{"type", "ByteFallback"}}, json{{"type", "Fuse"}}});
  return {{"version", "1.0"},
          {"added_tokens", added_tokens},
          {"normalizer", to_symbol},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model",
           {{"type", "BPE"},
            {"byte_fallback", true},
            {"ignore_merges", false},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

}  // namespace facet::testing
