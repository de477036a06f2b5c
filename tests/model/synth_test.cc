// A synthetic checkpoint through the rest of the program: verified, loaded, run, tokenized.
#include <atomic>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "checkpoint/static_check.h"
#include "quant/synthesizer.h"
#include "testing/exported.h"
#include "testing/naive_model.h"
#include "testing/tiny_model.h"
#include "text/tokenizer.h"

namespace facet {
namespace {

using testing::AllLogits;
using testing::ErrorOf;
using ::testing::HasSubstr;
using testing::LoadedModel;
using testing::RawTensors;
using testing::TestPrompt;
using testing::Value;

SynthReport Synthesize(const SynthModel& model, const std::filesystem::path& target,
                       const SynthOptions& options = {}, int threads = 2) {
  ThreadPool pool(threads);
  return Value(SynthesizeCheckpoint(model, options, target, pool, {}));
}

SynthModel Tiny(std::optional<int64_t> layers = {}) {
  return Value(SynthModelLike("tiny", layers));
}

TestPrompt RandomText(int64_t tokens, int64_t vocabulary) {
  TestPrompt prompt;
  for (int64_t t = 0; t < tokens; ++t) {
    prompt.tokens.push_back(static_cast<int32_t>(
        300 + RandomBits(4, static_cast<uint64_t>(t)) % static_cast<uint64_t>(vocabulary - 300)));
  }
  return prompt;
}

/// In nats.
double Entropy(std::span<const float> logits) {
  const double top = *std::ranges::max_element(logits);
  double sum = 0;
  double weighted = 0;
  for (const float logit : logits) {
    sum += std::exp(logit - top);
    weighted += std::exp(logit - top) * (logit - top);
  }
  return std::log(sum) - weighted / sum;
}

class SynthTest : public ::testing::Test {
 protected:
  std::filesystem::path Folder(const std::string& name) const { return temporary_.path() / name; }
  testing::TemporaryFolder temporary_;
};

TEST_F(SynthTest, VerifiesWithoutAWarning) {
  for (const SynthFormat format : {SynthFormat::kNvfp4, SynthFormat::kBf16}) {
    const bool packed = format == SynthFormat::kNvfp4;
    const auto folder = Folder(packed ? "nvfp4" : "bf16");
    const SynthReport made = Synthesize(Tiny(), folder, {.format = format});
    const Checkpoint checkpoint = Value(Checkpoint::Open(folder));
    const StaticReport report = CheckCheckpoint(checkpoint, {});
    for (const Finding& finding : report.findings.list()) {
      EXPECT_EQ(finding.severity, Severity::kInfo) << finding.subject << ": " << finding.message;
    }
    EXPECT_EQ(report.quantized_linears, packed ? 82 : 0);
    EXPECT_EQ(made.quantized, report.quantized_linears);
    EXPECT_EQ(made.parameters, report.parameters);
    EXPECT_EQ(made.tensors, report.tensors);
    EXPECT_EQ(made.layers, 12);
    EXPECT_EQ(std::filesystem::exists(folder / "hf_quant_config.json"), packed);
  }
}

/// Logits are finite, as spread as docs/synth.md promises, and another token's row is not simply
/// the input's own, for one layer and for many.
TEST_F(SynthTest, LogitsAreNeitherFlatNorOneHot) {
  for (const SynthFormat format : {SynthFormat::kNvfp4, SynthFormat::kBf16}) {
    for (const int64_t layers : {1, 6, 48}) {
      const auto folder =
          Folder(fmt::format("{}-{}", format == SynthFormat::kNvfp4 ? "nvfp4" : "bf16", layers));
      Synthesize(Tiny(layers), folder, {.format = format});
      const LoadedModel loaded(folder, "cpu");
      const int64_t vocabulary = loaded.model().config().vocabulary;
      const TestPrompt prompt = RandomText(80, vocabulary);  // more than the window
      const std::vector<float> logits = AllLogits(loaded, prompt);
      double entropy = 0;
      double squares = 0;
      std::set<int64_t> tops;
      int64_t echoes = 0;
      for (size_t t = 0; t < prompt.tokens.size(); ++t) {
        const auto row = std::span(logits).subspan(t * static_cast<size_t>(vocabulary),
                                                   static_cast<size_t>(vocabulary));
        for (const float logit : row) {
          ASSERT_TRUE(std::isfinite(logit));
          squares += double{logit} * logit;
        }
        entropy += Entropy(row) / static_cast<double>(prompt.tokens.size());
        const int64_t top = std::ranges::max_element(row) - row.begin();
        tops.insert(top);
        echoes += top == prompt.tokens[t];
      }
      EXPECT_NEAR(std::sqrt(squares / static_cast<double>(logits.size())), 3, 0.3) << folder;
      // ln 4096 is 8.3; N(0, 9) gives 8.3 - 9 / 2, more where few tokens hold the tail.
      EXPECT_GT(entropy, 3) << folder;
      EXPECT_LT(entropy, 6) << folder;
      EXPECT_GT(tops.size(), 60u) << folder;
      EXPECT_LT(echoes, 8) << folder;
    }
  }
}

/// The stated input ranges hold what comes in: W4A4 is as near to W4A16 as four bits allow.
TEST_F(SynthTest, ActivationsFitTheStatedRanges) {
  Synthesize(Tiny(), Folder("s"));
  const LoadedModel loaded(Folder("s"), "cpu");
  const auto& model = loaded.model();
  const TestPrompt prompt = RandomText(64, model.config().vocabulary);
  KvCache cache(model.config(), {.slots = 1, .max_context = 64, .max_chunk = 64}, loaded.backend());
  Workspace workspace(model.config(), 64, loaded.backend());
  const Batch batch{testing::ChunkOf(prompt, 0, 64, 0)};
  int64_t groups = 0;
  const auto observe = [&](size_t layer, LinearGroup group, Activations activations) {
    ++groups;
    Buffer storage;
    const ConstMatrix input = loaded.backend().ReadActivations(activations, storage);
    double squares = 0;
    float largest = 0;
    for (int64_t i = 0; i < input.rows * input.cols; ++i) {
      squares += double{input.data[i]} * input.data[i];
      largest = std::max(largest, std::abs(input.data[i]));
    }
    const double rms = std::sqrt(squares / static_cast<double>(input.rows * input.cols));
    EXPECT_GT(rms, 0.3) << layer;
    EXPECT_LT(rms, 1.5) << layer;
    // The group's factor may take an eighth off the range of 8, or 32 before down_proj.
    EXPECT_LT(largest, group == LinearGroup::kDown ? 28 : 7) << layer;
  };
  Value(model.Forward(batch, ActivationMode::kBf16, cache, workspace, observe));
  EXPECT_EQ(groups, 12 * 4);
  const double error = testing::RelativeError(AllLogits(loaded, prompt, {}, ActivationMode::kNvfp4),
                                              AllLogits(loaded, prompt));
  EXPECT_GT(error, 0.01);
  EXPECT_LT(error, 0.7);
}

TEST_F(SynthTest, ThreadsAndShardsChangeNoTensor) {
  Synthesize(Tiny(2), Folder("one"), {}, 1);
  Synthesize(Tiny(2), Folder("three"), {}, 3);
  testing::ExpectSameFiles(Folder("one"), Folder("three"));
  const SynthReport split = Synthesize(Tiny(2), Folder("split"), {.max_shard_bytes = 300'000});
  EXPECT_GT(split.shards, 3);
  testing::ExpectSameTensors(RawTensors(Folder("split")), RawTensors(Folder("one")));
  Synthesize(Tiny(2), Folder("seed"), {.seed = 1});
  const auto first = RawTensors(Folder("one"));
  for (const auto& [name, tensor] : RawTensors(Folder("seed"))) {
    EXPECT_NE(tensor.bytes, first.at(name).bytes) << name;
  }
}

/// More layers leave the tensors of the first ones as they are.
TEST_F(SynthTest, ATensorDependsOnItsNameAlone) {
  Synthesize(Tiny(1), Folder("one"));
  Synthesize(Tiny(2), Folder("two"));
  const auto two = RawTensors(Folder("two"));
  for (const auto& [name, tensor] : RawTensors(Folder("one"))) EXPECT_EQ(tensor, two.at(name));
}

/// Configurations need not be a known model's: here one whose MLP no block of 16 fits.
TEST_F(SynthTest, TakesAnyConfiguration) {
  SynthModel model = Tiny(2);
  auto config = nlohmann::ordered_json::parse(model.config_json);
  config["text_config"]["intermediate_size"] = 40;
  config.erase("audio_config");
  model.config_json = config.dump();
  const SynthReport made = Synthesize(model, Folder("s"));
  EXPECT_EQ(made.quantized, 2 * 6);
  const Checkpoint checkpoint = Value(Checkpoint::Open(Folder("s")));
  EXPECT_EQ(CheckCheckpoint(checkpoint, {}).findings.Count(Severity::kError), 0);
  model.config_json = "{}";
  ThreadPool pool(1);
  EXPECT_EQ(ErrorOf(SynthesizeCheckpoint(model, {}, Folder("t"), pool, {})).code,
            ErrorCode::kInvalidData);
  EXPECT_FALSE(std::filesystem::exists(Folder("t")));
}

TEST_F(SynthTest, LeavesNothingWhenStoppedOrRefused) {
  ThreadPool pool(2);
  int polls = 0;
  const RunControl control{.progress = {}, .cancelled = [&] { return ++polls > 20; }};
  EXPECT_EQ(ErrorOf(SynthesizeCheckpoint(Tiny(), {}, Folder("s"), pool, control)).code,
            ErrorCode::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));

  // A model that no disk holds: known before anything is written.
  SynthModel huge = Tiny(48);
  auto config = nlohmann::ordered_json::parse(huge.config_json);
  config["text_config"]["intermediate_size"] = 1'000'000;
  config["text_config"]["hidden_size"] = 60'000;
  config.erase("vision_config");
  huge.config_json = config.dump();
  const Error full =
      ErrorOf(SynthesizeCheckpoint(huge, {.format = SynthFormat::kBf16}, Folder("s"), pool, {}));
  EXPECT_EQ(full.code, ErrorCode::kIo);
  EXPECT_THAT(full.message, HasSubstr("TB needed, "));
  EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
}

void ExpectRoundTrips(const Tokenizer& tokenizer) {
  const std::vector<std::string> texts = {"",
                                          "Hello world!  Two spaces, a\ttab\r\nand\n\n\n\nlines.",
                                          "Café déjà vu — 123 😊 日本語 \u0301 ▁ \u2581x",
                                          std::string("nul\0inside", 10),
                                          "<unused0> <0x41> <|turn>user",
                                          R"({"quotes": "and \\ backslashes"})"};
  for (const std::string& text : texts) {
    const auto ids = tokenizer.EncodeUntrusted(text);
    std::string expected = text;  // the vocabulary spells a space as U+2581: both come back as one
    for (size_t at = 0; (at = expected.find("\u2581", at)) != std::string::npos;) {
      expected.replace(at, 3, " ");
    }
    EXPECT_EQ(tokenizer.Decode(ids), expected) << text;
    for (const int32_t id : ids) EXPECT_FALSE(tokenizer.IsSpecial(id)) << text;
  }
  std::string every_byte_pair;
  for (uint32_t point = 1; point < 0x800; ++point) {
    if (point >= 0x80) every_byte_pair += static_cast<char>(0xC0 | (point >> 6));
    every_byte_pair += static_cast<char>(point < 0x80 ? point : 0x80 | (point & 0x3F));
  }
  EXPECT_EQ(tokenizer.Decode(tokenizer.EncodeUntrusted(every_byte_pair)), every_byte_pair);
}

TEST(SynthTokenizerTest, The12BHas262144PiecesAndTheSpecialTokensInTheirPlaces) {
  const SynthModel model = Value(SynthModelLike("12b", {}));
  const std::string json = SynthTokenizerJson(model.vocabulary, 0);
  EXPECT_EQ(SynthTokenizerJson(model.vocabulary, 0), json);
  const Tokenizer tokenizer = Value(Tokenizer::Parse(json));
  EXPECT_EQ(tokenizer.vocabulary_size(), 262144);
  std::set<std::string_view> pieces;
  for (int32_t id = 0; id < 262144; ++id) {
    EXPECT_TRUE(pieces.insert(tokenizer.Piece(id)).second) << id << tokenizer.Piece(id);
  }
  EXPECT_FALSE(pieces.contains("")) << "no id is without a piece";
  const std::vector<std::pair<std::string, int32_t>> expected = {{"<pad>", 0},
                                                                 {"<eos>", 1},
                                                                 {"<bos>", 2},
                                                                 {"<unk>", 3},
                                                                 {"<mask>", 4},
                                                                 {"<|tool>", 46},
                                                                 {"<tool|>", 47},
                                                                 {"<|tool_call>", 48},
                                                                 {"<tool_call|>", 49},
                                                                 {"<|tool_response>", 50},
                                                                 {"<tool_response|>", 51},
                                                                 {"<|\"|>", 52},
                                                                 {"<|think|>", 98},
                                                                 {"<|channel>", 100},
                                                                 {"<channel|>", 101},
                                                                 {"<|turn>", 105},
                                                                 {"<turn|>", 106},
                                                                 {"<|image>", 255999},
                                                                 {"<|audio>", 256000},
                                                                 {"<|image|>", 258880},
                                                                 {"<|audio|>", 258881},
                                                                 {"<image|>", 258882},
                                                                 {"<audio|>", 258883},
                                                                 {"<|video|>", 258884}};
  for (const auto& [piece, id] : expected) {
    EXPECT_EQ(tokenizer.Find(piece), id) << piece;
    EXPECT_TRUE(tokenizer.IsSpecial(id)) << piece;
    EXPECT_EQ(tokenizer.Encode(piece), std::vector<int32_t>{id}) << piece;
  }
  EXPECT_EQ(tokenizer.Find("<0x00>"), 238);
  EXPECT_EQ(tokenizer.Find("<0xFF>"), 493);
  EXPECT_EQ(tokenizer.Encode("\n"), std::vector<int32_t>{107});
  EXPECT_EQ(tokenizer.Encode("\n\n"), std::vector<int32_t>{108});
  EXPECT_EQ(tokenizer.Encode("\n\n\n"), std::vector<int32_t>{109});
  EXPECT_EQ(tokenizer.Encode(" "), std::vector<int32_t>{236743});
  EXPECT_FALSE(tokenizer.AddsBos());
  ExpectRoundTrips(tokenizer);
}

/// Text is cut into pieces of several letters, most of all pieces can come out of some text, and
/// another seed makes others.
TEST(SynthTokenizerTest, MergesAreUsed) {
  const SynthModel model = Value(SynthModelLike("12b", {}));
  const Tokenizer tokenizer = Value(Tokenizer::Parse(SynthTokenizerJson(model.vocabulary, 0)));
  const std::string text = "the quick brown fox jumps over the lazy dog and keeps running";
  const size_t count = tokenizer.Encode(text).size();
  EXPECT_LT(count, text.size() / 2 + 8);
  int64_t reached = 0;
  for (int32_t id = 494; id < 262144; ++id) {
    const std::string piece = tokenizer.TokenBytes(id);
    reached += tokenizer.EncodeUntrusted(piece) == std::vector<int32_t>{id};
  }
  EXPECT_GT(reached, 20'000);
  const Tokenizer other = Value(Tokenizer::Parse(SynthTokenizerJson(model.vocabulary, 1)));
  EXPECT_NE(other.Piece(200'000), tokenizer.Piece(200'000));
}

TEST(SynthTokenizerTest, TinyIsACompleteVocabularyToo) {
  const SynthModel model = Tiny();
  const Tokenizer tokenizer = Value(Tokenizer::Parse(SynthTokenizerJson(model.vocabulary, 0)));
  EXPECT_EQ(tokenizer.vocabulary_size(), 4096);
  for (int32_t id = 0; id < 4096; ++id) EXPECT_NE(tokenizer.Piece(id), "") << id;
  EXPECT_EQ(tokenizer.Find("<|turn>"), 15);
  ExpectRoundTrips(tokenizer);
}

}  // namespace
}  // namespace facet
