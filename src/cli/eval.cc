// facet eval: perplexity, and a comparison with a reference.
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/eval_protocol.h"
#include "cli/interrupt.h"
#include "cli/json_text.h"
#include "cli/session_flags.h"
#include "eval/logit_compare.h"
#include "eval/perplexity.h"

namespace facet::cli {
namespace {

using nlohmann::ordered_json;

struct Options {
  SessionFlags session;
  ProtocolFlags protocol;
  std::string reference;
  std::string reference_activations = "bf16";
  bool json = false;
};

constexpr const char* kProtocol =
    "The text is tokenized as it is, with no control tokens. --context 256 --bos cuts it into "
    "chunks of 255 tokens\n"
    "behind a BOS, each scored alone; a last partial chunk is dropped, unless the text is shorter "
    "than one. With\n"
    "--stride, windows overlap, and each scores only what the ones before did not. Without BOS the "
    "first token has\n"
    "nothing before it and is not scored. The generation configuration's suppressed tokens are not "
    "taken out.\n"
    "docs/evaluation.md says what the numbers mean.\n\n";

const std::string kPerplexityFooter =
    std::string(kProtocol) +
    "Examples:\n"
    "  facet eval perplexity models/tiny --text models/tiny/heldout.txt --context 256 --bos\n"
    "  facet eval perplexity /tmp/tiny-nvfp4 --text models/tiny/heldout.txt --activations nvfp4 "
    "--json";

const std::string kCompareFooter =
    std::string(kProtocol) +
    "Examples:\n"
    "  facet eval compare /tmp/tiny-nvfp4 --reference models/tiny --text models/tiny/heldout.txt "
    "--context 256 --bos\n"
    "  facet eval compare /tmp/tiny-nvfp4 --reference models/tiny --text models/tiny/heldout.txt "
    "--activations nvfp4";

void PrintWarnings(const ScoredText& text) {
  for (const std::string& warning : text.warnings) {
    fmt::print(stderr, "facet: warning: {}\n", warning);
  }
}

/// What a report of a measurement that was stopped says first.
void PrintExtent(const ScoredText& text, const PerplexityReport& report) {
  if (!report.partial) return;
  fmt::print("partial      interrupted: {} of {} tokens scored, the numbers are of these alone\n",
             report.tokens, text.to_score);
}

int ExitCodeFor(const PerplexityReport& report) {
  return report.partial ? kExitCancelled : kExitOk;
}

ordered_json ModeJson(const Session& session) {
  return {{"model", session.checkpoint().folder().string()},
          {"activations", NameOf(session.activations())},
          {"backend", session.model().backend().name()}};
}

void PrintPerplexity(const Session& session, const ScoredText& text,
                     const PerplexityReport& report) {
  PrintExtent(text, report);
  fmt::print("perplexity   {:.5f}\n", report.perplexity);
  fmt::print("mean NLL     {:.6f} nats a token\n", report.mean_nll);
  fmt::print("protocol     {}\n", Describe(text, report.tokens));
  fmt::print("mode         activations {}, backend {}\n", NameOf(session.activations()),
             session.model().backend().name());
}

ordered_json PerplexityJson(const Session& session, const ScoredText& text,
                            const PerplexityReport& report) {
  ordered_json document = {{"partial", report.partial},
                           {"perplexity", report.perplexity},
                           {"mean_nll", report.mean_nll},
                           {"tokens", report.tokens}};
  AddProtocol(text, document);
  document.update(ModeJson(session));
  return document;
}

Result<int> RunPerplexity(const Options& options) {
  FACET_TRY(const auto session, options.session.Open());
  FACET_TRY(const ScoredText text, PrepareText(*session, options.protocol));
  PrintWarnings(text);
  ThreadPool threads(options.session.compute.PoolSize());
  const InterruptGuard interrupt;
  FACET_TRY(const PerplexityReport report,
            MeasurePerplexity({&session->model(), session->activations()}, text.tokens,
                              text.protocol, threads, TerminalControl(interrupt)));
  if (options.json) {
    fmt::print("{}\n", JsonText(PerplexityJson(*session, text, report)));
  } else {
    PrintPerplexity(*session, text, report);
  }
  return ExitCodeFor(report);
}

/// Numbers of two models with different tokens for the same text would mean nothing.
Result<void> CheckSameTokens(const Session& reference, const ProtocolFlags& flags,
                             const ScoredText& text) {
  FACET_TRY(const ScoredText other, PrepareText(reference, flags));
  if (other.tokens == text.tokens && other.protocol.prefix == text.protocol.prefix) return {};
  return Fail(ErrorCode::kUsage, "the two checkpoints' tokenizers cut the text differently");
}

void PrintComparison(const Session& session, const Session& reference, const ScoredText& text,
                     const ComparisonReport& report) {
  PrintExtent(text, report.candidate);
  fmt::print("KL(reference || candidate), nats a token\n");
  fmt::print("  mean       {:.6f}\n  median     {:.6f}\n  99 %       {:.6f}\n", report.mean_kl,
             report.median_kl, report.p99_kl);
  fmt::print("  99.9 %     {:.6f}\n  maximum    {:.6f}\n", report.p999_kl, report.max_kl);
  fmt::print("same top-1   {:.3f} %\n", 100 * report.same_top1);
  fmt::print("perplexity   {:.5f}, reference {:.5f}, ratio {:.6f}\n", report.candidate.perplexity,
             report.reference.perplexity,
             report.candidate.perplexity / report.reference.perplexity);
  fmt::print("protocol     {}\n", Describe(text, report.candidate.tokens));
  fmt::print("mode         activations {}, reference {}, backend {}\n",
             NameOf(session.activations()), NameOf(reference.activations()),
             session.model().backend().name());
}

ordered_json ComparisonJson(const Session& session, const Session& reference,
                            const ScoredText& text, const ComparisonReport& report) {
  ordered_json document = {
      {"partial", report.candidate.partial},
      {"mean_kl", report.mean_kl},
      {"median_kl", report.median_kl},
      {"p99_kl", report.p99_kl},
      {"p999_kl", report.p999_kl},
      {"max_kl", report.max_kl},
      {"same_top1", report.same_top1},
      {"perplexity", report.candidate.perplexity},
      {"reference_perplexity", report.reference.perplexity},
      {"perplexity_ratio", report.candidate.perplexity / report.reference.perplexity},
      {"tokens", report.candidate.tokens}};
  AddProtocol(text, document);
  document.update(ModeJson(session));
  document["reference"] = reference.checkpoint().folder().string();
  document["reference_activations"] = NameOf(reference.activations());
  return document;
}

Result<int> RunCompare(const Options& options) {
  FACET_TRY(const auto session, options.session.Open());
  FACET_TRY(const auto reference,
            options.session.Open(options.reference, options.reference_activations));
  FACET_TRY(const ScoredText text, PrepareText(*session, options.protocol));
  FACET_RETURN_IF_ERROR(CheckSameTokens(*reference, options.protocol, text));
  PrintWarnings(text);
  ThreadPool threads(options.session.compute.PoolSize());
  const InterruptGuard interrupt;
  FACET_TRY(const ComparisonReport report,
            CompareModels({&reference->model(), reference->activations()},
                          {&session->model(), session->activations()}, text.tokens, text.protocol,
                          threads, TerminalControl(interrupt)));
  if (options.json) {
    fmt::print("{}\n", JsonText(ComparisonJson(*session, *reference, text, report)));
  } else {
    PrintComparison(*session, *reference, text, report);
  }
  return ExitCodeFor(report.candidate);
}

std::shared_ptr<Options> AddCommonOptions(CLI::App& command) {
  auto options = std::make_shared<Options>();
  options->session.AddTo(command);
  options->protocol.AddTo(command);
  command.add_flag("--json", options->json, "Print JSON");
  return options;
}

void AddPerplexity(CLI::App& eval, Action& action) {
  CLI::App* command = eval.add_subcommand("perplexity", "How well the model predicts a text");
  const auto options = AddCommonOptions(*command);
  command->footer(kPerplexityFooter);
  command->callback([options, &action] { action = [options] { return RunPerplexity(*options); }; });
}

void AddCompare(CLI::App& eval, Action& action) {
  CLI::App* command =
      eval.add_subcommand("compare", "How far predictions are from a reference's, token by token");
  const auto options = AddCommonOptions(*command);
  command->add_option("--reference", options->reference, "Checkpoint folder of the reference")
      ->required();
  command
      ->add_option("--reference-activations", options->reference_activations,
                   "As --activations, for the reference")
      ->capture_default_str();
  command->footer(kCompareFooter);
  command->callback([options, &action] { action = [options] { return RunCompare(*options); }; });
}

}  // namespace

void RegisterEval(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("eval", "Measure: perplexity, distance to a reference");
  command->require_subcommand(1);
  AddPerplexity(*command, action);
  AddCompare(*command, action);
}

}  // namespace facet::cli
