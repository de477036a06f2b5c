// Writing a new checkpoint beside its source: weights, configurations, and every other file copied.
// The folder appears whole or not at all (base/file.h, StagedFolder).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/run_control.h"
#include "checkpoint/checkpoint.h"
#include "quant/shard_plan.h"

namespace facet {

/// What the new folder's configuration files are to say.
struct ExportedConfigs {
  std::string config_json;
  std::string hf_quant_config_json;  ///< empty: no such file
};

/// Names of the source's files that are copied as they are: all but weights, their indexes,
/// config.json and hf_quant_config.json, which are made anew. Files in subfolders are not.
Result<std::vector<std::string>> AuxiliaryFiles(const std::filesystem::path& source);

/// A staged folder for `target`. kUsage for a target inside the source, kIo as StagedFolder says.
Result<StagedFolder> StageTarget(const std::filesystem::path& source,
                                 const std::filesystem::path& target);

/// kIo, with both numbers, if the file system of `folder` has less than `bytes` to give.
Result<void> CheckFreeSpace(const std::filesystem::path& folder, int64_t bytes);

/// CheckFreeSpace() for a plan and the source's auxiliary files.
Result<void> CheckSpaceFor(const ShardPlan& plan, const std::filesystem::path& source,
                           const StagedFolder& folder);

/// The source's config.json, as it is.
Result<std::string> ReadConfigJson(const std::filesystem::path& source);

/// Writes everything and publishes the folder. The stage's name is for progress ("quantize").
Result<void> Export(const ShardPlan& plan, const ExportedConfigs& configs,
                    const std::filesystem::path& source, StagedFolder folder,
                    std::string_view stage, const RunControl& control);

/// A whole file of the new folder.
struct ExportedFile {
  std::string name;
  std::string contents;
};

/// Export() where there is no source: a plan's weights and these files.
Result<void> ExportWithFiles(const ShardPlan& plan, const std::vector<ExportedFile>& files,
                             StagedFolder folder, std::string_view stage,
                             const RunControl& control);

/// A tensor that is copied byte by byte. `source` must outlive the unit.
Unit CopiedTensor(const Checkpoint& source, const TensorInfo& tensor);

/// Bytes of all tensors of a checkpoint.
int64_t TensorBytes(const Checkpoint& checkpoint);

}  // namespace facet
