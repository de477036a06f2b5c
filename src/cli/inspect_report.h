// What `facet inspect` says, as text and as JSON. Internal to the command.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/summary.h"
#include "kernels/backend_factory.h"
#include "kernels/device_info.h"

namespace facet::cli {

/// Everything that the report of a folder is made from.
struct Inspection {
  const Checkpoint& checkpoint;
  CheckpointSummary summary;
  DeviceInfo device;
  BackendChoice backend;  ///< what commands compute on unless told otherwise
};

std::string InspectionText(const Inspection& inspection);
nlohmann::ordered_json InspectionJson(const Inspection& inspection);

/// The header of a single .safetensors file.
std::string HeaderText(const std::string& file, const SafetensorsHeader& header);
nlohmann::ordered_json HeaderJson(const std::string& file, const SafetensorsHeader& header);

}  // namespace facet::cli
