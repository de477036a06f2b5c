#include "text/jinja/runtime.h"

#include <algorithm>

namespace facet::jinja {
namespace {

int NestingOf(const Value& value) {
  if (const List* list = value.list()) return list->depth;
  if (const Dict* dict = value.dict()) return dict->depth();
  return 0;
}

Result<void> CheckNesting(int depth) {
  if (depth <= Runtime::kMaxNesting) return {};
  return Fail(ErrorCode::kResource, "values nested more than {} levels deep", Runtime::kMaxNesting);
}

Result<void> CheckItems(size_t count) {
  if (count <= Runtime::kMaxItems) return {};
  return Fail(ErrorCode::kResource, "a list of more than {} items", Runtime::kMaxItems);
}

}  // namespace

Result<void> Runtime::Spend(int64_t steps) {
  steps_ += steps;
  if (steps_ <= kMaxSteps) return {};
  return Fail(ErrorCode::kResource, "the template takes more than {} steps", kMaxSteps);
}

Result<void> Runtime::Hold(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes);
  if (bytes_ <= kMaxBytes) return {};
  return Fail(ErrorCode::kResource, "the template needs more than {} MiB", kMaxBytes >> 20);
}

Result<Value> Runtime::Make(TextBuilder&& builder) {
  if (builder.is_full()) {
    return Fail(ErrorCode::kResource, "the template makes a text of more than {} MiB",
                TextBuilder::kMaxBytes >> 20);
  }
  FACET_RETURN_IF_ERROR(SpendBytes(builder.size()));
  FACET_RETURN_IF_ERROR(Hold(sizeof(Text) + builder.size()));
  texts_.push_back(std::move(builder).Take());
  FACET_RETURN_IF_ERROR(Hold(texts_.back().untrusted().size_bytes()));
  return Value{&texts_.back()};
}

Result<Value> Runtime::MakeTrusted(std::string_view bytes) {
  TextBuilder builder;
  builder.AppendTrusted(bytes);
  return Make(std::move(builder));
}

Result<Value> Runtime::MakeSequence(std::vector<Value> items, bool is_tuple) {
  FACET_RETURN_IF_ERROR(CheckItems(items.size()));
  FACET_RETURN_IF_ERROR(Spend(1 + static_cast<int64_t>(items.size() / 8)));
  FACET_RETURN_IF_ERROR(Hold(sizeof(List) + items.capacity() * sizeof(Value)));
  List list{.items = std::move(items), .is_tuple = is_tuple};
  for (const Value& item : list.items) list.depth = std::max(list.depth, NestingOf(item) + 1);
  FACET_RETURN_IF_ERROR(CheckNesting(list.depth));
  lists_.push_back(std::move(list));
  return Value{&lists_.back()};
}

Result<Value> Runtime::MakeList(std::vector<Value> items) {
  return MakeSequence(std::move(items), false);
}

Result<Value> Runtime::MakeTuple(std::vector<Value> items) {
  return MakeSequence(std::move(items), true);
}

Result<Value> Runtime::MakeDict(Dict dict) {
  FACET_RETURN_IF_ERROR(CheckItems(dict.items().size()));
  // An item costs its place in the list and a node of the index.
  FACET_RETURN_IF_ERROR(Hold(sizeof(Dict) + dict.items().size() * (sizeof(Dict::Item) + 48)));
  int depth = 1;
  for (const auto& [key, value] : dict.items()) depth = std::max(depth, NestingOf(value) + 1);
  FACET_RETURN_IF_ERROR(CheckNesting(depth));
  dict.set_depth(depth);
  dicts_.push_back(std::move(dict));
  return Value{&dicts_.back()};
}

Result<Value> Runtime::MakeNamespace() {
  FACET_RETURN_IF_ERROR(Hold(sizeof(Namespace)));
  return Value{&namespaces_.emplace_back()};
}

Result<Value> Runtime::MakeFunction(Function function) {
  FACET_RETURN_IF_ERROR(Hold(sizeof(Function) + 128));
  functions_.push_back(std::move(function));
  return Value{&std::as_const(functions_.back())};
}

Result<Value> Runtime::MakeUndefined(std::string message) {
  FACET_RETURN_IF_ERROR(Hold(sizeof(std::string) + message.size()));
  messages_.push_back(std::move(message));
  return Value{Undefined{&messages_.back()}};
}

}  // namespace facet::jinja
