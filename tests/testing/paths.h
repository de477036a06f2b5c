// Where tests find their data, and temporary folders that remove themselves.
#pragma once

#include <filesystem>
#include <string>

#include <unistd.h>

namespace facet::testing {

/// A file or folder of the source tree, by its path from the root: SourcePath("models/tiny").
inline std::filesystem::path SourcePath(const std::string& relative) {
  return std::filesystem::path(FACET_SOURCE_DIR) / relative;
}

/// Golden data of the reference implementation: GoldenPath("golden.json").
inline std::filesystem::path GoldenPath(const std::string& name) {
  return SourcePath("tests/data/golden/" + name);
}

/// Inputs of the fault cases, as tests/data/cases/cases.md names them:
/// CasePath("c01/cut.safetensors").
inline std::filesystem::path CasePath(const std::string& name) {
  return SourcePath("tests/data/cases/files/" + name);
}

/// A new empty folder that is removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "facet-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace facet::testing
