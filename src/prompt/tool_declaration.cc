#include "prompt/tool_declaration.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "prompt/template_values.h"
#include "text/unicode.h"

namespace facet {
namespace {

// Keys that describe a schema itself. An object schema without "properties" has its other keys
// taken for properties.
constexpr std::array<std::string_view, 5> kSchemaKeys = {"description", "type", "properties",
                                                         "required", "nullable"};

enum class KeyFilter { kAll, kWithoutSchemaKeys };

/// Writes the fields of one schema and puts commas between them.
class FieldList {
 public:
  explicit FieldList(PromptWriter& out) : out_(out) {}
  void Begin(std::string_view name) {
    if (!std::exchange(first_, false)) out_.Trusted(",");
    out_.Trusted(name);
    out_.Trusted(":");
  }

 private:
  PromptWriter& out_;
  bool first_ = true;
};

/// "type" as the template prints it: upper case; nothing where it is missing; a list as Python's
/// str().
std::string TypeName(const OrderedJson& schema) {
  if (!schema.is_object() || !schema.contains("type")) return {};
  return ToUpper(PythonStr(schema["type"]));
}

Result<void> WriteProperties(const OrderedJson& properties, KeyFilter filter, PromptWriter& out);

/// Writes [<|"|>a<|"|>,<|"|>b<|"|>].
Result<void> WriteRequired(const OrderedJson& required, PromptWriter& out) {
  if (!required.is_array()) {
    return Fail(ErrorCode::kInvalidData, "\"required\" must be a list of names");
  }
  out.Trusted("[");
  for (size_t i = 0; i < required.size(); ++i) {
    if (i > 0) out.Trusted(",");
    WriteQuoted(PythonStr(required[i]), out);
  }
  out.Trusted("]");
  return {};
}

Result<void> WriteItemType(const OrderedJson& type, PromptWriter& out) {
  if (type.is_string()) {
    WriteQuoted(ToUpper(type.get_ref<const std::string&>()), out);
    return {};
  }
  if (!type.is_array())
    return Fail(ErrorCode::kInvalidData, "\"type\" of \"items\" must be a name");
  OrderedJson upper = OrderedJson::array();
  for (const OrderedJson& name : type) upper.push_back(ToUpper(PythonStr(name)));
  WriteValue(upper, KeyStyle::kQuoted, out);
  return {};
}

/// Writes the schema of an array's elements. Unlike a property, it keeps every key.
Result<void> WriteItems(const OrderedJson& items, PromptWriter& out) {
  out.Trusted("{");
  bool first = true;
  for (const auto* member : SortedMembers(items)) {
    const auto& [key, value] = *member;
    if (value.is_null()) continue;
    if (!std::exchange(first, false)) out.Trusted(",");
    out.Untrusted(key);
    out.Trusted(":");
    if (key == "properties") {
      out.Trusted("{");
      if (value.is_object()) {
        FACET_RETURN_IF_ERROR(WriteProperties(value, KeyFilter::kAll, out));
      }
      out.Trusted("}");
    } else if (key == "required") {
      FACET_RETURN_IF_ERROR(WriteRequired(value, out));
    } else if (key == "type") {
      FACET_RETURN_IF_ERROR(WriteItemType(value, out));
    } else {
      WriteValue(value, KeyStyle::kQuoted, out);
    }
  }
  out.Trusted("}");
  return {};
}

/// The fields that only object schemas have.
Result<void> WriteObjectFields(const OrderedJson& schema, FieldList& fields, PromptWriter& out) {
  const OrderedJson& properties = MemberOrNull(schema, "properties");
  fields.Begin("properties");
  out.Trusted("{");
  FACET_RETURN_IF_ERROR(properties.is_object()
                            ? WriteProperties(properties, KeyFilter::kAll, out)
                            : WriteProperties(schema, KeyFilter::kWithoutSchemaKeys, out));
  out.Trusted("}");
  const OrderedJson& required = MemberOrNull(schema, "required");
  if (!IsTruthy(required)) return {};
  fields.Begin("required");
  return WriteRequired(required, out);
}

/// Writes {…} for one property. A schema that is no object (additionalProperties: false) has no
/// fields but an empty type.
Result<void> WriteProperty(const OrderedJson& schema, PromptWriter& out) {
  const std::string type = TypeName(schema);
  FieldList fields(out);
  out.Trusted("{");
  if (const OrderedJson& description = MemberOrNull(schema, "description"); IsTruthy(description)) {
    fields.Begin("description");
    WriteQuoted(PythonStr(description), out);
  }
  if (const OrderedJson& values = MemberOrNull(schema, "enum");
      type == "STRING" && IsTruthy(values)) {
    fields.Begin("enum");
    WriteValue(values, KeyStyle::kQuoted, out);
  }
  if (const OrderedJson& items = MemberOrNull(schema, "items");
      type == "ARRAY" && items.is_object() && !items.empty()) {
    fields.Begin("items");
    FACET_RETURN_IF_ERROR(WriteItems(items, out));
  }
  if (IsTruthy(MemberOrNull(schema, "nullable"))) {
    fields.Begin("nullable");
    out.Trusted("true");
  }
  if (type == "OBJECT") FACET_RETURN_IF_ERROR(WriteObjectFields(schema, fields, out));
  fields.Begin("type");
  WriteQuoted(type, out);
  out.Trusted("}");
  return {};
}

Result<void> WriteProperties(const OrderedJson& properties, KeyFilter filter, PromptWriter& out) {
  bool first = true;
  for (const auto* member : SortedMembers(properties)) {
    const auto& [key, schema] = *member;
    if (filter == KeyFilter::kWithoutSchemaKeys &&
        std::ranges::find(kSchemaKeys, key) != kSchemaKeys.end()) {
      continue;
    }
    if (!std::exchange(first, false)) out.Trusted(",");
    out.Untrusted(key);
    out.Trusted(":");
    FACET_RETURN_IF_ERROR(WriteProperty(schema, out));
  }
  return {};
}

Result<void> WriteParameters(const OrderedJson& parameters, PromptWriter& out) {
  if (!parameters.is_object()) {
    return Fail(ErrorCode::kInvalidData, "\"parameters\" must be an object");
  }
  out.Trusted(",parameters:{");
  if (const OrderedJson& properties = MemberOrNull(parameters, "properties");
      IsTruthy(properties)) {
    if (!properties.is_object()) {
      return Fail(ErrorCode::kInvalidData, "\"properties\" must be an object");
    }
    out.Trusted("properties:{");
    FACET_RETURN_IF_ERROR(WriteProperties(properties, KeyFilter::kAll, out));
    out.Trusted("},");
  }
  if (const OrderedJson& required = MemberOrNull(parameters, "required"); IsTruthy(required)) {
    out.Trusted("required:");
    FACET_RETURN_IF_ERROR(WriteRequired(required, out));
    out.Trusted(",");
  }
  // The brace stays open without a type: so does the canonical template leave it.
  if (IsTruthy(MemberOrNull(parameters, "type"))) {
    out.Trusted("type:");
    WriteQuoted(TypeName(parameters), out);
    out.Trusted("}");
  }
  return {};
}

void WriteResponse(const OrderedJson& response, PromptWriter& out) {
  out.Trusted(",response:{");
  if (const OrderedJson& description = MemberOrNull(response, "description");
      IsTruthy(description)) {
    out.Trusted("description:");
    WriteQuoted(PythonStr(description), out);
    out.Trusted(",");
  }
  // Here too only an object's brace is closed.
  if (TypeName(response) == "OBJECT") {
    out.Trusted("type:");
    WriteQuoted("OBJECT", out);
    out.Trusted("}");
  }
}

}  // namespace

Result<void> WriteToolDeclaration(const OrderedJson& tool, PromptWriter& out) {
  FACET_RETURN_IF_ERROR(CheckDepth(tool, "the declaration"));
  const OrderedJson& function = MemberOrNull(tool, "function");
  const OrderedJson& name = MemberOrNull(function, "name");
  if (!name.is_string()) {
    return Fail(ErrorCode::kInvalidData, "a tool must be {{\"function\": {{\"name\": \"…\", …}}}}");
  }
  out.Trusted("declaration:");
  out.Untrusted(name.get_ref<const std::string&>());
  out.Trusted("{description:");
  const auto description = function.find("description");
  WriteQuoted(description == function.end() ? std::string() : PythonStr(*description), out);
  if (const OrderedJson& parameters = MemberOrNull(function, "parameters"); IsTruthy(parameters)) {
    FACET_RETURN_IF_ERROR(WriteParameters(parameters, out));
  }
  if (const auto response = function.find("response"); response != function.end()) {
    WriteResponse(*response, out);
  }
  out.Trusted("}");
  return {};
}

}  // namespace facet
