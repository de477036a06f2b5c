// facet run: one answer to one prompt.
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/answer.h"
#include "cli/command.h"
#include "cli/generation_flags.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/session_flags.h"
#include "cli/streams.h"
#include "text/utf8.h"

namespace facet::cli {
namespace {

struct Options {
  SessionFlags session;
  GenerationFlags generation;
  std::string prompt;
  std::vector<std::string> images;
  std::vector<std::string> sounds;
  std::string system;
  bool think = false;
  bool raw = false;
  bool json = false;
  std::optional<int64_t> logprobs;
};

constexpr const char* kFooter =
    "The answer goes to standard output while it is made; thinking, tool calls, warnings and a "
    "line "
    "of statistics\n"
    "go to stderr. Images stand before sounds, and both directly before the prompt's text. "
    "Ctrl-C ends the answer\n"
    "cleanly (exit code 130). Text of PROMPT and --system never becomes a control token.\n\n"
    "--raw takes PROMPT as it is, control tokens recognized and nothing added, no <bos> either: "
    "write it yourself.\n"
    "The output is then the model's tokens as text, control tokens by name, the stop token left "
    "out.\n\n"
    "Examples:\n"
    "  facet run models/tiny 'What is the capital of France?'\n"
    "  facet run models/tiny 'What is in the image?' --image cat.png --temperature 0\n"
    "  facet run models/tiny --think --json 'What is 7 plus 5?' | jq -r .reasoning\n"
    "  facet run models/tiny - < question.txt\n"
    "  facet run models/tiny --raw '<bos>It is the duty of' --max-tokens 32";

Result<void> CheckOptions(const Options& options) {
  if (options.logprobs && !options.json) {
    return Fail(ErrorCode::kUsage, "--logprobs needs --json");
  }
  const bool dressed = !options.images.empty() || !options.sounds.empty() || options.think ||
                       !options.system.empty();
  if (options.raw && dressed) {
    return Fail(ErrorCode::kUsage,
                "--raw takes the prompt as it is: no --image, --audio, --system or --think");
  }
  return {};
}

Result<Prompt> RawPrompt(const Session& session, const std::string& text) {
  if (!IsValidUtf8(text)) return Fail(ErrorCode::kInvalidData, "the prompt is not valid UTF-8");
  return Prompt{.tokens = session.tokenizer().Encode(text), .media = {}};
}

Result<Prompt> ChatPrompt(const Session& session, const Options& options, std::string text) {
  std::vector<Part> parts;
  for (const std::string& path : options.images) {
    FACET_TRY(Part image, session.ReadImage(path));
    parts.push_back(std::move(image));
  }
  for (const std::string& path : options.sounds) {
    FACET_TRY(Part sound, session.ReadAudio(path));
    parts.push_back(std::move(sound));
  }
  parts.push_back(TextPart{std::move(text)});
  Conversation conversation;
  if (!options.system.empty()) {
    conversation.messages.push_back({.role = "system", .content = options.system});
  }
  conversation.messages.push_back({.role = "user", .content = std::move(parts)});
  conversation.enable_thinking = options.think;
  return session.prompts().Build(std::move(conversation));
}

Result<int> Run(const Options& options) {
  FACET_RETURN_IF_ERROR(CheckOptions(options));
  FACET_TRY(std::string text, TextOrStandardInput(options.prompt));
  FACET_TRY(const auto session, options.session.Open(options.generation.context));
  FACET_TRY(GenerationParams params, options.generation.Params(session->checkpoint().generation()));
  params.top_logprobs = options.logprobs;
  FACET_TRY(Prompt prompt, options.raw ? RawPrompt(*session, text)
                                       : ChatPrompt(*session, options, std::move(text)));

  IgnoreBrokenPipes();
  if (!options.json) PrintRoutes(*session);
  const InterruptGuard interrupt;
  Generator generator(session->model(), {.activations = session->activations(),
                                         .context = options.generation.context});
  FACET_TRY(const Answer answer,
            MakeAnswer(*session, generator, std::move(prompt), params,
                       {.raw = options.raw, .stream = !options.json}, interrupt.interrupted()));
  if (options.json) {
    if (!WriteNow(JsonLine(ToJson(*session, answer, params)) + "\n")) {
      return tl::unexpected<Error>(OutputError());
    }
  } else {
    fmt::print(stderr, "facet: {}\n", Statistics(*session, answer));
  }
  return answer.generation.finish_reason == FinishReason::kCancelled ? kExitCancelled : kExitOk;
}

}  // namespace

void RegisterRun(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("run", "One answer to a prompt, with images and sounds");
  auto options = std::make_shared<Options>();
  options->session.AddTo(*command);
  command->add_option("PROMPT", options->prompt, "The question; \"-\": standard input")->required();
  command->add_option("--image", options->images, "PNG, JPEG or WebP file; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--audio", options->sounds, "WAV, FLAC, MP3 or Ogg file; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--system", options->system, "System message");
  command->add_flag("--think", options->think, "Let the model think before it answers");
  options->generation.AddTo(*command);
  options->session.AddImageBudgetTo(*command);
  command->add_flag("--raw", options->raw,
                    "No chat template: the prompt as it is, the tokens as they are");
  command->add_flag("--json", options->json, "Print one JSON object at the end instead of text");
  command
      ->add_option("--logprobs", options->logprobs,
                   "With --json: log probabilities, with this many likeliest tokens beside each")
      ->check(CLI::Range(int64_t{0}, int64_t{100}));
  command->footer(kFooter);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

}  // namespace facet::cli
