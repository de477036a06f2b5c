// Strings of the template language. Each knows which of its bytes came from outside the template,
// so that the tokenizer can keep them from becoming control tokens.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace facet::jinja {

/// Immutable: UTF-8 bytes, and the ranges of them that are untrusted (sorted, disjoint, not empty).
class Text {
 public:
  Text(std::string bytes, std::vector<ByteRange> untrusted);

  std::string_view bytes() const { return bytes_; }
  std::span<const ByteRange> untrusted() const { return untrusted_; }
  bool is_trusted() const { return untrusted_.empty(); }

  /// Number of characters (code points).
  size_t length() const { return length_; }
  /// Where each character begins, and the end: length() + 1 offsets.
  std::vector<size_t> Offsets() const;

 private:
  std::string bytes_;
  std::vector<ByteRange> untrusted_;
  size_t length_ = 0;
};

/// Puts a Text together. Beyond kMaxBytes it stops growing and remembers that.
class TextBuilder {
 public:
  /// The longest text that a template may make or print. The longest context of the model, 262,144
  /// tokens, is about 1 MB of text.
  static constexpr size_t kMaxBytes = size_t{16} << 20;

  void Append(const Text& text) { Append(text, 0, text.bytes().size()); }
  /// The bytes [begin, end) of `text`, with their trust.
  void Append(const Text& text, size_t begin, size_t end);
  void AppendTrusted(std::string_view bytes) { AppendBytes(bytes); }
  void AppendUntrusted(std::string_view bytes);
  /// `bytes` that stand for some of `source`: untrusted unless all of `source` is trusted.
  void AppendLike(std::string_view bytes, const Text& source);

  bool is_full() const { return full_; }
  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  Text Take() && { return Text(std::move(bytes_), std::move(untrusted_)); }

 private:
  bool AppendBytes(std::string_view bytes);
  void MarkUntrusted(size_t begin, size_t end);

  std::string bytes_;
  std::vector<ByteRange> untrusted_;
  bool full_ = false;
};

}  // namespace facet::jinja
