// One thing that a check has to say about a checkpoint.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace facet {

enum class Severity { kError, kWarning, kInfo };

/// "error", "warning" or "info".
constexpr std::string_view NameOf(Severity severity) {
  return severity == Severity::kError     ? "error"
         : severity == Severity::kWarning ? "warning"
                                          : "info";
}

struct Finding {
  Severity severity = Severity::kInfo;
  std::string code;     ///< stable, snake_case; docs/checkpoint.md lists them
  std::string subject;  ///< a tensor, module, file or key
  std::string message;
};

/// Findings in the order they were made.
class Findings {
 public:
  template <typename... Args>
  void Add(Severity severity, std::string_view code, std::string_view subject,
           fmt::format_string<Args...> format, Args&&... args) {
    list_.push_back({severity, std::string(code), std::string(subject),
                     fmt::format(format, std::forward<Args>(args)...)});
  }

  const std::vector<Finding>& list() const { return list_; }
  int64_t Count(Severity severity) const {
    return std::ranges::count(list_, severity, &Finding::severity);
  }
  void Append(const Findings& other) {
    list_.insert(list_.end(), other.list_.begin(), other.list_.end());
  }

 private:
  std::vector<Finding> list_;
};

}  // namespace facet
