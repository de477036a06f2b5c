#include "quant/synth_tokenizer.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/random.h"
#include "quant/synth_values.h"

namespace facet {
namespace {

using nlohmann::ordered_json;

constexpr const char* kSpace = "\xE2\x96\x81";  // U+2581, how the vocabulary spells a space
constexpr size_t kLongestPart = 6;              // bytes of a made-up piece that others grow from

/// Gives every id its piece and collects the merges that build the longer ones. Pieces are known by
/// their ids: strings for each use would take several times the memory.
class VocabularyMaker {
 public:
  struct Merge {
    int32_t left;
    int32_t right;
  };

  VocabularyMaker(const SynthVocabulary& given, uint64_t seed)
      : key_(SynthKey(seed, "tokenizer.json")), pieces_(static_cast<size_t>(given.size)) {
    for (const SynthPiece& piece : given.special) Place(piece.id, piece.piece);
    for (const SynthPiece& piece : given.plain) Place(piece.id, piece.piece);
    for (int32_t byte = 0; byte < 256; ++byte) {
      Place(given.first_byte + byte, fmt::format("<0x{:02X}>", byte));
    }
    int number = 0;
    for (int32_t id = 0; id < given.first_byte; ++id) {
      if (Piece(id).empty()) Place(id, fmt::format("<unused{}>", number++));
    }
    AddLineBreaks();
    space_ = FindOrAppend(kSpace);
    for (char c = '!'; c <= '~'; ++c) FindOrAppend(std::string(1, c));
    AddPairs();
    while (next_ < given.size) Draw();
  }

  const std::vector<std::string>& pieces() const { return pieces_; }
  const std::string& Piece(int32_t id) const { return pieces_[static_cast<size_t>(id)]; }
  const std::vector<Merge>& merges() const { return merges_; }

 private:
  static constexpr int32_t kNone = -1;

  void Place(int32_t id, std::string piece) {
    FACET_CHECK(id >= 0 && id < static_cast<int32_t>(pieces_.size()) && Piece(id).empty());
    std::string& place = pieces_[static_cast<size_t>(id)];
    place = std::move(piece);
    ids_.emplace(place, id);
    while (next_ < static_cast<int32_t>(pieces_.size()) && !Piece(next_).empty()) ++next_;
  }

  int32_t FindOrAppend(const std::string& piece) {
    const auto found = ids_.find(piece);
    if (found != ids_.end()) return found->second;
    const int32_t id = next_;
    Place(id, piece);
    return id;
  }

  /// The new piece that a merge builds at the next free id; kNone if there is such a piece already,
  /// or no id left.
  int32_t Join(int32_t left, int32_t right) {
    std::string piece = Piece(left) + Piece(right);
    if (next_ >= static_cast<int32_t>(pieces_.size()) || ids_.contains(piece)) return kNone;
    const int32_t id = next_;
    Place(id, std::move(piece));
    merges_.push_back({left, right});
    return id;
  }

  /// Runs of two and three line breaks, whether or not they have ids of their own.
  void AddLineBreaks() {
    const int32_t one = FindOrAppend("\n");
    const int32_t two = FindOrAppend("\n\n");
    FindOrAppend("\n\n\n");
    merges_.push_back({one, one});
    merges_.push_back({two, one});
  }

  /// Every small letter after a space, and every pair of them: what other pieces grow from.
  void AddPairs() {
    const std::vector<int32_t> letters = SmallLetters();
    tails_ = letters;
    for (const int32_t letter : letters) heads_.push_back(Join(space_, letter));
    for (const int32_t first : letters) {
      for (const int32_t second : letters) {
        const int32_t pair = Join(first, second);
        heads_.push_back(pair);
        tails_.push_back(pair);
      }
    }
  }

  std::vector<int32_t> SmallLetters() const {
    std::vector<int32_t> letters;
    for (char c = 'a'; c <= 'z'; ++c) letters.push_back(ids_.at(std::string(1, c)));
    return letters;
  }

  /// One attempt at a new piece: two that may still grow, the second without a space in front.
  void Draw() {
    const int32_t head = Pick(heads_);
    const int32_t tail = Pick(tails_);
    const int32_t id = Join(head, tail);
    if (id == kNone || Piece(id).size() > kLongestPart) return;
    heads_.push_back(id);
    if (!Piece(id).starts_with(kSpace)) tails_.push_back(id);
  }

  int32_t Pick(const std::vector<int32_t>& from) {
    return from[RandomBits(key_, draws_++) % from.size()];
  }

  uint64_t key_;
  uint64_t draws_ = 0;
  std::vector<std::string> pieces_;  // by id; empty: free. Never resized: ids_ looks into it
  std::unordered_map<std::string_view, int32_t> ids_;
  std::vector<Merge> merges_;
  std::vector<int32_t> heads_;
  std::vector<int32_t> tails_;
  int32_t space_ = kNone;
  int32_t next_ = 0;  // no id below is free
};

ordered_json Replace(const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

ordered_json AddedToken(const SynthPiece& piece) {
  return {{"id", piece.id},  {"content", piece.piece}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false},    {"special", true}};
}

/// The document without its two big tables, which stand in the place of null.
ordered_json Frame(const SynthVocabulary& vocabulary) {
  ordered_json added = ordered_json::array();
  for (const SynthPiece& piece : vocabulary.special) added.push_back(AddedToken(piece));
  const ordered_json sequence = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const ordered_json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", Replace(" ", kSpace)},
          {"pre_tokenizer",
           {{"type", "Split"},
            {"pattern", {{"String", " "}}},
            {"behavior", "MergedWithPrevious"},
            {"invert", false}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", ordered_json::array({sequence})},
            {"pair", ordered_json::array({sequence, second})},
            {"special_tokens", ordered_json::object()}}},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             ordered_json::array({Replace(kSpace, " "), ordered_json{{"type", "ByteFallback"}},
                                  ordered_json{{"type", "Fuse"}}})}}}};
}

ordered_json ModelFlags() {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", "<unk>"},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", true},
          {"ignore_merges", false}};
}

std::string Quoted(const std::string& text) { return ordered_json(text).dump(); }

/// An object's text without its closing brace.
std::string Opened(const ordered_json& object) {
  std::string text = object.dump();
  text.pop_back();
  return text;
}

}  // namespace

std::string SynthTokenizerJson(const SynthVocabulary& vocabulary, uint64_t seed) {
  const VocabularyMaker made(vocabulary, seed);
  // The tables are written piece by piece: as a JSON tree they would take ten times their text.
  std::string text = Opened(Frame(vocabulary)) + ",\"model\":" + Opened(ModelFlags());
  text += ",\"vocab\":{";
  for (size_t id = 0; id < made.pieces().size(); ++id) {
    text += fmt::format("{}{}:{}", id == 0 ? "" : ",", Quoted(made.pieces()[id]), id);
  }
  text += "},\"merges\":[";
  for (size_t i = 0; i < made.merges().size(); ++i) {
    const auto& [left, right] = made.merges()[i];
    text += fmt::format("{}[{},{}]", i == 0 ? "" : ",", Quoted(made.Piece(left)),
                        Quoted(made.Piece(right)));
  }
  return text + "]}}\n";
}

}  // namespace facet
