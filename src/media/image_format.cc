#include "media/image_format.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "media/signature.h"

namespace facet {
namespace {

using std::string_view_literals::operator""sv;

// First bytes of formats that people send although facet does not decode them.
constexpr std::array kOtherSignatures = {
    Signature{"GIF8"sv, "GIF"},         Signature{"BM"sv, "BMP"},
    Signature{"II*\0"sv, "TIFF"},       Signature{"MM\0*"sv, "TIFF"},
    Signature{"%PDF-"sv, "PDF"},        Signature{"\0\0\0\x0CJXL "sv, "JPEG XL"},
    Signature{"\xFF\x0A"sv, "JPEG XL"}, Signature{"\0\0\0\x0CjP  "sv, "JPEG 2000"},
    Signature{"\0\0\x01\0"sv, "ICO"},
};

// ISO media files start with a box "ftyp" whose first four payload bytes are the major brand.
std::string_view NameOfIsoMedia(std::string_view head) {
  if (head.size() < 12 || head.substr(4, 4) != "ftyp") return {};
  const std::string_view brand = head.substr(8, 4);
  if (brand == "avif" || brand == "avis") return "AVIF";
  if (brand.starts_with("he") || brand == "mif1" || brand == "msf1") return "HEIC";
  return "MP4";
}

bool IsTextByte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte >= 0x20 ? byte != 0x7F
                      : (byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f');
}

std::string_view NameOfText(std::string_view head) {
  constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
  if (head.starts_with(kUtf8Mark)) head.remove_prefix(kUtf8Mark.size());
  if (!std::ranges::all_of(head, IsTextByte)) return {};
  const size_t start = std::min(head.find_first_not_of(" \t\r\n\f"), head.size());
  if (head.substr(start).starts_with('<') && head.find("<svg") != head.npos) return "SVG";
  return "text";
}

std::string_view NameOfOther(std::string_view head) {
  const std::string_view known = NameBySignature(head, kOtherSignatures);
  if (!known.empty()) return known;
  if (const auto name = NameOfIsoMedia(head); !name.empty()) return name;
  return NameOfText(head);
}

}  // namespace

SniffedImage SniffImage(std::span<const std::byte> file) {
  constexpr size_t kHeadBytes = 1024;
  const std::string_view head(reinterpret_cast<const char*>(file.data()),
                              std::min(file.size(), kHeadBytes));
  if (head.starts_with("\x89PNG\r\n\x1A\n"sv)) return {ImageFormat::kPng, "PNG"};
  if (head.starts_with("\xFF\xD8\xFF"sv)) return {ImageFormat::kJpeg, "JPEG"};
  if (head.starts_with("RIFF") && head.size() >= 12 && head.substr(8, 4) == "WEBP") {
    return {ImageFormat::kWebp, "WebP"};
  }
  return {ImageFormat::kOther, head.empty() ? std::string_view() : NameOfOther(head)};
}

}  // namespace facet
