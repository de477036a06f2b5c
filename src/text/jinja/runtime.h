// What one rendering owns and may use: the values that it makes, a budget of work and memory, the
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/value.h"

namespace facet::jinja {

/// Every value lives until the rendering ends, so values need no counting and are free to share.
class Runtime {
 public:
  /// Steps: evaluated expressions, loop rounds, and a share for each byte or item that an operation
  /// looks at. A long conversation takes some hundred thousand; this many take about a second.
  static constexpr int64_t kMaxSteps = 5'000'000;
  static constexpr int64_t kMaxBytes = int64_t{256} << 20;
  static constexpr size_t kMaxItems = 1'000'000;
  /// Levels of lists in lists. The functions here recurse over values.
  static constexpr int kMaxNesting = 100;

  explicit Runtime(std::chrono::system_clock::time_point now) : now_(now) {}

  std::chrono::system_clock::time_point now() const { return now_; }

  /// kResource when the budget is used up.
  Result<void> Spend(int64_t steps);
  /// The share of an operation that looks at `size` bytes.
  Result<void> SpendBytes(size_t size) { return Spend(1 + static_cast<int64_t>(size / 64)); }

  /// kResource for a text, a list or all values together beyond their limit, or lists nested too
  /// deep.
  Result<Value> Make(TextBuilder&& builder);
  Result<Value> MakeList(std::vector<Value> items);
  Result<Value> MakeTuple(std::vector<Value> items);
  Result<Value> MakeDict(Dict dict);
  Result<Value> MakeTrusted(std::string_view bytes);
  Result<Value> MakeNamespace();
  Result<Value> MakeFunction(Function function);
  /// An undefined value, and what to say when it is used.
  Result<Value> MakeUndefined(std::string message);
  /// Counts memory that is held elsewhere.
  Result<void> Hold(size_t bytes);
  /// Takes back what Hold() counted.
  void Release(size_t bytes) { bytes_ -= static_cast<int64_t>(bytes); }

 private:
  Result<Value> MakeSequence(std::vector<Value> items, bool is_tuple);

  std::chrono::system_clock::time_point now_;
  int64_t steps_ = 0;
  int64_t bytes_ = 0;
  std::deque<Text> texts_;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> namespaces_;
  std::deque<Function> functions_;
  std::deque<std::string> messages_;
};

}  // namespace facet::jinja
