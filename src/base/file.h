// Files as facet uses them: read-only memory maps, small whole-file reads, streaming writes that
// appear only when complete, and a folder that is published as a whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace facet {

/// A file mapped read-only. Pages are read when touched and may be dropped by the system at any
/// time, so mapped bytes do not count against the memory that facet holds. Movable, not copyable.
class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Maps a regular file. kNotFound, or kIo for anything else (a folder, no permission). An empty
  /// file gives an empty span.
  static Result<MappedFile> Open(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  /// Tells the system that the bytes in [offset, offset + size) will not be needed again soon.
  void Release(size_t offset, size_t size) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// Reads a whole file of at most `limit_bytes`. kNotFound, kIo, or kResource above the limit.
Result<std::string> ReadFile(const std::filesystem::path& path, size_t limit_bytes);

/// Writes a whole file at `path`, which appears complete or not at all (temporary name, fsync,
/// rename).
Result<void> WriteFile(const std::filesystem::path& path, std::string_view contents);

/// Appends bytes to a new file. Errors of the system (full disk, file-size limit) come back as kIo.
class FileWriter {
 public:
  FileWriter() = default;
  ~FileWriter();
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&& other) noexcept;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  /// Creates `path`, replacing nothing: kIo if it exists.
  static Result<FileWriter> Create(const std::filesystem::path& path);
  Result<void> Append(std::span<const std::byte> bytes);
  /// Flushes to the device and closes. Without it the destructor closes, without a report of
  /// errors.
  Result<void> Close();

 private:
  int descriptor_ = -1;
  std::filesystem::path path_;
};

/// A folder under construction. Files are written to `path()` beside the target under a temporary
/// name; Publish() renames it to the target in one step. If the object dies before that, or the
/// process is killed, the target does not exist; a folder left over by a killed process is removed
/// by the next Create() for the same target.
class StagedFolder {
 public:
  StagedFolder(StagedFolder&& other) noexcept;
  StagedFolder& operator=(StagedFolder&&) = delete;
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;
  ~StagedFolder();

  /// kIo if the target exists and is not an empty folder, if its parent cannot be written to, or if
  /// another live process is writing the same target.
  static Result<StagedFolder> Create(const std::filesystem::path& target);
  const std::filesystem::path& path() const { return path_; }
  Result<void> Publish();

 private:
  StagedFolder(std::filesystem::path path, std::filesystem::path target, int lock);
  std::filesystem::path path_;
  std::filesystem::path target_;
  int lock_ = -1;  // descriptor that holds the lock while this process writes
};

/// Names of the regular files directly in a folder, sorted. kNotFound or kIo.
Result<std::vector<std::string>> ListFiles(const std::filesystem::path& folder);

/// "8.25 GB", "812 kB", "97 B": decimal units, as storage is sold.
std::string HumanBytes(uint64_t bytes);

}  // namespace facet
