// What `facet inspect` says, as text and as JSON. Internal to the command.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/summary.h"
#include "kernels/backend_factory.h"
#include "kernels/device_info.h"
#include "kernels/routes.h"
#include "model/memory_plan.h"

namespace facet::cli {

/// The memory that a sequence would take here.
struct InspectedMemory {
  int64_t available = 0;
  MemoryPlan plan;              ///< of one sequence as long as the model takes
  int64_t largest_context = 0;  ///< what fits
};

/// Everything that the report of a folder is made from.
struct Inspection {
  const Checkpoint& checkpoint;
  CheckpointSummary summary;
  DeviceInfo device;
  BackendChoice backend;  ///< what commands compute on unless told otherwise
  std::vector<Route> routes;
  InspectedMemory memory;
};

std::string InspectionText(const Inspection& inspection);
nlohmann::ordered_json InspectionJson(const Inspection& inspection);

/// The header of a single .safetensors file.
std::string HeaderText(const std::string& file, const SafetensorsHeader& header);
nlohmann::ordered_json HeaderJson(const std::string& file, const SafetensorsHeader& header);

}  // namespace facet::cli
