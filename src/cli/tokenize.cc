// facet tokenize: text to ids and pieces, or ids back to text.
#include <charconv>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/streams.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace facet::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string folder;
  std::string text = "-";
  bool decode = false;
  bool no_special = false;
  bool json = false;
};

constexpr const char* kFooter =
    "Ids are those of the text alone: no <bos> is added. With --json, keys are count, ids and "
    "pieces; or "
    "text with --decode.\n\n"
    "Examples:\n"
    "  facet tokenize models/tiny 'Call me Ishmael.'\n"
    "  facet tokenize models/tiny --json < chapter.txt\n"
    "  facet tokenize models/tiny --no-special '<|turn>user'     as text that a user typed\n"
    "  facet tokenize models/tiny --decode '2 15 342'\n"
    "  facet tokenize models/tiny --json 'x' | facet tokenize models/tiny --decode";

/// The ids in `text`: numbers with white space or commas between them, in brackets or not, or the
/// JSON that this command prints.
Result<std::vector<int32_t>> ParseIds(const std::string& text, const Tokenizer& tokenizer) {
  std::string numbers = text;
  const json document = json::parse(text, nullptr, false);
  if (document.is_object() && document.contains("ids")) numbers = document["ids"].dump();
  std::vector<int32_t> ids;
  constexpr std::string_view kSeparators = " \t\r\n,[]";
  size_t end = 0;
  for (size_t begin = 0;
       (begin = numbers.find_first_not_of(kSeparators, end)) != std::string::npos;) {
    end = std::min(numbers.find_first_of(kSeparators, begin), numbers.size());
    const std::string_view word = std::string_view(numbers).substr(begin, end - begin);
    int32_t id = -1;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size() || id < 0) {
      return Fail(ErrorCode::kUsage, "\"{}\" is not a token id", word.substr(0, 40));
    }
    if (id >= tokenizer.vocabulary_size()) {
      return Fail(ErrorCode::kUsage, "token id {} is outside the vocabulary of {}", id,
                  tokenizer.vocabulary_size());
    }
    ids.push_back(id);
  }
  return ids;
}

/// A piece on one line: control characters as C escapes.
std::string OneLine(std::string_view piece) {
  std::string line;
  for (const char c : piece) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      line += fmt::format("\\x{:02X}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

void PrintTable(const Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                const std::string& text) {
  fmt::print("{:>8}  {:>7}  {}\n", "position", "id", "piece");
  for (size_t i = 0; i < ids.size(); ++i) {
    fmt::print("{:>8}  {:>7}  {}{}\n", i, ids[i], OneLine(tokenizer.Piece(ids[i])),
               tokenizer.IsSpecial(ids[i]) ? "  (special)" : "");
  }
  fmt::print("{} tokens, {} bytes\n", ids.size(), text.size());
}

void PrintJson(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  json pieces = json::array();
  for (const int32_t id : ids) pieces.push_back(tokenizer.Piece(id));
  const json document = {{"count", ids.size()}, {"ids", ids}, {"pieces", std::move(pieces)}};
  fmt::print("{}\n", JsonLine(document));
}

Result<int> Decode(const Options& options, const Tokenizer& tokenizer, const std::string& input) {
  FACET_TRY(const auto ids, ParseIds(input, tokenizer));
  const std::string text = tokenizer.Decode(ids);
  fmt::print("{}\n", options.json ? JsonLine({{"text", text}}) : text);
  return kExitOk;
}

Result<int> Encode(const Options& options, const Tokenizer& tokenizer, const std::string& input) {
  if (!IsValidUtf8(input)) return Fail(ErrorCode::kInvalidData, "the text is not valid UTF-8");
  const auto ids = options.no_special ? tokenizer.EncodeUntrusted(input) : tokenizer.Encode(input);
  if (options.json) {
    PrintJson(tokenizer, ids);
  } else {
    PrintTable(tokenizer, ids, input);
  }
  return kExitOk;
}

Result<int> Run(const Options& options) {
  FACET_TRY(const Tokenizer tokenizer, Tokenizer::Load(options.folder));
  FACET_TRY(const std::string input, TextOrStandardInput(options.text));
  return options.decode ? Decode(options, tokenizer, input) : Encode(options, tokenizer, input);
}

}  // namespace

void RegisterTokenize(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("tokenize", "Text to token ids and pieces, or back");
  auto options = std::make_shared<Options>();
  command->add_option("DIR", options->folder, "Folder with tokenizer.json")->required();
  command->add_option("TEXT", options->text,
                      "The text, or the ids; \"-\" or nothing: standard input");
  command->add_flag("--decode", options->decode, "Turn ids into text");
  command->add_flag("--no-special", options->no_special,
                    "Spell special tokens as plain text, as for text from outside");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
