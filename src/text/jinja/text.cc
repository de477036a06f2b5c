#include "text/jinja/text.h"

#include <algorithm>

namespace facet::jinja {
namespace {

bool StartsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

}  // namespace

Text::Text(std::string bytes, std::vector<ByteRange> untrusted)
    : bytes_(std::move(bytes)), untrusted_(std::move(untrusted)) {
  length_ = static_cast<size_t>(std::ranges::count_if(bytes_, StartsCharacter));
}

std::vector<size_t> Text::Offsets() const {
  std::vector<size_t> offsets;
  offsets.reserve(length_ + 1);
  for (size_t i = 0; i < bytes_.size(); ++i) {
    if (StartsCharacter(bytes_[i])) offsets.push_back(i);
  }
  offsets.push_back(bytes_.size());
  return offsets;
}

bool TextBuilder::AppendBytes(std::string_view bytes) {
  full_ = full_ || bytes.size() > kMaxBytes - bytes_.size();
  if (!full_) bytes_ += bytes;
  return !full_;
}

void TextBuilder::MarkUntrusted(size_t begin, size_t end) {
  if (begin == end) return;
  if (!untrusted_.empty() && untrusted_.back().end == begin) {
    untrusted_.back().end = end;
  } else {
    untrusted_.push_back({begin, end});
  }
}

void TextBuilder::AppendUntrusted(std::string_view bytes) {
  const size_t begin = bytes_.size();
  if (AppendBytes(bytes)) MarkUntrusted(begin, bytes_.size());
}

void TextBuilder::Append(const Text& text, size_t begin, size_t end) {
  const size_t base = bytes_.size();
  if (!AppendBytes(text.bytes().substr(begin, end - begin))) return;
  const auto ranges = text.untrusted();
  auto range = std::ranges::upper_bound(ranges, begin, {}, &ByteRange::end);
  for (; range != ranges.end() && range->begin < end; ++range) {
    MarkUntrusted(base + std::max(range->begin, begin) - begin,
                  base + std::min(range->end, end) - begin);
  }
}

void TextBuilder::AppendLike(std::string_view bytes, const Text& source) {
  if (source.is_trusted()) {
    AppendTrusted(bytes);
  } else {
    AppendUntrusted(bytes);
  }
}

}  // namespace facet::jinja
