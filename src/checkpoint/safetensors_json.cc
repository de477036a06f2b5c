#include "checkpoint/safetensors_json.h"

#include <limits>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/json_reader.h"

namespace facet {
namespace {

using nlohmann::json;

/// The bytes of a shape, or nothing if they overflow int64.
std::optional<uint64_t> CheckedBytes(DType dtype, std::span<const uint64_t> dims) {
  uint64_t bytes = static_cast<uint64_t>(SizeOf(dtype));
  constexpr uint64_t kLimit = std::numeric_limits<int64_t>::max();
  bool empty = false;
  for (const uint64_t dim : dims) {
    if (dim > kLimit) return std::nullopt;
    empty = empty || dim == 0;
    if (!empty && __builtin_mul_overflow(bytes, dim, &bytes)) return std::nullopt;
    if (bytes > kLimit) return std::nullopt;
  }
  return empty ? 0 : bytes;
}

/// Events of the parser, for the one document shape that a header may have:
///   {"__metadata__": {string: string}, NAME: {"dtype": string, "shape": [n...],
///   "data_offsets": [begin, end]}, ...}
/// Returning false stops the parser; error() then says why.
class HeaderHandler : public json::json_sax_t {
 public:
  explicit HeaderHandler(SafetensorsHeader& header) : header_(header) {}
  const Error& error() const { return error_; }

  bool key(std::string& name) override {
    switch (place_) {
      case Place::kRoot:
        return RootKey(name);
      case Place::kMetadata:
        metadata_key_ = name;
        return true;
      case Place::kTensor:
        return TensorKey(name);
      default:
        return Unexpected("a key");
    }
  }

  bool start_object(size_t) override {
    if (place_ == Place::kStart) return Enter(Place::kRoot);
    if (place_ == Place::kMetadataValue) return Enter(Place::kMetadata);
    if (place_ == Place::kTensorValue) {
      dims_.reset();
      offsets_.reset();
      dtype_.reset();
      return Enter(Place::kTensor);
    }
    return Unexpected("an object");
  }

  bool end_object() override {
    if (place_ == Place::kTensor) return FinishTensor() && Enter(Place::kRoot);
    return Enter(place_ == Place::kMetadata ? Place::kRoot : Place::kEnd);
  }

  bool start_array(size_t) override {
    if (place_ == Place::kShape) {
      dims_.emplace();
      return Enter(Place::kShapeItems);
    }
    if (place_ == Place::kOffsets) {
      offsets_.emplace();
      return Enter(Place::kOffsetItems);
    }
    return Unexpected("an array");
  }

  bool end_array() override { return Enter(Place::kTensor); }

  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[metadata_key_] = text;
      return true;
    }
    if (place_ != Place::kDtype) return Unexpected("a string");
    dtype_ = DTypeFromName(text);
    if (!dtype_) {
      return Stop({ErrorCode::kUnsupported,
                   fmt::format("tensor \"{}\": unknown dtype {}", entry_.name, Shown(text))});
    }
    return Enter(Place::kTensor);
  }

  bool number_unsigned(uint64_t number) override {
    if (place_ == Place::kShapeItems) {
      if (dims_->size() == static_cast<size_t>(Shape::kMaxRank)) {
        return Stop({ErrorCode::kUnsupported, fmt::format("tensor \"{}\": more than {} dimensions",
                                                          entry_.name, Shape::kMaxRank)});
      }
      dims_->push_back(number);
      return true;
    }
    if (place_ == Place::kOffsetItems && offsets_->size() < 2) {
      offsets_->push_back(number);
      return true;
    }
    return Unexpected("a number");
  }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(int64_t) override { return Unexpected("a negative number"); }
  bool number_float(double, const std::string&) override { return Unexpected("a fraction"); }
  bool binary(json::binary_t&) override { return Unexpected("binary data"); }

  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    return Invalid(fmt::format("header is not valid JSON at its byte {}", position));
  }

 private:
  enum class Place {
    kStart,
    kRoot,
    kMetadataValue,
    kMetadata,
    kTensorValue,
    kTensor,
    kDtype,
    kShape,
    kShapeItems,
    kOffsets,
    kOffsetItems,
    kEnd
  };

  bool Enter(Place place) {
    place_ = place;
    return true;
  }
  bool Stop(Error error) {
    error_ = std::move(error);
    return false;
  }
  bool Invalid(std::string message) { return Stop({ErrorCode::kInvalidData, std::move(message)}); }
  bool Unexpected(std::string_view what) {
    if (place_ == Place::kStart) return Invalid("header is not a JSON object");
    return Invalid(fmt::format("header holds {} where it does not belong, near tensor \"{}\"", what,
                               entry_.name));
  }

  bool RootKey(const std::string& name) {
    if (name == "__metadata__") return Enter(Place::kMetadataValue);
    if (header_.tensors.size() >= kMaxSafetensorsTensors) {
      return Stop({ErrorCode::kResource,
                   fmt::format("more than {} tensors in one file", kMaxSafetensorsTensors)});
    }
    entry_.name = name;
    return Enter(Place::kTensorValue);
  }

  bool TensorKey(const std::string& name) {
    if (name == "dtype" && !dtype_) return Enter(Place::kDtype);
    if (name == "shape" && !dims_) return Enter(Place::kShape);
    if (name == "data_offsets" && !offsets_) return Enter(Place::kOffsets);
    return Invalid(
        fmt::format("tensor \"{}\": unknown or repeated key {}", entry_.name, Shown(name)));
  }

  bool FinishTensor() {
    if (!dtype_ || !dims_ || !offsets_ || offsets_->size() != 2) {
      return Invalid(
          fmt::format("tensor \"{}\": dtype, shape or data_offsets missing", entry_.name));
    }
    const std::optional<uint64_t> bytes = CheckedBytes(*dtype_, *dims_);
    entry_.begin = (*offsets_)[0];
    entry_.end = (*offsets_)[1];
    if (!bytes || entry_.begin > entry_.end || entry_.end - entry_.begin != *bytes) {
      return Invalid(fmt::format("tensor \"{}\": shape [{}] of {} does not fill bytes {} to {}",
                                 entry_.name, fmt::join(*dims_, ","), NameOf(*dtype_), entry_.begin,
                                 entry_.end));
    }
    const std::vector<int64_t> dims(dims_->begin(), dims_->end());
    entry_.dtype = *dtype_;
    entry_.shape = Shape(std::span(dims));
    header_.tensors.push_back(entry_);
    return true;
  }

  SafetensorsHeader& header_;
  Error error_{ErrorCode::kInvalidData, "header is not valid JSON"};
  Place place_ = Place::kStart;
  std::string metadata_key_;
  SafetensorsEntry entry_;
  std::optional<DType> dtype_;
  std::optional<std::vector<uint64_t>> dims_;
  std::optional<std::vector<uint64_t>> offsets_;
};

}  // namespace

Result<void> ParseSafetensorsJson(std::string_view text, SafetensorsHeader& header) {
  if (IsTooDeep(text)) {
    return Fail(ErrorCode::kInvalidData, "header nests deeper than {} levels", kMaxFileDepth);
  }
  HeaderHandler handler(header);
  if (!json::sax_parse(text, &handler)) return tl::unexpected<Error>(handler.error());
  return {};
}

std::string SafetensorsJson(std::span<const SafetensorsTensor> tensors) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  int64_t position = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const int64_t end = position + BytesOf(tensor.dtype, tensor.shape);
    nlohmann::ordered_json entry;
    entry["dtype"] = NameOf(tensor.dtype);
    entry["shape"] = tensor.shape.dims();
    entry["data_offsets"] = {position, end};
    header[tensor.name] = std::move(entry);
    position = end;
  }
  return header.dump();
}

}  // namespace facet
