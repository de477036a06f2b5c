#include "cli/bench_report.h"

#include <cmath>
#include <iterator>

#include "base/file.h"
#include "cli/numbers.h"

namespace facet::cli {
namespace {

using Json = nlohmann::ordered_json;

/// One measured case in the units of the report. Rates are those of the median.
struct Figures {
  double tokens_per_second = 0;
  double least = 0;  // tokens/s of the slowest repetition
  double most = 0;
  double gigabytes_per_second = 0;
  double teraflops = 0;
  double share_of_read = 0;
  double share_of_compute = 0;
};

Figures FiguresOf(const BenchSetting& setting, const SpeedResult& result) {
  const auto tokens = static_cast<double>(result.what.tokens * result.what.batch);
  const double median = result.median();
  const Floor floor = FloorOf(result.cost, setting.limits, setting.session.activations());
  return {.tokens_per_second = tokens / median,
          .least = tokens / result.seconds.back(),
          .most = tokens / result.seconds.front(),
          .gigabytes_per_second = result.cost.bytes / median / 1e9,
          .teraflops = result.cost.operations() / median / 1e12,
          .share_of_read = floor.read_seconds / median,
          .share_of_compute = floor.compute_seconds / median};
}

std::string NameOf(const SpeedCase& what) {
  switch (what.kind) {
    case SpeedKind::kPrefill:
      return fmt::format("prefill {}", what.tokens);
    case SpeedKind::kDecode:
      return fmt::format("decode {} at {}, batch {}", what.tokens, what.depth, what.batch);
    case SpeedKind::kFirstToken:
      break;
  }
  return fmt::format("first token, prompt {}", what.tokens);
}

/// Three digits at least, whole from 100 on.
std::string Rate(double rate) {
  return rate >= 100 ? Grouped(std::llround(rate)) : fmt::format("{:.3g}", rate);
}

Json LimitsJson(const DeviceLimits& limits) {
  return {{"read_gb_per_second", limits.read / 1e9},
          {"bf16_tflop_per_second", limits.bf16 / 1e12},
          {"w4a16_tflop_per_second", limits.w4a16 / 1e12},
          {"w4a4_tflop_per_second", limits.w4a4 / 1e12},
          {"arithmetic", limits.arithmetic}};
}

Json CaseJson(const SpeedCase& what) {
  switch (what.kind) {
    case SpeedKind::kPrefill:
      return {{"prompt_tokens", what.tokens}};
    case SpeedKind::kDecode:
      return {{"depth", what.depth}, {"batch", what.batch}, {"decode_tokens", what.tokens}};
    case SpeedKind::kFirstToken:
      break;
  }
  return {{"prompt_tokens", what.tokens}};
}

void AddSeconds(const SpeedResult& result, Json& json) {
  json["seconds"] = result.median();
  json["seconds_min"] = result.seconds.front();
  json["seconds_max"] = result.seconds.back();
}

Json ResultJson(const BenchSetting& setting, const SpeedResult& result) {
  const Figures figures = FiguresOf(setting, result);
  Json json = CaseJson(result.what);
  json["tokens_per_second"] = figures.tokens_per_second;
  json["tokens_per_second_min"] = figures.least;
  json["tokens_per_second_max"] = figures.most;
  AddSeconds(result, json);
  json["bytes"] = result.cost.bytes;
  json["operations"] = result.cost.operations();
  json["gb_per_second"] = figures.gigabytes_per_second;
  json["tflop_per_second"] = figures.teraflops;
  json["share_of_read_limit"] = figures.share_of_read;
  json["share_of_compute_limit"] = figures.share_of_compute;
  return json;
}

Json FirstTokenJson(const SpeedResult& result) {
  Json json = CaseJson(result.what);
  AddSeconds(result, json);
  return json;
}

const char* KeyOf(SpeedKind kind) {
  switch (kind) {
    case SpeedKind::kPrefill:
      return "prefill";
    case SpeedKind::kDecode:
      return "decode";
    case SpeedKind::kFirstToken:
      break;
  }
  return "time_to_first_token";
}

}  // namespace

std::string BenchHeading(const BenchSetting& setting) {
  std::string text;
  auto out = std::back_inserter(text);
  const Checkpoint& checkpoint = setting.session.checkpoint();
  const DeviceLimits& limits = setting.limits;
  fmt::format_to(out, "model    {}: {}, {} parameters, {}\n", checkpoint.folder().string(),
                 DescriptionOf(checkpoint.format()), Grouped(setting.summary.parameters),
                 HumanBytes(static_cast<uint64_t>(setting.summary.bytes)));
  fmt::format_to(out, "device   {}; backend {}\n", limits.device,
                 setting.session.model().backend().name());
  fmt::format_to(out, "date     {}\n", setting.date);
  fmt::format_to(out, "mode     activations {}, prefill in chunks of {}; medians of {}\n",
                 NameOf(setting.session.activations()), setting.options.chunk,
                 setting.options.repetitions);
  fmt::format_to(out, "load     ready to answer after {:.2f} s\n", setting.load_seconds);
  fmt::format_to(out, "limits   read {:.4g} GB/s; TFLOP/s BF16 {:.3g}, W4A16 {:.3g}, W4A4 {:.3g}\n",
                 limits.read / 1e9, limits.bf16 / 1e12, limits.w4a16 / 1e12, limits.w4a4 / 1e12);
  fmt::format_to(out, "         ({})\n", limits.arithmetic);
  for (const Route& route : setting.session.routes()) {
    fmt::format_to(out, "route    {}\n", Describe(route));
  }
  text += '\n';
  fmt::format_to(out, "{:<32}{:>10}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}  {}\n", "test", "tokens/s",
                 "min", "max", "GB/s", "of limit", "TFLOP/s", "of limit", "bound by");
  return text;
}

std::string BenchLine(const BenchSetting& setting, const SpeedResult& result) {
  const std::string name = NameOf(result.what);
  if (!result.left_out.empty()) return fmt::format("{:<32}left out: {}\n", name, result.left_out);
  if (result.what.kind == SpeedKind::kFirstToken) {
    return fmt::format("{:<32}{:.1f} ms ({:.1f} to {:.1f})\n", name, 1e3 * result.median(),
                       1e3 * result.seconds.front(), 1e3 * result.seconds.back());
  }
  const Figures figures = FiguresOf(setting, result);
  return fmt::format("{:<32}{:>10}{:>10}{:>10}{:>9}{:>7.1f} %{:>9}{:>7.1f} %  {}\n", name,
                     Rate(figures.tokens_per_second), Rate(figures.least), Rate(figures.most),
                     Rate(figures.gigabytes_per_second), 100 * figures.share_of_read,
                     Rate(figures.teraflops), 100 * figures.share_of_compute,
                     figures.share_of_read > figures.share_of_compute ? "reading" : "arithmetic");
}

Json BenchJson(const BenchSetting& setting, const std::vector<SpeedResult>& results) {
  const Checkpoint& checkpoint = setting.session.checkpoint();
  Json json = {{"model", checkpoint.folder().string()},
               {"format", NameOf(checkpoint.format())},
               {"parameters", setting.summary.parameters},
               {"weight_bytes", setting.summary.bytes},
               {"backend", setting.session.model().backend().name()},
               {"device", setting.limits.device},
               {"date", setting.date},
               {"activations", NameOf(setting.session.activations())},
               {"chunk", setting.options.chunk},
               {"context", setting.options.context},
               {"repetitions", setting.options.repetitions},
               {"load_seconds", setting.load_seconds},
               {"limits", LimitsJson(setting.limits)},
               {"prefill", Json::array()},
               {"decode", Json::array()},
               {"time_to_first_token", nullptr},
               {"left_out", Json::array()}};
  for (const SpeedResult& result : results) {
    const SpeedKind kind = result.what.kind;
    if (!result.left_out.empty()) {
      Json entry = {{"test", KeyOf(kind)}};
      entry.update(CaseJson(result.what));
      entry["reason"] = result.left_out;
      json["left_out"].push_back(std::move(entry));
    } else if (kind == SpeedKind::kFirstToken) {
      json[KeyOf(kind)] = FirstTokenJson(result);
    } else {
      json[KeyOf(kind)].push_back(ResultJson(setting, result));
    }
  }
  json["warnings"] = setting.session.warnings();
  return json;
}

}  // namespace facet::cli
