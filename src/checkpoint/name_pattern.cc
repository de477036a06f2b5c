#include "checkpoint/name_pattern.h"

#include <optional>
#include <regex>

namespace facet {
namespace {

constexpr size_t kMaxPattern = 200;

std::optional<std::regex> Compile(const std::string& pattern) {
  // Counted repetitions multiply the automaton, back-references leave the polynomial matcher.
  if (pattern.size() > kMaxPattern || pattern.find('{') != std::string::npos) return std::nullopt;
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;  // last "*" seen; it grows by one when the rest fails
  size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<void> CheckRegex(const std::string& pattern) {
  if (Compile(pattern)) return {};
  return Fail(ErrorCode::kUnsupported,
              "pattern \"{}\" is not a regular expression that facet reads (at most {} characters, "
              "no counted repetition, no back-reference)",
              pattern.substr(0, 60), kMaxPattern);
}

bool MatchesRegex(const std::string& pattern, std::string_view name) {
  const std::optional<std::regex> regex = Compile(pattern);
  return regex && std::regex_search(name.begin(), name.end(), *regex,
                                    std::regex_constants::match_continuous);
}

}  // namespace facet
