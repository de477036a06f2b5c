#include "quant/export.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/statvfs.h>

namespace facet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxConfigBytes = 16'000'000;  // config.json is a few thousand

/// Weights in the formats that hubs keep side by side: no copy of them belongs into a folder whose
/// weights are new.
constexpr std::array<std::string_view, 12> kWeightEndings = {
    ".safetensors", ".safetensors.index.json",
    ".bin",         ".bin.index.json",
    ".pt",          ".pth",
    ".ckpt",        ".gguf",
    ".onnx",        ".h5",
    ".npz",         ".msgpack"};

bool IsRegenerated(std::string_view name) {
  return name == "config.json" || name == "hf_quant_config.json" ||
         std::ranges::any_of(kWeightEndings, [&](auto ending) { return name.ends_with(ending); });
}

/// True if `path` is `folder` or below it, symbolic links resolved.
bool IsWithin(const fs::path& path, const fs::path& folder) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(path, error);
  const fs::path outer = fs::weakly_canonical(folder, error);
  const auto [end, ignored] = std::ranges::mismatch(outer, inner);
  return end == outer.end();
}

Result<void> CopyFile(const fs::path& from, const fs::path& to) {
  FACET_TRY(const MappedFile file, MappedFile::Open(from));
  FACET_TRY(FileWriter writer, FileWriter::Create(to));
  FACET_RETURN_IF_ERROR(writer.Append(file.bytes()));
  return writer.Close();
}

Result<void> WriteShard(const PlannedShard& shard, const fs::path& folder, std::string_view stage,
                        int64_t total, int64_t& done, const RunControl& control) {
  std::vector<SafetensorsTensor> declared;
  for (const Piece& piece : shard.pieces)
    std::ranges::copy(piece.tensors, std::back_inserter(declared));
  FACET_TRY(SafetensorsWriter writer,
            SafetensorsWriter::Create(folder / shard.file_name, std::move(declared)));
  for (const Piece& piece : shard.pieces) {
    FACET_RETURN_IF_ERROR(control.Check());
    FACET_RETURN_IF_ERROR(piece.write(writer));
    done += static_cast<int64_t>(piece.tensors.size());
    control.Report(stage, done, total, "tensors");
  }
  return writer.Close();
}

Result<void> WriteWeights(const ShardPlan& plan, const fs::path& folder, std::string_view stage,
                          const RunControl& control) {
  int64_t done = 0;
  for (const PlannedShard& shard : plan.shards) {
    FACET_RETURN_IF_ERROR(WriteShard(shard, folder, stage, plan.tensors, done, control));
  }
  if (plan.shards.size() == 1) return {};
  return WriteFile(folder / "model.safetensors.index.json", IndexJson(plan));
}

}  // namespace

Result<std::vector<std::string>> AuxiliaryFiles(const fs::path& source) {
  FACET_TRY(std::vector<std::string> names, ListFiles(source));
  std::erase_if(names, IsRegenerated);
  return names;
}

Result<StagedFolder> StageTarget(const fs::path& source, const fs::path& target) {
  if (IsWithin(target, source)) {
    return Fail(ErrorCode::kUsage, "the target {} is inside the source {}: name a folder elsewhere",
                target.string(), source.string());
  }
  return StagedFolder::Create(target);
}

Result<void> CheckFreeSpace(const fs::path& folder, int64_t bytes) {
  struct statvfs stats{};
  if (::statvfs(folder.c_str(), &stats) != 0) {
    return Fail(ErrorCode::kIo, "cannot read the free space of {}: {}", folder.string(),
                std::strerror(errno));
  }
  const uint64_t available = uint64_t{stats.f_bavail} * uint64_t{stats.f_frsize};
  if (available >= static_cast<uint64_t>(bytes)) return {};
  return Fail(ErrorCode::kIo, "not enough disk space at {}: {} needed, {} available",
              folder.parent_path().string(), HumanBytes(static_cast<uint64_t>(bytes)),
              HumanBytes(available));
}

Result<void> CheckSpaceFor(const ShardPlan& plan, const fs::path& source,
                           const StagedFolder& folder) {
  int64_t bytes = BytesOnDisk(plan);
  FACET_TRY(const std::vector<std::string> names, AuxiliaryFiles(source));
  for (const std::string& name : names) {
    std::error_code error;
    const uintmax_t size = fs::file_size(source / name, error);
    if (!error) bytes += static_cast<int64_t>(size);
  }
  return CheckFreeSpace(folder.path(), bytes);
}

Result<std::string> ReadConfigJson(const fs::path& source) {
  return ReadFile(source / "config.json", kMaxConfigBytes);
}

Result<void> Export(const ShardPlan& plan, const ExportedConfigs& configs, const fs::path& source,
                    StagedFolder folder, std::string_view stage, const RunControl& control) {
  FACET_RETURN_IF_ERROR(WriteWeights(plan, folder.path(), stage, control));
  FACET_RETURN_IF_ERROR(WriteFile(folder.path() / "config.json", configs.config_json));
  if (!configs.hf_quant_config_json.empty()) {
    FACET_RETURN_IF_ERROR(
        WriteFile(folder.path() / "hf_quant_config.json", configs.hf_quant_config_json));
  }
  FACET_TRY(const std::vector<std::string> names, AuxiliaryFiles(source));
  for (const std::string& name : names) {
    FACET_RETURN_IF_ERROR(control.Check());
    FACET_RETURN_IF_ERROR(CopyFile(source / name, folder.path() / name));
  }
  FACET_RETURN_IF_ERROR(control.Check());
  return folder.Publish();
}

Result<void> ExportWithFiles(const ShardPlan& plan, const std::vector<ExportedFile>& files,
                             StagedFolder folder, std::string_view stage,
                             const RunControl& control) {
  FACET_RETURN_IF_ERROR(WriteWeights(plan, folder.path(), stage, control));
  for (const ExportedFile& file : files) {
    FACET_RETURN_IF_ERROR(WriteFile(folder.path() / file.name, file.contents));
  }
  FACET_RETURN_IF_ERROR(control.Check());
  return folder.Publish();
}

Unit CopiedTensor(const Checkpoint& source, const TensorInfo& tensor) {
  const auto write = [&source, &tensor](SafetensorsWriter& writer) -> Result<void> {
    FACET_RETURN_IF_ERROR(writer.Append(tensor.name, tensor.bytes));
    source.Release(tensor);
    return {};
  };
  return {.pieces = {{.tensors = {{tensor.name, tensor.dtype, tensor.shape}}, .write = write}}};
}

int64_t TensorBytes(const Checkpoint& checkpoint) {
  int64_t bytes = 0;
  for (const TensorInfo& tensor : checkpoint.tensors())
    bytes += static_cast<int64_t>(tensor.bytes.size());
  return bytes;
}

}  // namespace facet
