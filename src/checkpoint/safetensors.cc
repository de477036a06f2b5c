#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/check.h"
#include "checkpoint/safetensors_json.h"

namespace facet {
namespace {

constexpr uint64_t kLengthBytes = sizeof(uint64_t);
constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The one line that every refusal of a file is.
class FileReport {
 public:
  FileReport(std::string_view name, uint64_t size) : name_(name), size_(size) {}
  void set_length(uint64_t length) { length_ = fmt::format("header length {}", length); }

  tl::unexpected<Error> Refuse(const Error& why) const {
    return Fail(why.code, "{}: {} ({}, file size {} bytes)", name_, why.message, length_, size_);
  }
  tl::unexpected<Error> Invalid(std::string message) const {
    return Refuse({ErrorCode::kInvalidData, std::move(message)});
  }

 private:
  std::string_view name_;
  uint64_t size_;
  std::string length_ = "no header length";
};

Result<void> CheckNames(const std::vector<SafetensorsEntry>& tensors) {
  std::unordered_set<std::string_view> names;
  for (const SafetensorsEntry& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return Fail(ErrorCode::kInvalidData, "tensor \"{}\" appears twice", tensor.name);
    }
  }
  return {};
}

/// Ranges must follow each other from 0 without overlap or hole, and end where the file ends.
Result<void> CheckCoverage(const std::vector<SafetensorsEntry>& tensors, uint64_t data_bytes) {
  uint64_t position = 0;
  for (const SafetensorsEntry& tensor : tensors) {
    if (tensor.begin != position) {
      return Fail(ErrorCode::kInvalidData, "tensor \"{}\" starts at data byte {}, expected {}",
                  tensor.name, tensor.begin, position);
    }
    position = tensor.end;
  }
  if (position > data_bytes) {
    return Fail(ErrorCode::kInvalidData,
                "truncated: the tensors need {} bytes of data, the file has {}", position,
                data_bytes);
  }
  if (position < data_bytes) {
    return Fail(ErrorCode::kInvalidData, "{} bytes behind the last tensor", data_bytes - position);
  }
  return {};
}

}  // namespace

Result<SafetensorsHeader> SafetensorsHeader::Parse(std::span<const std::byte> file,
                                                   std::string_view file_name) {
  FileReport report(file_name, file.size());
  if (file.size() < kLengthBytes) {
    return report.Invalid(
        fmt::format("too short for a safetensors file: its header length takes "
                    "{} bytes, read {}",
                    kLengthBytes, file.size()));
  }
  uint64_t length = 0;  // little-endian on disk, as on every machine that facet supports
  std::memcpy(&length, file.data(), kLengthBytes);
  report.set_length(length);
  const std::string_view text = TextOf(file);
  if (text.starts_with(kLfsPointer)) {
    return report.Invalid("this is a git-lfs pointer, not the weights; fetch them: git lfs pull");
  }
  if (length > kMaxSafetensorsHeader) {
    return report.Invalid(
        fmt::format("header longer than the {} bytes allowed", kMaxSafetensorsHeader));
  }
  if (length > file.size() - kLengthBytes) return report.Invalid("header reaches beyond the file");

  SafetensorsHeader header;
  header.data_start = kLengthBytes + length;
  if (auto parsed = ParseSafetensorsJson(text.substr(kLengthBytes, length), header); !parsed) {
    return report.Refuse(parsed.error());
  }
  std::ranges::sort(header.tensors, {}, [](const SafetensorsEntry& tensor) {
    return std::pair(tensor.begin, tensor.end);
  });
  if (auto checked = CheckNames(header.tensors); !checked) return report.Refuse(checked.error());
  if (auto checked = CheckCoverage(header.tensors, file.size() - header.data_start); !checked) {
    return report.Refuse(checked.error());
  }
  return header;
}

int64_t BytesOf(DType dtype, const Shape& shape) { return SizeOf(dtype) * shape.elements(); }

Result<SafetensorsWriter> SafetensorsWriter::Create(const std::filesystem::path& path,
                                                    std::vector<SafetensorsTensor> tensors) {
  SafetensorsWriter writer;
  writer.tensors_ = std::move(tensors);
  std::string header = SafetensorsJson(writer.tensors_);
  const size_t padded = (header.size() + 7) / 8 * 8;
  header.append(padded - header.size(), ' ');
  const uint64_t length = header.size();
  FACET_TRY(writer.file_, FileWriter::Create(path));
  FACET_RETURN_IF_ERROR(writer.file_.Append(std::as_bytes(std::span(&length, 1))));
  FACET_RETURN_IF_ERROR(writer.file_.Append(std::as_bytes(std::span(header))));
  writer.SkipComplete();
  return writer;
}

void SafetensorsWriter::SkipComplete() {
  while (current_ < tensors_.size() &&
         written_ == BytesOf(tensors_[current_].dtype, tensors_[current_].shape)) {
    ++current_;
    written_ = 0;
  }
}

Result<void> SafetensorsWriter::Append(std::string_view name, std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  FACET_CHECK(current_ < tensors_.size());
  const SafetensorsTensor& tensor = tensors_[current_];
  FACET_CHECK(tensor.name == name);
  const auto size = static_cast<int64_t>(bytes.size());
  FACET_CHECK(size <= BytesOf(tensor.dtype, tensor.shape) - written_);
  FACET_RETURN_IF_ERROR(file_.Append(bytes));
  written_ += size;
  SkipComplete();
  return {};
}

Result<void> SafetensorsWriter::Close() {
  FACET_CHECK(current_ == tensors_.size());
  return file_.Close();
}

}  // namespace facet
