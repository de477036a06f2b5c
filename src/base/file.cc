#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace facet {
namespace {

namespace fs = std::filesystem;

ErrorCode CodeOf(int error) {
  return error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
}

tl::unexpected<Error> SystemError(std::string_view action, const fs::path& path, int error) {
  return Fail(CodeOf(error), "cannot {} {}: {}", action, path.string(), std::strerror(error));
}

/// Makes a rename or a new file in `folder` survive a power cut.
Result<void> SyncFolder(const fs::path& folder) {
  const int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("open", folder, errno);
  const int failed = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (failed != 0 && error != EINVAL) return SystemError("flush", folder, error);
  return {};
}

}  // namespace

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Result<MappedFile> MappedFile::Open(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("open", path, errno);
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) {
    const int error = errno;
    ::close(descriptor);
    return SystemError("read", path, error);
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Fail(ErrorCode::kIo, "cannot open {}: not a regular file", path.string());
  }
  MappedFile file;
  if (status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      const int error = errno;
      ::close(descriptor);
      return SystemError("map", path, error);
    }
    file.data_ = static_cast<const std::byte*>(data);
    file.size_ = size;
  }
  ::close(descriptor);
  return file;
}

void MappedFile::Release(size_t offset, size_t size) const {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page;
  const size_t end = std::min(offset + size, size_) / page * page;
  if (begin < end) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

Result<std::string> ReadFile(const fs::path& path, size_t limit_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("open", path, errno);
  std::string contents;
  std::vector<char> chunk(1 << 16);
  while (true) {
    const ssize_t got = ::read(descriptor, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      ::close(descriptor);
      return SystemError("read", path, error);
    }
    if (got == 0) break;
    contents.append(chunk.data(), static_cast<size_t>(got));
    if (contents.size() > limit_bytes) {
      ::close(descriptor);
      return Fail(ErrorCode::kResource, "{} is larger than the {} that facet reads", path.string(),
                  HumanBytes(limit_bytes));
    }
  }
  ::close(descriptor);
  return contents;
}

Result<void> WriteFile(const fs::path& path, std::string_view contents) {
  fs::path temporary = path;
  temporary += fmt::format(".partial-{}", ::getpid());
  std::error_code ignored;
  auto write = [&]() -> Result<void> {
    FACET_TRY(FileWriter writer, FileWriter::Create(temporary));
    FACET_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(contents))));
    FACET_RETURN_IF_ERROR(writer.Close());
    if (::rename(temporary.c_str(), path.c_str()) != 0) return SystemError("write", path, errno);
    return SyncFolder(path.parent_path());
  };
  Result<void> result = write();
  if (!result) fs::remove(temporary, ignored);
  return result;
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

FileWriter& FileWriter::operator=(FileWriter&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

Result<FileWriter> FileWriter::Create(const fs::path& path) {
  FileWriter writer;
  writer.path_ = path;
  writer.descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (writer.descriptor_ < 0) return SystemError("create", path, errno);
  return writer;
}

Result<void> FileWriter::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError("write", path_, errno);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

Result<void> FileWriter::Close() {
  const int descriptor = std::exchange(descriptor_, -1);
  const int failed = ::fsync(descriptor);
  const int error = errno;
  if (::close(descriptor) != 0) return SystemError("write", path_, errno);
  if (failed != 0 && error != EINVAL) return SystemError("write", path_, error);
  return {};
}

StagedFolder::StagedFolder(fs::path path, fs::path target, int lock)
    : path_(std::move(path)), target_(std::move(target)), lock_(lock) {}

StagedFolder::StagedFolder(StagedFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      target_(std::exchange(other.target_, {})),
      lock_(std::exchange(other.lock_, -1)) {}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

Result<StagedFolder> StagedFolder::Create(const fs::path& target) {
  std::error_code error;
  fs::path clean = fs::absolute(target, error).lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();  // "out/" names the same folder as "out"
  if (fs::exists(clean, error) && !(fs::is_directory(clean, error) && fs::is_empty(clean, error))) {
    return Fail(ErrorCode::kIo, "{} exists already: name a new folder, or remove it first",
                clean.string());
  }
  const fs::path staging =
      clean.parent_path() / fmt::format(".{}.partial", clean.filename().string());
  if (::mkdir(staging.c_str(), 0755) != 0 && errno != EEXIST)
    return SystemError("create", staging, errno);
  // The lock tells a folder that a killed process left from one that is being written right now.
  const int lock = ::open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return SystemError("open", staging, errno);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return Fail(ErrorCode::kIo, "{} is being written by another process", clean.string());
  }
  StagedFolder folder(staging, clean, lock);
  for (const fs::directory_entry& leftover : fs::directory_iterator(staging, error)) {
    fs::remove_all(leftover.path(), error);
    if (error)
      return Fail(ErrorCode::kIo, "cannot remove {}: {}", leftover.path().string(),
                  error.message());
  }
  return folder;
}

Result<void> StagedFolder::Publish() {
  FACET_RETURN_IF_ERROR(SyncFolder(path_));
  // rename() replaces an empty folder and nothing else.
  if (::rename(path_.c_str(), target_.c_str()) != 0) return SystemError("create", target_, errno);
  path_.clear();
  return SyncFolder(target_.parent_path());
}

Result<std::vector<std::string>> ListFiles(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) names.push_back(entry->path().filename().string());
  }
  if (error) return SystemError("list", folder, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::string HumanBytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, kUnits[unit]);
}

}  // namespace facet
