#pragma once
#include <functional>
#include <string>
#include <vector>

#include <common/json.hpp>

namespace saddle {

// Something wrong with the value (or, if `at_key`, with the key) at a pointer.
using Report = std::function<void(const std::string& pointer, const std::string& text, bool at_key)>;

// The JSON Schema words that components and the host use: type, enum, minimum,
// maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern,
// items, minItems, maxItems, properties, required, additionalProperties,
// default. A word outside this list is refused rather than ignored. "" when all is well.
std::string schema_fault(const Json& schema);

// Checks a value and makes it canonical: defaults filled in, numbers double where
// the schema says number and int64 where it says integer, however they were
// spelled. Each fault is reported; the value returned is then the best guess.
Json apply_schema(const Json& schema, const Json& value, const std::string& pointer, const Report& report);

// The same for an object whose keys come from several schemas (the host's and a
// component's). `what` names it in the message for an unknown key.
Json apply_schemas(const std::vector<const Json*>& schemas, const Json& value, const std::string& pointer,
                   const std::string& what, const Report& report);

// What is left of a canonical object when everything equal to its default goes.
Json drop_defaults(const std::vector<const Json*>& schemas, const Json& value);

// A value as an error message shows it: the string "x", the number 3, a list ...
std::string describe_value(const Json& value);
// What a schema expects: "an integer >= 1".
std::string describe_schema(const Json& schema);

}  // namespace saddle
