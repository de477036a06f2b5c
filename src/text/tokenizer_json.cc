#include "text/tokenizer_json.h"

#include <optional>

namespace facet {
namespace {

using nlohmann::json;

/// Receives the events of the parser. Returning false stops it; `error_` then says why.
class Reader : public nlohmann::json_sax<json> {
 public:
  Result<TokenizerJson> Finish(bool complete) && {
    if (error_) return tl::unexpected<Error>(*std::move(error_));
    if (!complete) return Fail(ErrorCode::kInvalidData, "not JSON");
    return std::move(result_);
  }

  bool null() override { return Value(json()); }
  bool boolean(bool value) override { return Value(json(value)); }
  bool number_integer(number_integer_t value) override { return Value(json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Value(json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return Value(json(value)); }
  bool binary(binary_t&) override { return Invalid("binary value"); }

  bool string(string_t& value) override {
    switch (where_) {
      case Where::kMerges:
        return AddMergeLine(value);
      case Where::kMergePair:
        pair_.push_back(std::move(value));
        return pair_.size() <= 2 || Invalid("an entry of model.merges has more than two pieces");
      default:
        return Value(json(std::move(value)));
    }
  }

  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }

  bool start_object(size_t) override {
    if (IsModelKey("vocab"))
      return Enter(Where::kVocabulary, !std::exchange(saw_vocabulary_, true));
    if (where_ != Where::kDocument) return WrongShape();
    return Open(json::object());
  }

  bool start_array(size_t) override {
    if (IsModelKey("merges")) return Enter(Where::kMerges, !std::exchange(saw_merges_, true));
    if (where_ == Where::kMerges) {
      pair_.clear();
      return Enter(Where::kMergePair, true);
    }
    if (where_ != Where::kDocument) return WrongShape();
    return Open(json::array());
  }

  bool end_object() override {
    if (where_ == Where::kVocabulary) return Enter(Where::kDocument, true);
    open_.pop_back();
    return true;
  }

  bool end_array() override {
    if (where_ == Where::kMerges) return Enter(Where::kDocument, true);
    if (where_ == Where::kMergePair) {
      if (pair_.size() != 2) return Invalid("an entry of model.merges has not two pieces");
      Enter(Where::kMerges, true);
      return AddMerge(std::move(pair_[0]), std::move(pair_[1]));
    }
    open_.pop_back();
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    return Stop(ErrorCode::kInvalidData, fmt::format("byte {}: {}", position, error.what()));
  }

 private:
  enum class Where { kDocument, kVocabulary, kMerges, kMergePair };

  bool Stop(ErrorCode code, std::string message) {
    if (!error_) error_ = Error{code, std::move(message)};
    return false;
  }
  bool Invalid(std::string message) { return Stop(ErrorCode::kInvalidData, std::move(message)); }
  bool WrongShape() {
    return Invalid(where_ == Where::kVocabulary
                       ? fmt::format("model.vocab: the id of \"{}\" is not a whole number", key_)
                       : "model.merges is not a list of pairs of pieces");
  }

  /// True if the value that begins now is that key of the top-level "model".
  bool IsModelKey(std::string_view name) const {
    return where_ == Where::kDocument && open_.size() == 2 && in_model_ && open_[1]->is_object() &&
           key_ == name;
  }

  bool Enter(Where where, bool allowed) {
    where_ = where;
    return allowed || Invalid(fmt::format("model.{} occurs twice", key_));
  }

  bool Value(json value) {
    if (where_ == Where::kDocument) return Add(std::move(value)) != nullptr;
    if (where_ != Where::kVocabulary || !value.is_number_integer()) return WrongShape();
    if (result_.vocabulary.size() >= static_cast<size_t>(Vocabulary::kMaxIds)) {
      return Stop(ErrorCode::kResource,
                  fmt::format("model.vocab has more than {} entries", Vocabulary::kMaxIds));
    }
    // A number beyond int64 reads as a negative one here and is refused with the other impossible
    // ids.
    result_.vocabulary.push_back({std::move(key_), value.get<int64_t>(), false});
    return true;
  }

  /// An entry of the older form: "left right", with exactly one space.
  bool AddMergeLine(const std::string& line) {
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      return Invalid(fmt::format("model.merges: \"{}\" is not two pieces", line));
    }
    return AddMerge(line.substr(0, space), line.substr(space + 1));
  }

  bool AddMerge(std::string left, std::string right) {
    if (result_.merges.size() >= TokenizerJsonLimits::kMerges) {
      return Stop(ErrorCode::kResource, fmt::format("model.merges has more than {} entries",
                                                    TokenizerJsonLimits::kMerges));
    }
    result_.merges.emplace_back(std::move(left), std::move(right));
    return true;
  }

  bool Open(json container) {
    if (open_.size() >= static_cast<size_t>(TokenizerJsonLimits::kDepth)) {
      return Stop(ErrorCode::kResource,
                  fmt::format("nested deeper than {}", TokenizerJsonLimits::kDepth));
    }
    if (open_.size() == 1) in_model_ = open_[0]->is_object() && key_ == "model";
    json* added = Add(std::move(container));
    if (added != nullptr) open_.push_back(added);
    return added != nullptr;
  }

  /// Adds to the innermost open container. The address stays good while the value is open: its
  /// parent grows only after it is closed.
  json* Add(json value) {
    if (++values_ > TokenizerJsonLimits::kValues) {
      Stop(ErrorCode::kResource, fmt::format("more than {} values", TokenizerJsonLimits::kValues));
      return nullptr;
    }
    if (open_.empty()) return &(result_.rest = std::move(value));
    json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  TokenizerJson result_;
  std::optional<Error> error_;
  Where where_ = Where::kDocument;
  std::vector<json*> open_;  // containers of `rest` that are not closed yet
  std::string key_;          // the last key read
  std::vector<std::string> pair_;
  size_t values_ = 0;
  bool in_model_ = false;  // the container at depth 2 is the top-level "model"
  bool saw_vocabulary_ = false;
  bool saw_merges_ = false;
};

}  // namespace

Result<TokenizerJson> ReadTokenizerJson(std::string_view text) {
  Reader reader;
  const bool complete = json::sax_parse(text.begin(), text.end(), &reader);
  return std::move(reader).Finish(complete);
}

}  // namespace facet
