#include "cli/json_text.h"

namespace facet::cli {
namespace {

constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;

}  // namespace

std::string JsonText(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, kReplace);
}

std::string JsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, kReplace);
}

}  // namespace facet::cli
