// JSON as every command writes it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace facet::cli {

/// The text of `json`, with line breaks and an indent of two spaces, or on one line. Paths and
/// names from files may hold bytes that are not UTF-8: they become U+FFFD, and never stop a report
/// that is done.
std::string JsonText(const nlohmann::ordered_json& json);
std::string JsonLine(const nlohmann::ordered_json& json);

}  // namespace facet::cli
