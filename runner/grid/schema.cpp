#include <grid/schema.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <regex>
#include <set>

#include <common/nearest.hpp>

namespace saddle {
namespace {

std::string short_text(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::vector<std::string> types_of(const Json& schema) {
  const auto type = schema.find("type");
  if (type == schema.end()) return {};
  if (type->is_string()) return {type->get<std::string>()};
  return type->get<std::vector<std::string>>();
}

// The value in the form of one type, if it is of that type.
std::optional<Json> as_type(const Json& value, const std::string& type) {
  if (type == "number" && value.is_number()) {
    const double number = value.get<double>();
    return Json(number == 0 ? 0.0 : number);  // one zero
  }
  if (type == "integer" && value.is_number()) {
    if (value.is_number_float()) {
      const double number = value.get<double>();
      if (number != std::floor(number) || std::fabs(number) > 9007199254740992.0) return std::nullopt;
      return Json(static_cast<std::int64_t>(number));
    }
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      return std::nullopt;
    }
    return Json(value.get<std::int64_t>());
  }
  const bool fits = (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
                    (type == "null" && value.is_null()) || (type == "array" && value.is_array()) ||
                    (type == "object" && value.is_object());
  if (!fits) return std::nullopt;
  return value;
}

bool in_range(const Json& schema, double number) {
  if (schema.contains("minimum") && number < schema["minimum"].get<double>()) return false;
  if (schema.contains("maximum") && number > schema["maximum"].get<double>()) return false;
  if (schema.contains("exclusiveMinimum") && number <= schema["exclusiveMinimum"].get<double>()) return false;
  if (schema.contains("exclusiveMaximum") && number >= schema["exclusiveMaximum"].get<double>()) return false;
  return true;
}

void check_string(const Json& schema, const std::string& text, const std::string& pointer,
                  const Report& report) {
  if (schema.contains("minLength") && text.size() < schema["minLength"].get<std::size_t>()) {
    report(pointer, "\"" + text + "\" is too short; expected " + describe_schema(schema), false);
  } else if (schema.contains("maxLength") && text.size() > schema["maxLength"].get<std::size_t>()) {
    report(pointer, "\"" + text + "\" is too long; expected " + describe_schema(schema), false);
  } else if (schema.contains("pattern") &&
             !std::regex_match(text, std::regex(schema["pattern"].get<std::string>()))) {
    report(pointer, "\"" + text + "\" does not match; expected " + describe_schema(schema), false);
  }
}

Json check_array(const Json& schema, Json value, const std::string& pointer, const Report& report) {
  if ((schema.contains("minItems") && value.size() < schema["minItems"].get<std::size_t>()) ||
      (schema.contains("maxItems") && value.size() > schema["maxItems"].get<std::size_t>())) {
    report(pointer, "a list of " + std::to_string(value.size()) + "; expected " + describe_schema(schema),
           false);
  }
  if (!schema.contains("items")) return value;
  for (std::size_t i = 0; i < value.size(); ++i) {
    value[i] = apply_schema(schema["items"], value[i], pointer_child(pointer, i), report);
  }
  return value;
}

const Json* property(const std::vector<const Json*>& schemas, const std::string& key) {
  for (const Json* schema : schemas) {
    const auto properties = schema->find("properties");
    if (properties == schema->end()) continue;
    const auto found = properties->find(key);
    if (found != properties->end()) return &*found;
  }
  return nullptr;
}

// What an absent key stands for; nothing when it has no default.
std::optional<Json> default_of(const Json& schema, const std::string& pointer, const Report& report) {
  if (schema.contains("default")) return apply_schema(schema, schema["default"], pointer, report);
  if (schema.contains("properties")) return apply_schema(schema, Json::object(), pointer, report);
  return std::nullopt;
}

}  // namespace

std::string describe_value(const Json& value) {
  if (value.is_string()) return "the string " + short_text(value);
  if (value.is_number()) return "the number " + short_text(value);
  if (value.is_boolean()) return short_text(value);
  if (value.is_null()) return "null";
  return (value.is_array() ? "a list " : "an object ") + short_text(value);
}

std::string describe_schema(const Json& schema) {
  if (schema.contains("enum")) {
    std::string text = "one of ";
    for (std::size_t i = 0; i < schema["enum"].size(); ++i)
      text += (i ? ", " : "") + schema["enum"][i].dump();
    return text;
  }
  std::string text;
  for (const std::string& type : types_of(schema)) {
    const bool vowel = type == "integer" || type == "object" || type == "array";
    text += std::string(text.empty() ? "" : " or ") + (type == "null"             ? ""
                                                       : vowel && type != "array" ? "an "
                                                                                  : "a ");
    text += type == "array" ? "list" : type == "boolean" ? "boolean (true or false)" : type;
  }
  if (text.empty()) text = "a value";
  const std::pair<const char*, const char*> bounds[] = {
      {"minimum", " >= "}, {"exclusiveMinimum", " > "}, {"maximum", " <= "}, {"exclusiveMaximum", " < "}};
  bool first = true;
  for (const auto& [word, sign] : bounds) {
    if (!schema.contains(word)) continue;
    text += (first ? "" : " and") + std::string(sign) + schema[word].dump();
    first = false;
  }
  if (schema.contains("pattern")) text += " of the form " + schema["pattern"].get<std::string>();
  if (schema.contains("minLength")) text += " of at least " + schema["minLength"].dump() + " characters";
  if (schema.contains("maxLength")) text += " of at most " + schema["maxLength"].dump() + " characters";
  const bool exact =
      schema.contains("minItems") && schema.contains("maxItems") && schema["minItems"] == schema["maxItems"];
  if (exact) {
    text += " of " + schema["minItems"].dump();
  } else {
    if (schema.contains("minItems")) text += " of at least " + schema["minItems"].dump();
    if (schema.contains("maxItems")) text += " of at most " + schema["maxItems"].dump();
  }
  if (schema.contains("items"))
    text += (schema.contains("minItems") ? ", each " : " of ") + describe_schema(schema["items"]);
  return text;
}

Json apply_schema(const Json& schema, const Json& value, const std::string& pointer, const Report& report) {
  const std::vector<std::string> types = types_of(schema);
  Json result = value;
  if (!types.empty()) {
    std::optional<Json> typed;
    for (const std::string& type : types) {
      if ((typed = as_type(value, type))) break;
    }
    if (!typed) {
      report(pointer, "expected " + describe_schema(schema) + ", found " + describe_value(value), false);
      return value;
    }
    result = std::move(*typed);
  }
  if (schema.contains("enum")) {
    const Json& choices = schema["enum"];
    if (std::find(choices.begin(), choices.end(), result) == choices.end()) {
      std::vector<std::string> names;
      for (const Json& choice : choices)
        names.push_back(choice.is_string() ? choice.get<std::string>() : choice.dump());
      const std::string found = result.is_string() ? result.get<std::string>() : result.dump();
      report(pointer, short_text(result) + " is not one of the choices. " + suggestion(found, names, 30),
             false);
    }
    return result;
  }
  if (result.is_number() && !in_range(schema, result.get<double>())) {
    report(pointer, short_text(result) + " is out of range; expected " + describe_schema(schema), false);
  }
  if (result.is_string()) check_string(schema, result.get_ref<const std::string&>(), pointer, report);
  if (result.is_array()) return check_array(schema, std::move(result), pointer, report);
  if (result.is_object() && (schema.contains("properties") || schema.contains("additionalProperties"))) {
    const std::string name =
        pointer.substr(pointer.rfind('/') == std::string::npos ? 0 : pointer.rfind('/') + 1);
    return apply_schemas({&schema}, result, pointer, name, report);
  }
  return result;
}

Json apply_schemas(const std::vector<const Json*>& schemas, const Json& value, const std::string& pointer,
                   const std::string& what, const Report& report) {
  if (!value.is_object()) {
    report(pointer, "expected an object, found " + describe_value(value), false);
    return value;
  }
  Json result = Json::object();
  for (const auto& [key, entry] : value.items()) {
    const std::string place = pointer_child(pointer, key);
    const Json* schema = property(schemas, key);
    for (const Json* other : schemas) {
      if (schema == nullptr && other->contains("additionalProperties") &&
          (*other)["additionalProperties"].is_object()) {
        schema = &(*other)["additionalProperties"];
      }
    }
    if (schema != nullptr) {
      result[key] = apply_schema(*schema, entry, place, report);
      continue;
    }
    result[key] = entry;
    std::vector<std::string> known;
    for (const Json* other : schemas) {
      if (!other->contains("properties")) continue;
      for (const auto& [name, ignored] : (*other)["properties"].items()) known.push_back(name);
    }
    std::sort(known.begin(), known.end());
    report(place, "unknown key \"" + key + "\" of " + what + ". " + suggestion(key, known, 20), true);
  }
  for (const Json* schema : schemas) {
    for (const Json& name : schema->value("required", Json::array())) {
      if (!value.contains(name.get<std::string>())) {
        const Json* expected = property(schemas, name.get<std::string>());
        report(pointer,
               what + " needs the key " + name.dump() + ": " +
                   (expected ? describe_schema(*expected) : "a value"),
               false);
      }
    }
    if (!schema->contains("properties")) continue;
    for (const auto& [name, entry] : (*schema)["properties"].items()) {
      if (result.contains(name)) continue;
      if (std::optional<Json> filled = default_of(entry, pointer_child(pointer, name), report)) {
        result[name] = std::move(*filled);
      }
    }
  }
  return result;
}

Json drop_defaults(const std::vector<const Json*>& schemas, const Json& value) {
  static const Report quiet = [](const std::string&, const std::string&, bool) {};
  Json kept = Json::object();
  for (const auto& [key, entry] : value.items()) {
    const Json* schema = property(schemas, key);
    if (schema == nullptr) {
      kept[key] = entry;
    } else if (entry.is_object() && schema->contains("properties")) {
      Json inner = drop_defaults({schema}, entry);
      if (!inner.empty()) kept[key] = std::move(inner);
    } else {
      const std::optional<Json> standard = default_of(*schema, "", quiet);
      if (!standard || *standard != entry) kept[key] = entry;
    }
  }
  return kept;
}

std::string schema_fault(const Json& schema) {
  static const std::set<std::string> kWords = {"type",
                                               "enum",
                                               "minimum",
                                               "maximum",
                                               "exclusiveMinimum",
                                               "exclusiveMaximum",
                                               "minLength",
                                               "maxLength",
                                               "pattern",
                                               "items",
                                               "minItems",
                                               "maxItems",
                                               "properties",
                                               "required",
                                               "default",
                                               "examples",
                                               "title",
                                               "description",
                                               "unit",
                                               "additionalProperties",
                                               "$schema"};
  static const std::set<std::string> kTypes = {"null",   "boolean", "integer", "number",
                                               "string", "array",   "object"};
  if (!schema.is_object()) return "a schema must be an object, found " + describe_value(schema);
  for (const auto& [word, value] : schema.items()) {
    if (!kWords.contains(word)) return "the schema word \"" + word + "\" is not supported";
    const bool size = word.starts_with("minL") || word.starts_with("maxL") || word.ends_with("Items");
    if (size && !(value.is_number_integer() && value >= 0)) return "\"" + word + "\" must be a count";
    const bool bound = word.ends_with("imum");
    if (bound && !value.is_number()) return "\"" + word + "\" must be a number";
    if (word == "enum" && (!value.is_array() || value.empty())) return "\"enum\" must be a list of choices";
  }
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    for (const Json& type : types) {
      if (!type.is_string() || !kTypes.contains(type.get<std::string>()))
        return "no type is called " + type.dump();
    }
  }
  if (schema.contains("pattern")) {
    try {
      std::regex(schema["pattern"].get<std::string>());
    } catch (const std::exception&) {
      return "\"pattern\" is no regular expression: " + schema["pattern"].dump();
    }
  }
  if (schema.contains("required") && !schema["required"].is_array())
    return "\"required\" must be a list of names";
  if (schema.contains("items")) {
    if (std::string fault = schema_fault(schema["items"]); !fault.empty()) return fault;
  }
  const Json more = schema.value("additionalProperties", Json(false));
  if (more.is_object()) {
    if (std::string fault = schema_fault(more); !fault.empty()) return fault;
  } else if (more != Json(false)) {
    return "\"additionalProperties\" must be false or a schema: an unknown key is an error";
  }
  if (schema.contains("properties")) {
    if (!schema["properties"].is_object()) return "\"properties\" must be an object";
    for (const auto& [name, entry] : schema["properties"].items()) {
      if (std::string fault = schema_fault(entry); !fault.empty())
        return "parameter \"" + name + "\": " + fault;
    }
  }
  if (schema.contains("default")) {
    std::string fault;
    apply_schema(schema, schema["default"], "",
                 [&](const std::string&, const std::string& text, bool) { fault = text; });
    if (!fault.empty()) return "its default does not satisfy its own schema: " + fault;
  }
  return {};
}

}  // namespace saddle
