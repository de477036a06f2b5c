#include "text/jinja/escapes.h"

#include <cstdint>

#include "text/utf8.h"

namespace facet::jinja {
namespace {

class EscapeReader {
 public:
  explicit EscapeReader(std::string_view body) : body_(body) {}

  Result<std::string> Read() {
    while (at_ < body_.size()) {
      const char c = body_[at_++];
      if (c == '\\' && at_ < body_.size()) {
        FACET_RETURN_IF_ERROR(ReadEscape());
      } else {
        out_ += c;
      }
    }
    return std::move(out_);
  }

 private:
  Result<void> ReadEscape() {
    constexpr std::string_view kNames = "abfnrtv\\'\"";
    constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\'\"";
    const char c = body_[at_++];
    if (const size_t known = kNames.find(c); known != std::string_view::npos) {
      out_ += kValues[known];
      return {};
    }
    if (c == '\n') return {};  // a line that continues
    if (c >= '0' && c <= '7') {
      --at_;
      return ReadCode(8, 1, 3);
    }
    if (c == 'x') return ReadCode(16, 2, 2);
    if (c == 'u') return ReadCode(16, 4, 4);
    if (c == 'U') return ReadCode(16, 8, 8);
    if (c == 'N') return Fail(ErrorCode::kUnsupported, "the escape \\N is not supported");
    out_ += '\\';  // Python keeps what it does not know
    out_ += c;
    return {};
  }

  Result<void> ReadCode(int base, size_t least, size_t most) {
    uint32_t code = 0;
    size_t count = 0;
    for (; count < most && at_ < body_.size(); ++count, ++at_) {
      const char lower = static_cast<char>(body_[at_] | 0x20);
      const int digit = body_[at_] >= '0' && body_[at_] <= '9' ? body_[at_] - '0'
                        : lower >= 'a' && lower <= 'f'         ? lower - 'a' + 10
                                                               : base;
      if (digit >= base) break;
      code = code * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
    }
    if (count < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      return Fail(ErrorCode::kInvalidData, "a string has a bad escape");
    }
    AppendUtf8(code, out_);
    return {};
  }

  std::string_view body_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> ResolveEscapes(std::string_view body) { return EscapeReader(body).Read(); }

}  // namespace facet::jinja
