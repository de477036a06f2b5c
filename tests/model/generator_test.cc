// The generator on models/tiny (window 64): what ends an answer, what is reused, and that neither
// reuse nor the cut of the prompt changes a token.
#include <gtest/gtest.h>

#include "testing/paths.h"
#include "testing/sessions.h"

namespace facet {
namespace {

using testing::ErrorOf;
using testing::Generate;
using testing::GoldenPath;
using testing::Greedy;
using testing::IdsOf;
using testing::OpenSession;
using testing::SourcePath;
using testing::UserPrompt;
using testing::Value;

class GeneratorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { session_ = OpenSession(SourcePath("models/tiny"), "cpu"); }
  static void TearDownTestSuite() { session_.reset(); }

  static Prompt TextPrompt(const std::string& text) {
    return {.tokens = session_->tokenizer().Encode(text), .media = {}};
  }
  static Part Image(const std::string& file) {
    return Value(session_->ReadImage(GoldenPath(file)));
  }
  /// `prompt` answered by a generator that has seen nothing before.
  static std::vector<int32_t> Fresh(const Prompt& prompt, int64_t max_tokens, int64_t chunk = 512) {
    Generator generator(session_->model(), {.chunk = chunk});
    return IdsOf(Generate(generator, prompt, Greedy(*session_, max_tokens)));
  }
  /// Some hundred tokens of prose.
  static Prompt LongPrompt() {
    std::string text = "<bos>";
    for (int i = 0; i < 6; ++i) {
      text +=
          "It is the duty of the Congress to make the necessary appropriation for the support "
          "of the Army and Navy. Call me Ishmael, said the old man of the sea. ";
    }
    return TextPrompt(text);
  }
  static Conversation Question(const std::string& text) {
    Conversation conversation;
    conversation.messages.push_back({.role = "user", .content = text});
    return conversation;
  }

  static std::unique_ptr<Session> session_;
};

std::unique_ptr<Session> GeneratorTest::session_;

TEST_F(GeneratorTest, TheChunkSizeChangesNoToken) {
  const Prompt prompt = LongPrompt();
  const std::vector<int32_t> whole = Fresh(prompt, 24);
  for (const int64_t chunk : {1, 7, 64, 65, 100}) EXPECT_EQ(Fresh(prompt, 24, chunk), whole);
}

TEST_F(GeneratorTest, AChunkGrowsToAnImage) {
  const Prompt prompt = UserPrompt(*session_, {Image("circle.png")}, "What is in the image?");
  EXPECT_EQ(Fresh(prompt, 20, 16), Fresh(prompt, 20));
}

TEST_F(GeneratorTest, AnyStopTokenEndsTheAnswer) {
  GenerationParams params = Greedy(*session_, 64);
  Generator generator(session_->model(), {});
  const Prompt prompt = Value(session_->prompts().Build(Question("What is 7 plus 5?")));
  const Generation all = Generate(generator, prompt, params);
  EXPECT_EQ(all.finish_reason, FinishReason::kStop);
  EXPECT_EQ(all.tokens.back().id, 16);  // <turn|>
  params.stop_tokens = {999, all.tokens[2].id};
  const Generation cut = Generate(generator, prompt, params);
  EXPECT_EQ(cut.finish_reason, FinishReason::kStop);
  EXPECT_EQ(cut.tokens.size(), 3u);
}

TEST_F(GeneratorTest, SuppressedTokensNeverComeGreedyIncluded) {
  GenerationParams params = Greedy(*session_, 16);
  Generator generator(session_->model(), {});
  const Prompt prompt = Value(session_->prompts().Build(Question("What is 7 plus 5?")));
  const std::vector<int32_t> ids = IdsOf(Generate(generator, prompt, params));
  params.suppress_tokens = {ids[0], ids[3]};
  for (const int32_t id : IdsOf(Generate(generator, prompt, params))) {
    EXPECT_NE(id, ids[0]);
    EXPECT_NE(id, ids[3]);
  }
}

TEST_F(GeneratorTest, LengthEndsTheAnswer) {
  Generator generator(session_->model(), {});
  const Generation answer = Generate(generator, LongPrompt(), Greedy(*session_, 5));
  EXPECT_EQ(answer.finish_reason, FinishReason::kLength);
  EXPECT_EQ(answer.tokens.size(), 5u);
}

TEST_F(GeneratorTest, TheContextEndsTheAnswer) {
  const Prompt prompt = LongPrompt();
  const auto tokens = static_cast<int64_t>(prompt.tokens.size());
  Generator generator(session_->model(), {.context = tokens + 2});
  const Generation answer = Generate(generator, prompt, Greedy(*session_, 100));
  EXPECT_EQ(answer.finish_reason, FinishReason::kLength);
  EXPECT_EQ(answer.tokens.size(), 2u);
}

TEST_F(GeneratorTest, APromptBeyondTheContextNamesBothNumbers) {
  const Prompt prompt = LongPrompt();
  const auto tokens = static_cast<int64_t>(prompt.tokens.size());
  const std::atomic<bool> never{false};
  const auto ignore = [](const GeneratedToken&) { return true; };
  Generator generator(session_->model(), {.context = tokens});
  const Error error = ErrorOf(generator.Generate(prompt, Greedy(*session_, 1), ignore, never));
  EXPECT_EQ(error.code, ErrorCode::kResource);
  EXPECT_NE(error.message.find(std::to_string(tokens)), std::string::npos) << error.message;
  // The model's own limit holds whatever the caller asks for.
  Generator unlimited(session_->model(), {.context = 1'000'000});
  EXPECT_EQ(unlimited.context(), 4096);
}

TEST_F(GeneratorTest, ImpossibleRequestsAreUsageErrors) {
  const std::atomic<bool> never{false};
  const auto ignore = [](const GeneratedToken&) { return true; };
  Generator generator(session_->model(), {});
  EXPECT_EQ(ErrorOf(generator.Generate({}, Greedy(*session_, 1), ignore, never)).code,
            ErrorCode::kUsage);
  EXPECT_EQ(ErrorOf(generator.Generate(LongPrompt(), Greedy(*session_, 0), ignore, never)).code,
            ErrorCode::kUsage);
  Prompt outside = LongPrompt();
  outside.tokens.push_back(4096);
  EXPECT_EQ(ErrorOf(generator.Generate(outside, Greedy(*session_, 1), ignore, never)).code,
            ErrorCode::kUsage);
}

TEST_F(GeneratorTest, CancelEndsAtTheNextStep) {
  std::atomic<bool> cancelled{true};
  Generator generator(session_->model(), {});
  const auto ignore = [](const GeneratedToken&) { return true; };
  const Generation none =
      Value(generator.Generate(LongPrompt(), Greedy(*session_, 9), ignore, cancelled));
  EXPECT_EQ(none.finish_reason, FinishReason::kCancelled);
  EXPECT_TRUE(none.tokens.empty());

  cancelled = false;
  const auto cancel_at_three = [&, count = 0](const GeneratedToken&) mutable {
    cancelled = ++count == 3;
    return true;
  };
  const Generation three =
      Value(generator.Generate(LongPrompt(), Greedy(*session_, 9), cancel_at_three, cancelled));
  EXPECT_EQ(three.finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(three.tokens.size(), 3u);

  cancelled = false;
  const auto refuse_second = [count = 0](const GeneratedToken&) mutable { return ++count < 2; };
  const Generation two =
      Value(generator.Generate(LongPrompt(), Greedy(*session_, 9), refuse_second, cancelled));
  EXPECT_EQ(two.finish_reason, FinishReason::kCancelled);
  EXPECT_EQ(two.tokens.size(), 2u);
}

TEST_F(GeneratorTest, AConversationIsNotComputedAnew) {
  Generator generator(session_->model(), {});
  Conversation conversation = Question("What is the capital of France?");
  const Prompt first = Value(session_->prompts().Build(conversation));
  const Generation answer = Generate(generator, first, Greedy(*session_, 32));
  conversation.messages.push_back(
      {.role = "assistant", .content = std::string("The capital of France is Paris.")});
  conversation.messages.push_back({.role = "user", .content = std::string("What is 7 plus 5?")});
  const Prompt second = Value(session_->prompts().Build(conversation));
  const Generation next = Generate(generator, second, Greedy(*session_, 32));
  // They part behind "<|turn>model\n": the first goes on with an empty thought of five tokens.
  EXPECT_EQ(next.reused_tokens, static_cast<int64_t>(first.tokens.size()) - 5);
  EXPECT_EQ(IdsOf(next), Fresh(second, 32));
  EXPECT_EQ(answer.reused_tokens, 0);
}

TEST_F(GeneratorTest, GoingBackFurtherThanTheRingsStartsOver) {
  // A ring holds 63 + 8 rows here, so the prose's first half cannot be seen again.
  Generator generator(session_->model(), {.chunk = 8});
  const Prompt prose = LongPrompt();
  Generate(generator, prose, Greedy(*session_, 4));
  Prompt other = prose;
  other.tokens.resize(prose.tokens.size() / 2);
  other.tokens.push_back(400);
  const Generation answer = Generate(generator, other, Greedy(*session_, 2));
  EXPECT_EQ(answer.reused_tokens, 0);
  EXPECT_EQ(IdsOf(answer), Fresh(other, 2));
  // Up to a chunk back is fine; once more, because rows once overwritten stay lost.
  for (const size_t back : {3u, 5u}) {
    Prompt near = other;
    near.tokens.resize(other.tokens.size() - back);
    near.tokens.push_back(500);
    const Generation again = Generate(generator, near, Greedy(*session_, 2));
    EXPECT_EQ(IdsOf(again), Fresh(near, 2));
    EXPECT_EQ(again.reused_tokens, static_cast<int64_t>(near.tokens.size()) - 1);
  }
}

TEST_F(GeneratorTest, AnotherImageBehindTheSameTokensIsComputed) {
  Generator generator(session_->model(), {});
  Prompt circle = UserPrompt(*session_, {Image("gray.png")}, "What is in the image?");
  Prompt triangle = UserPrompt(*session_, {Image("large.png")}, "What is in the image?");
  ASSERT_EQ(circle.tokens, triangle.tokens);  // 63 soft tokens each
  const Generation first = Generate(generator, circle, Greedy(*session_, 20));
  const Generation second = Generate(generator, triangle, Greedy(*session_, 20));
  EXPECT_EQ(second.reused_tokens, triangle.media[0].first_token);
  EXPECT_EQ(IdsOf(second), Fresh(triangle, 20));
  EXPECT_NE(IdsOf(first), IdsOf(second));
  const Generation again = Generate(generator, triangle, Greedy(*session_, 20));
  EXPECT_EQ(again.reused_tokens, static_cast<int64_t>(triangle.tokens.size()) - 1);
  EXPECT_EQ(IdsOf(again), IdsOf(second));
}

TEST_F(GeneratorTest, ScoresAreThoseOfTheModel) {
  GenerationParams params = Greedy(*session_, 4);
  params.top_logprobs = 3;
  Generator generator(session_->model(), {});
  const Generation answer = Generate(generator, LongPrompt(), params);
  for (const GeneratedToken& token : answer.tokens) {
    ASSERT_EQ(token.scores.size(), 4u);
    EXPECT_EQ(token.scores[0].id, token.id);
    EXPECT_EQ(token.scores[1].id, token.id);  // greedy takes the likeliest
    EXPECT_LE(token.scores[0].logprob, 0);
    EXPECT_GE(token.scores[1].logprob, token.scores[2].logprob);
  }
}

TEST_F(GeneratorTest, TheSameSeedGivesTheSameAnswer) {
  GenerationParams params = Greedy(*session_, 30);
  params.sampling = {.temperature = 1.5, .top_k = 0, .top_p = 1, .seed = 99};
  Generator generator(session_->model(), {});
  const std::vector<int32_t> first = IdsOf(Generate(generator, LongPrompt(), params));
  EXPECT_EQ(IdsOf(Generate(generator, LongPrompt(), params)), first);
  params.sampling.seed = 100;
  EXPECT_NE(IdsOf(Generate(generator, LongPrompt(), params)), first);
}

TEST(SessionTest, NvFp4ActivationsNeedNvfp4Weights) {
  const Result<std::unique_ptr<Session>> session =
      Session::Open({.folder = SourcePath("models/tiny"),
                     .backend = "ref",
                     .threads = 0,
                     .activations = ActivationMode::kNvfp4,
                     .max_soft_tokens = std::nullopt});
  EXPECT_EQ(ErrorOf(session).code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace facet
