#include "text/tokenizer.h"

#include <algorithm>

#include "base/file.h"
#include "text/added_tokens.h"
#include "text/merges.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"
#include "text/vocabulary.h"

namespace facet {
namespace {

/// Gemma's file has 33 MB.
constexpr size_t kMaxFileBytes = size_t{256} << 20;

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581

using Pair = std::pair<std::string, std::string>;

/// The ids of one merge. Nothing for a merge that builds or uses a special token: those are found
/// in text as a whole, and must not appear from their parts. `joined` is room for the piece that it
/// builds.
Result<std::optional<MergeTable::Rule>> ResolveMerge(const Vocabulary& vocabulary, const Pair& pair,
                                                     std::string& joined) {
  joined = pair.first;
  joined += pair.second;
  const auto left = vocabulary.Find(pair.first);
  const auto right = vocabulary.Find(pair.second);
  const auto result = vocabulary.Find(joined);
  if (!left || !right || !result) {
    return Fail(ErrorCode::kInvalidData, "merge \"{}\" + \"{}\": not all in the vocabulary",
                pair.first, pair.second);
  }
  for (const int32_t id : {*left, *right, *result}) {
    if (vocabulary.ByteOf(id)) {
      return Fail(ErrorCode::kUnsupported, "merge \"{}\" + \"{}\": byte tokens do not merge",
                  pair.first, pair.second);
    }
    if (vocabulary.IsSpecial(id)) return std::nullopt;
  }
  return MergeTable::Rule{*left, *right, *result};
}

Result<MergeTable> BuildMerges(const Vocabulary& vocabulary, const std::vector<Pair>& pairs) {
  std::vector<MergeTable::Rule> rules;
  rules.reserve(pairs.size());
  std::string joined;
  for (const Pair& pair : pairs) {
    FACET_TRY(const auto rule, ResolveMerge(vocabulary, pair, joined));
    if (rule) rules.push_back(*rule);
  }
  return MergeTable::Build(rules);
}

/// Walks over a text and says how far a special token may reach from each place: not into or across
/// untrusted bytes.
class TrustCursor {
 public:
  TrustCursor(size_t size, std::span<const ByteRange> untrusted)
      : size_(size), untrusted_(untrusted) {}

  /// Bytes from `position` to the next untrusted byte; positions must not decrease.
  size_t TrustedBytes(size_t position) {
    while (!untrusted_.empty() && untrusted_.front().end <= position) {
      untrusted_ = untrusted_.subspan(1);
    }
    while (!untrusted_.empty() && untrusted_.front().begin >= untrusted_.front().end) {
      untrusted_ = untrusted_.subspan(1);  // empty ranges hide nothing
    }
    const size_t begin = untrusted_.empty() ? size_ : std::min(size_, untrusted_.front().begin);
    return begin > position ? begin - position : 0;
  }

 private:
  size_t size_;
  std::span<const ByteRange> untrusted_;
};

std::string SpacesRestored(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    const bool space = piece.starts_with(kSpaceSymbol);
    text += space ? ' ' : piece[0];
    piece.remove_prefix(space ? kSpaceSymbol.size() : 1);
  }
  return text;
}

/// `add_bos_token` and `bos_token` of a tokenizer_config.json; the latter is a string or an added
/// token.
struct BosSettings {
  std::optional<bool> add;
  std::string token = "<bos>";
};

Result<BosSettings> ReadBosSettings(const std::filesystem::path& path) {
  BosSettings settings;
  auto text = ReadFile(path, kMaxFileBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) return settings;
  if (!text) return tl::unexpected<Error>(std::move(text).error());
  FACET_TRY(const TokenizerJson file, ReadTokenizerJson(*text));
  if (!file.rest.is_object()) return Fail(ErrorCode::kInvalidData, "not a JSON object");
  if (const auto add = file.rest.find("add_bos_token"); add != file.rest.end()) {
    if (!add->is_boolean()) return Fail(ErrorCode::kInvalidData, "add_bos_token is not a boolean");
    settings.add = add->get<bool>();
  }
  auto token = file.rest.find("bos_token");
  if (token == file.rest.end()) return settings;
  const nlohmann::json name =
      token->is_object() ? token->value("content", nlohmann::json()) : *token;
  if (name.is_string()) settings.token = name.get<std::string>();
  return settings;
}

}  // namespace

struct Tokenizer::State {
  Vocabulary vocabulary;
  AddedTokens added;
  MergeTable merges;
  std::optional<int32_t> bos_id;
  bool adds_bos = false;

  /// Appends the symbols that a piece of plain text starts as, before any merge.
  void AppendSymbols(std::string_view text, std::vector<int32_t>& symbols) const;
};

void Tokenizer::State::AppendSymbols(std::string_view text, std::vector<int32_t>& symbols) const {
  while (!text.empty()) {
    const auto length = static_cast<size_t>(std::max(1, ReadUtf8(text).length));
    const std::string_view character = text.substr(0, length);
    const auto id = vocabulary.Find(character == " " ? kSpaceSymbol : character);
    if (id && !vocabulary.IsSpecial(*id)) {
      symbols.push_back(*id);
    } else {
      for (const char byte : character) {
        symbols.push_back(vocabulary.ByteToken(static_cast<uint8_t>(byte)));
      }
    }
    text.remove_prefix(length);
  }
}

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Result<Tokenizer> Tokenizer::Load(const std::filesystem::path& folder) {
  const auto path = folder / "tokenizer.json";
  FACET_TRY(const std::string text, ReadFile(path, kMaxFileBytes));
  auto state = ParseState(text);
  if (!state) return Propagate(std::move(state), path.string());
  const auto config = folder / "tokenizer_config.json";
  auto settings = ReadBosSettings(config);
  if (!settings) return Propagate(std::move(settings), config.string());
  (*state)->bos_id = (*state)->vocabulary.Find(settings->token);
  (*state)->adds_bos = settings->add.value_or((*state)->adds_bos);
  return Tokenizer(*std::move(state));
}

Result<Tokenizer> Tokenizer::Parse(std::string_view tokenizer_json) {
  FACET_TRY(auto state, ParseState(tokenizer_json));
  return Tokenizer(std::move(state));
}

Result<std::unique_ptr<Tokenizer::State>> Tokenizer::ParseState(std::string_view tokenizer_json) {
  FACET_TRY(TokenizerJson file, ReadTokenizerJson(tokenizer_json));
  FACET_TRY(const TokenizerParts parts, ReadTokenizerParts(file.rest));
  for (const AddedToken& token : parts.added) {
    file.vocabulary.push_back({token.piece, token.id, token.special});
  }
  FACET_TRY(Vocabulary vocabulary, Vocabulary::Build(file.vocabulary));
  if (!vocabulary.Find(kSpaceSymbol)) {
    return Fail(ErrorCode::kUnsupported, "the vocabulary has no U+2581, its sign for a space");
  }
  FACET_TRY(MergeTable merges, BuildMerges(vocabulary, file.merges));
  AddedTokens added;
  for (const AddedToken& token : parts.added) {
    FACET_RETURN_IF_ERROR(added.Add(token.piece, static_cast<int32_t>(token.id), token.special));
  }
  const auto bos = vocabulary.Find("<bos>");
  if (!parts.prefix_token.empty() && vocabulary.Find(parts.prefix_token) != bos) {
    return Fail(ErrorCode::kUnsupported, "post_processor adds \"{}\", only <bos> is supported",
                parts.prefix_token);
  }
  return std::make_unique<State>(State{.vocabulary = std::move(vocabulary),
                                       .added = std::move(added),
                                       .merges = std::move(merges),
                                       .bos_id = bos,
                                       .adds_bos = !parts.prefix_token.empty()});
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text,
                                       std::span<const ByteRange> untrusted) const {
  std::vector<int32_t> ids;
  std::vector<int32_t> symbols;
  TrustCursor trust(text.size(), untrusted);
  size_t plain_begin = 0;
  const auto flush = [&](size_t plain_end) {
    symbols.clear();
    state_->AppendSymbols(text.substr(plain_begin, plain_end - plain_begin), symbols);
    state_->merges.Apply(symbols, ids);
  };
  for (size_t position = 0; position < text.size();) {
    const auto match = state_->added.LongestAt(text.substr(position), trust.TrustedBytes(position));
    if (match.id < 0) {
      ++position;
      continue;
    }
    flush(position);
    ids.push_back(match.id);
    position += match.length;
    plain_begin = position;
  }
  flush(text.size());
  return ids;
}

std::vector<int32_t> Tokenizer::EncodeUntrusted(std::string_view text) const {
  const ByteRange all{0, text.size()};
  return Encode(text, {&all, 1});
}

std::string Tokenizer::Decode(std::span<const int32_t> ids) const {
  std::string text;
  std::string run;  // of byte tokens
  const auto flush = [&] {
    if (IsValidUtf8(run)) {
      text += run;
    } else {
      for (size_t i = 0; i < run.size(); ++i) text += kReplacementCharacter;
    }
    run.clear();
  };
  for (const int32_t id : ids) {
    if (const auto byte = state_->vocabulary.ByteOf(id)) {
      run += static_cast<char>(*byte);
    } else if (state_->vocabulary.Has(id)) {
      flush();
      text += TokenBytes(id);
    }
  }
  flush();
  return text;
}

std::string_view Tokenizer::Piece(int32_t id) const { return state_->vocabulary.Piece(id); }

std::string Tokenizer::TokenBytes(int32_t id) const {
  if (const auto byte = state_->vocabulary.ByteOf(id)) return {static_cast<char>(*byte)};
  return SpacesRestored(Piece(id));
}

std::optional<int32_t> Tokenizer::Find(std::string_view piece) const {
  return state_->vocabulary.Find(piece);
}

bool Tokenizer::IsSpecial(int32_t id) const { return state_->vocabulary.IsSpecial(id); }
std::optional<int32_t> Tokenizer::bos_id() const { return state_->bos_id; }
bool Tokenizer::AddsBos() const { return state_->adds_bos; }
int64_t Tokenizer::vocabulary_size() const { return state_->vocabulary.size(); }

}  // namespace facet
