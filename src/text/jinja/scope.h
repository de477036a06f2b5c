// Names and where they are known.
#pragma once

#include <deque>
#include <string_view>
#include <unordered_map>

#include "text/jinja/value.h"

namespace facet::jinja {

/// The names that one part of a template has set, and where to look for others.
class Scope {
 public:
  explicit Scope(Scope* parent) : parent_(parent) {}

  void Set(std::string_view name, const Value& value) { names_[name] = value; }
  /// Null if the name is not set here.
  const Value* Find(std::string_view name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &found->second;
  }
  Scope* parent() const { return parent_; }

  /// A macro made here may run later: the scope must stay until the rendering ends.
  void Keep() { kept_ = true; }
  bool is_kept() const { return kept_; }

 private:
  Scope* parent_;
  std::unordered_map<std::string_view, Value> names_;
  bool kept_ = false;
};

/// A scope that goes away at the end unless something keeps it. Scopes end in the reverse order of
/// their beginning, so that one that is not last has a kept one behind it, and stays for its sake.
class OpenScope {
 public:
  OpenScope(std::deque<Scope>& scopes, Scope* parent)
      : scopes_(scopes), scope_(scopes.emplace_back(parent)) {}
  ~OpenScope() {
    if (!scope_.is_kept() && &scopes_.back() == &scope_) scopes_.pop_back();
  }
  OpenScope(const OpenScope&) = delete;
  OpenScope& operator=(const OpenScope&) = delete;

  Scope& operator*() const { return scope_; }

 private:
  std::deque<Scope>& scopes_;
  Scope& scope_;
};

}  // namespace facet::jinja
