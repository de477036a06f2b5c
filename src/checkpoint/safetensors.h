// The safetensors container: an 8-byte length, a JSON header, then the tensors' bytes. Reading
// checks everything against the file's size before anything is used; writing streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace facet {

/// Longest header that the reference implementation accepts.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;
/// Most tensors in one file; the model has 677, quantized 1,661. Bounds the memory of a hostile
/// header.
inline constexpr size_t kMaxSafetensorsTensors = 100'000;

/// A tensor of a file: where its bytes are, counted from the start of the data section.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kBF16;
  Shape shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  ///< by position in the file
  std::map<std::string, std::string> metadata;
  uint64_t data_start = 0;  ///< bytes before the data section

  /// Reads the header of a whole mapped file. Refused, with one line that names `file_name`, the
  /// header length read and the file's size: a length above kMaxSafetensorsHeader or beyond the
  /// file, malformed JSON, duplicate or missing keys, a shape whose bytes do not equal the range,
  /// ranges that overlap or leave holes, a data section not exactly covered, a git-lfs pointer.
  /// kUnsupported for unknown dtypes and more than four dimensions.
  static Result<SafetensorsHeader> Parse(std::span<const std::byte> file,
                                         std::string_view file_name);
};

/// A tensor to be written.
struct SafetensorsTensor {
  std::string name;
  DType dtype = DType::kBF16;
  Shape shape;
};

/// Bytes of a tensor; the shape must be one that fits.
int64_t BytesOf(DType dtype, const Shape& shape);

/// Writes one file: all tensors are declared first, then their bytes appended in that order, in
/// pieces of any size. The same declarations and bytes give the same file. Data starts at a
/// multiple of 8; declare wide dtypes first, or only tensors of even size, to keep every tensor
/// aligned.
class SafetensorsWriter {
 public:
  /// Creates `path` and writes the header, with {"format":"pt"} as metadata.
  static Result<SafetensorsWriter> Create(const std::filesystem::path& path,
                                          std::vector<SafetensorsTensor> tensors);

  /// Appends bytes of tensor `name`. It must be the first declared tensor that is not complete, and
  /// `bytes` must not exceed what it still needs; anything else is a bug.
  Result<void> Append(std::string_view name, std::span<const std::byte> bytes);

  /// Flushes and closes. Every tensor must be complete.
  Result<void> Close();

 private:
  void SkipComplete();

  FileWriter file_;
  std::vector<SafetensorsTensor> tensors_;
  size_t current_ = 0;   // tensor being written
  int64_t written_ = 0;  // bytes of it
};

}  // namespace facet
