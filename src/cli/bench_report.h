// What `facet bench` says, as text that grows while it measures, and as JSON. Internal to the
// command.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/summary.h"
#include "engine/session.h"
#include "kernels/device_limits.h"
#include "speed/measure.h"

namespace facet::cli {

/// What the figures depend on.
struct BenchSetting {
  const Session& session;
  CheckpointSummary summary;
  DeviceLimits limits;
  SpeedOptions options;
  std::string date;         ///< "2026-11-25T10:31:07Z"
  double load_seconds = 0;  ///< from opening the folder until a prompt could be answered
};

/// Everything above the table, and its heading.
std::string BenchHeading(const BenchSetting& setting);
/// A line of the table.
std::string BenchLine(const BenchSetting& setting, const SpeedResult& result);

nlohmann::ordered_json BenchJson(const BenchSetting& setting,
                                 const std::vector<SpeedResult>& results);

}  // namespace facet::cli
