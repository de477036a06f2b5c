// The Gemma tokenizer: text to token ids and back. SentencePiece-style BPE with byte fallback, read
// from tokenizer.json. Owns no model and no template.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet {

/// A half-open range of bytes [begin, end) in a string.
struct ByteRange {
  size_t begin = 0;
  size_t end = 0;
};

/// Immutable after loading; safe to share between threads.
class Tokenizer {
 public:
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  /// Reads DIR/tokenizer.json and, if there, DIR/tokenizer_config.json.
  static Result<Tokenizer> Load(const std::filesystem::path& folder);

  /// Reads the text of a tokenizer.json, as Load() without a tokenizer_config.json. kInvalidData
  /// for anything that is not such a tokenizer, kUnsupported for a tokenizer of another kind (the
  /// message names the part).
  static Result<Tokenizer> Parse(std::string_view tokenizer_json);

  /// Ids of `text`. Special tokens ("<|turn>") are recognized where they lie wholly outside the
  /// `untrusted` ranges (sorted, disjoint); inside or across them they are spelled as plain text,
  /// so that text from a user can never become a control token. Text between special tokens is one
  /// segment whatever its trust. `text` must be valid UTF-8 (base: IsValidUtf8); nothing is added
  /// (no BOS). Linear in the length.
  std::vector<int32_t> Encode(std::string_view text,
                              std::span<const ByteRange> untrusted = {}) const;

  /// Ids of text from outside: no special token comes out.
  std::vector<int32_t> EncodeUntrusted(std::string_view text) const;

  /// The text of `ids`, as the reference's decode with skip_special_tokens=False: special tokens by
  /// their names, byte tokens joined to UTF-8, each byte of an invalid sequence as U+FFFD. Ids
  /// outside the vocabulary give nothing.
  std::string Decode(std::span<const int32_t> ids) const;

  /// The piece as it stands in the vocabulary ("▁Paris", "<0x0A>", "<|turn>"); empty for an unknown
  /// id.
  std::string_view Piece(int32_t id) const;

  /// The bytes that a token contributes to text: "▁" becomes a space, "<0x0A>" the byte 0x0A.
  std::string TokenBytes(int32_t id) const;

  /// The id of a piece or special token.
  std::optional<int32_t> Find(std::string_view piece) const;

  /// True for added tokens ("<|turn>", "<bos>", "<|tool_call>"), except runs of white space, which
  /// older Gemma files list among them.
  bool IsSpecial(int32_t id) const;

  /// The id of the token that begins a text, "<bos>" unless tokenizer_config.json names another.
  std::optional<int32_t> bos_id() const;

  /// True if the checkpoint's own tokenizer puts BOS in front of every text: its post-processor
  /// does, or `add_bos_token` of tokenizer_config.json says so (which decides where both speak).
  /// Encode() never does: a chat template writes its own BOS.
  bool AddsBos() const;

  /// One more than the largest id.
  int64_t vocabulary_size() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<const State> state);
  static Result<std::unique_ptr<State>> ParseState(std::string_view tokenizer_json);
  std::unique_ptr<const State> state_;
};

}  // namespace facet
