// Values of the template language, as Python has them. A Value is small and copied freely; what it
// points to belongs to the Runtime of one rendering and is immutable, except for namespaces.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "text/jinja/text.h"

namespace facet::jinja {

struct List;
class Dict;
struct Namespace;
struct Function;

/// The value of a name that does not exist. Printing it gives nothing, most other uses are errors
/// with this message.
struct Undefined {
  const std::string* message = nullptr;
};
struct None {};

struct Value {
  std::variant<Undefined, None, bool, int64_t, double, const Text*, const List*, const Dict*,
               Namespace*, const Function*>
      data;

  bool is_undefined() const { return std::holds_alternative<Undefined>(data); }
  bool is_none() const { return std::holds_alternative<None>(data); }
  bool is_bool() const { return std::holds_alternative<bool>(data); }
  /// Not for booleans, which Python counts as integers in arithmetic: AsInt() does.
  bool is_integer() const { return std::holds_alternative<int64_t>(data); }
  bool is_float() const { return std::holds_alternative<double>(data); }
  /// Null for a value of another kind.
  const Text* text() const { return Get<const Text*>(); }
  const List* list() const { return Get<const List*>(); }
  const Dict* dict() const { return Get<const Dict*>(); }
  Namespace* name_space() const { return Get<Namespace*>(); }
  const Function* function() const { return Get<const Function*>(); }

 private:
  template <typename Pointer>
  Pointer Get() const {
    const Pointer* pointer = std::get_if<Pointer>(&data);
    return pointer == nullptr ? nullptr : *pointer;
  }
};

/// A list or a tuple.
struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  int depth = 1;  ///< levels of nesting, at most Runtime::kMaxNesting
};

/// Keeps the order of insertion. Keys are strings, numbers, booleans or None.
class Dict {
 public:
  using Item = std::pair<Value, Value>;

  const std::vector<Item>& items() const { return items_; }
  int depth() const { return depth_; }

  /// Null if there is no such key.
  const Value* Find(std::string_view key) const;
  const Value* Find(const Value& key) const;

  /// A key that is there keeps its place and gets the new value.
  void Set(const Value& key, const Value& value);
  void set_depth(int depth) { depth_ = depth; }

 private:
  std::optional<size_t> IndexOf(const Value& key) const;

  std::vector<Item> items_;
  std::unordered_map<std::string_view, size_t> texts_;  // string keys
  std::unordered_map<double, size_t> numbers_;          // 1, 1.0 and True are one key
  std::optional<size_t> none_;
  int depth_ = 1;
};

/// The one thing that a template can change: `set ns.x = …`.
struct Namespace {
  std::map<std::string, Value, std::less<>> members;
};

struct Arguments {
  std::vector<Value> positional = {};
  std::vector<std::pair<std::string, Value>> named = {};
};

/// Something that can be called: a macro, a method of a value, a global function, a loop.
struct Function {
  std::string name;
  std::function<Result<Value>(const Arguments&)> call;
  /// Its attributes, if it has any (loop.index); nothing for an unknown name.
  std::function<std::optional<Value>(std::string_view)> attribute = {};
};

/// Python's name of the value's type: "str", "list", "NoneType".
std::string_view TypeName(const Value& value);

/// Python's bool().
bool IsTrue(const Value& value);

/// An integer or a boolean as Python computes with it; nothing for other kinds.
std::optional<int64_t> AsInt(const Value& value);
/// The same, and floats.
std::optional<double> AsNumber(const Value& value);

/// The arguments in the order of `names`, nothing for one that is not given. kInvalidData for too
/// many, unknown or repeated ones.
Result<std::vector<std::optional<Value>>> Bind(const Arguments& arguments,
                                               std::string_view function,
                                               const std::vector<std::string_view>& names);

}  // namespace facet::jinja
