#include <grid/json_schema.hpp>

#include <algorithm>

#include <grid/host_schema.hpp>

namespace saddle {
namespace {

const std::string kEntryName = "[A-Za-z0-9_]+";  // of a player
const std::string kIndex = "(0|[1-9][0-9]*)";

Json closed(Json schema);

Json closed_all(const Json& properties) {
  Json result = Json::object();
  for (const auto& [name, schema] : properties.items()) result[name] = closed(schema);
  return result;
}

// Our schemas as JSON Schema means them: an object with properties takes no
// others, a pattern is of the whole text, and what is required may also come from
// elsewhere.
Json closed(Json schema) {
  schema.erase("required");
  if (schema.contains("pattern")) schema["pattern"] = "^(?:" + schema["pattern"].get<std::string>() + ")$";
  if (schema.contains("items")) schema["items"] = closed(schema["items"]);
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object())
    schema["additionalProperties"] = closed(schema["additionalProperties"]);
  if (schema.contains("properties")) {
    schema["properties"] = closed_all(schema["properties"]);
    if (!schema.contains("additionalProperties")) schema["additionalProperties"] = false;
  }
  return schema;
}

// The same with null, which takes away what an extended file has.
Json nullable(Json schema) {
  if (schema.is_boolean()) return schema;
  const auto each = [](Json& schemas) {
    for (auto& [name, entry] : schemas.items()) entry = nullable(entry);
  };
  for (const char* word : {"properties", "patternProperties"})
    if (schema.contains(word)) each(schema[word]);
  if (schema.contains("additionalProperties"))
    schema["additionalProperties"] = nullable(schema["additionalProperties"]);
  if (schema.contains("type") && schema["type"].is_string()) {
    schema["type"] = {schema["type"], "null"};
    if (schema.contains("enum")) schema["enum"].push_back(nullptr);
    return schema;
  }
  return {{"anyOf", {schema, {{"type", "null"}}}}};
}

class Writer {
 public:
  explicit Writer(const Catalogue& catalogue) : catalogue_(catalogue) {}

  Json write() {
    uses("extractor", "model", [](const Component& model) { return model.roles().contains("features"); });
    for (const std::string& kind : component_kinds()) uses(kind, kind, [](const Component&) { return true; });
    chosen("optimizer");
    chosen("schedule");
    chosen("prune");
    const Json sections = this->sections();
    paths(sections);
    sweep();
    definitions_["grid"] = this->grid(sections);
    add_partial();
    definitions_["grid"]["required"] = {"name"};
    definitions_["prune"]["required"] = {"use", "metric"};
    definitions_["prune.asha"]["required"] = {"warmup"};
    return {{"$schema", "http://json-schema.org/draft-07/schema#"},
            {"title", "Saddle grid"},
            {"type", "object"},
            {"if", {{"required", {"extends"}}}},
            {"then", {{"$ref", "#/definitions/grid.partial"}}},
            {"else", {{"$ref", "#/definitions/grid"}}},
            {"definitions", std::move(definitions_)}};
  }

 private:
  static Json ref(const std::string& name) { return {{"$ref", "#/definitions/" + name}}; }
  static Json list_of(const std::string& name) { return {{"type", "array"}, {"items", ref(name)}}; }

  // An object whose "use" says which definition it follows; without one (it is
  // swept, or comes from a file that is extended) it may have the keys of any.
  Json by_use(const std::string& what, const std::vector<std::pair<std::string, std::string>>& uses) {
    Json names = Json::array(), docs = Json::array(), keys = Json::array({"use"}), rules = Json::array();
    for (const auto& [name, doc] : uses) {
      names.push_back(name);
      docs.push_back(doc);
      rules.push_back({{"if", {{"properties", {{"use", {{"const", name}}}}}, {"required", {"use"}}}},
                       {"then", ref(what + "." + name)}});
      const Json definition = definitions_[what + "." + name]["properties"];
      for (const auto& [key, ignored] : definition.items())
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    rules.push_back({{"if", {{"required", {"use"}}}},
                     {"then", true},
                     {"else", {{"propertyNames", {{"enum", std::move(keys)}}}}}});
    Json use = {{"type", "string"}, {"description", "which " + what}};
    if (!names.empty()) {
      use["enum"] = std::move(names);
      use["enumDescriptions"] = std::move(docs);
    }
    return {{"type", "object"}, {"properties", {{"use", std::move(use)}}}, {"allOf", std::move(rules)}};
  }

  // What an entry may name that follows the host's schema `what`: components of a kind.
  template <class Choose>
  void uses(const std::string& what, const std::string& kind, Choose&& chosen) {
    std::vector<std::pair<std::string, std::string>> uses;
    for (const std::string& name : catalogue_.names(kind)) {
      const Component& component = *catalogue_.find(kind, name);
      if (!chosen(component)) continue;
      Json properties = closed_all(host_schema()[what]["properties"]);
      if (what == "metric") properties["features"]["anyOf"] = {Json{{"type", "string"}}, ref("extractor")};
      if (what == "dataset") properties["select"] = selection();
      for (const auto& [key, schema] : component.parameters()["properties"].items())
        properties[key] = closed(schema);
      if (what == "extractor" && properties.contains("weights"))
        properties["weights"] = {
            {"anyOf", {properties["weights"], closed(host_schema()["trained_weights"])}}};
      if (what == "model") properties["from"] = closed(host_schema()["model_from"]);
      definitions_[what + "." + name] = {{"description", component.doc},
                                         {"properties", std::move(properties)},
                                         {"additionalProperties", false}};
      uses.emplace_back(name, component.doc);
    }
    definitions_[what] = by_use(what, uses);
  }

  Json selection() {
    Json select = closed(host_schema()["select"]);
    select["properties"]["features"]["anyOf"] = {Json{{"type", "string"}}, ref("extractor")};
    return select;
  }

  // The host's own choices: optimizers and their schedules.
  void chosen(const std::string& what) {
    const Json& host = host_schema()[what];
    std::vector<std::pair<std::string, std::string>> uses;
    for (const auto& [name, schema] : host["use"].items()) {
      Json properties = closed_all(host["all"]["properties"]);
      properties.update(closed_all(schema["properties"]));
      if (properties.contains("schedule")) properties["schedule"] = ref("schedule");
      definitions_[what + "." + name] = {{"properties", std::move(properties)},
                                         {"additionalProperties", false}};
      uses.emplace_back(name, "");
    }
    definitions_[what] = by_use(what, uses);
    if (const Json usual = host["all"]["properties"]["use"].value("default", Json()); !usual.is_null())
      definitions_[what]["properties"]["use"]["default"] = usual;
  }

  Json sections() const {
    Json train = closed(host_schema()["train"]);
    train["properties"]["augment"]["items"] = ref("transform");
    train["properties"]["from"] = closed(host_schema()["train_from"]);
    const auto players = [](const std::string& name) {
      return Json{{"type", "object"},
                  {"propertyNames", {{"pattern", "^[a-z][a-z0-9_]*$"}}},
                  {"additionalProperties", ref(name)}};
    };
    return {{"dataset", ref("dataset")},
            {"models", players("model")},
            {"losses", list_of("loss")},
            {"optimizers", players("optimizer")},
            {"train", std::move(train)},
            {"metrics", list_of("metric")},
            {"record", closed(host_schema()["record"])},
            {"checkpoint", closed(host_schema()["checkpoint"])}};
  }

  // What may stand at a path, by the pattern of the path.
  void paths(const Json& sections) {
    for (const auto& [name, schema] : sections.items()) values_["^" + name + "$"] = schema;
    of_uses("^dataset", "dataset");
    of_uses("^models\\." + kEntryName, "model");
    of_uses("^losses\\." + kIndex, "loss");
    of_uses("^metrics\\." + kIndex + "\\.features", "extractor");
    of_uses("^metrics\\." + kIndex, "metric");
    of_uses("^train\\.augment\\." + kIndex, "transform");
    of_uses("^optimizers\\." + kEntryName, "optimizer");
    of_uses("^optimizers\\." + kEntryName + "\\.schedule", "schedule");
    for (const char* name : {"train", "record", "checkpoint"})
      leaves("^" + std::string(name), sections[name]);
  }

  void of_uses(const std::string& prefix, const std::string& what) {
    values_[prefix + "$"] = ref(what);
    values_[prefix + "\\.use$"] = definitions_[what]["properties"]["use"];
    std::map<std::string, Json> choices;
    for (const auto& [name, definition] : definitions_.items()) {
      if (!name.starts_with(what + ".")) continue;
      for (const auto& [key, schema] : definition["properties"].items()) {
        Json& known = choices[key];
        if (known.is_null()) known = Json::array();
        if (key != "use" && std::find(known.begin(), known.end(), schema) == known.end())
          known.push_back(schema);
      }
    }
    for (auto& [key, schemas] : choices) {
      if (key == "use" || (what == "optimizer" && key == "schedule")) continue;
      values_[prefix + "\\." + key + "$"] = schemas.size() == 1 ? schemas[0] : Json{{"anyOf", schemas}};
    }
  }

  void leaves(const std::string& prefix, const Json& schema) {
    for (const auto& [key, entry] : schema["properties"].items()) {
      values_[prefix + "\\." + key + "$"] = entry;
      if (entry.contains("properties")) leaves(prefix + "\\." + key, entry);
    }
  }

  // {PATH: wrapped schema of the value there}
  template <class Wrap>
  Json by_path(const Wrap& wrap) const {
    Json patterns = Json::object();
    for (const auto& [pattern, schema] : values_) patterns[pattern] = wrap(schema);
    return patterns;
  }

  void sweep() {
    const Json& host = host_schema()["sweep"];
    const auto form = [&](const char* name) {
      Json schema = closed(host[name]);
      schema["required"] = host[name]["required"];
      return schema;
    };
    Json distributions = {{"uniform", form("bounds")},
                          {"log_uniform", form("log_bounds")},
                          {"integer", form("whole_bounds")},
                          {"choice", host["random"]["properties"]["choice"]}};
    Json random = form("random"), draws = form("draws");
    random["properties"].update(distributions);
    draws["properties"]["draw"] = {{"type", "object"},
                                   {"minProperties", 1},
                                   {"additionalProperties",
                                    {{"type", "object"},
                                     {"minProperties", 1},
                                     {"maxProperties", 1},
                                     {"properties", distributions},
                                     {"additionalProperties", false}}}};
    const Json values = {{"type", "array"}, {"minItems", 1}};
    Json forms = {
        {"values", values}, {"range", form("range")}, {"logspace", form("logspace")}, {"random", random}};
    const Json one_form = {{"type", "object"},
                           {"minProperties", 1},
                           {"maxProperties", 1},
                           {"properties", forms},
                           {"additionalProperties", false}};
    definitions_["list"] = {{"if", {{"type", "array"}}}, {"then", values}, {"else", one_form}};

    Json axis = one_form;
    axis["properties"]["random"] = {{"if", {{"required", {"draw"}}}}, {"then", draws}, {"else", random}};
    const auto typed_list = [](const Json& schema) {
      return Json{
          {"allOf", {ref("list"), {{"items", schema}, {"properties", {{"values", {{"items", schema}}}}}}}}};
    };
    const auto typed_axis = [](const Json& schema) {
      return Json{{"allOf", {ref("axis"), {{"properties", {{"values", {{"items", schema}}}}}}}}};
    };
    axis["properties"]["zip"] = {{"type", "object"},
                                 {"minProperties", 1},
                                 {"patternProperties", by_path(typed_list)},
                                 {"additionalProperties", ref("list")}};
    axis["properties"]["oneOf"] = {{"type", "array"}, {"minItems", 1}, {"items", ref("branch")}};
    definitions_["axis"] = std::move(axis);
    definitions_["sweep"] = {{"type", "object"},
                             {"description", "axes, multiplied in the order in which they are written"},
                             {"patternProperties", by_path(typed_axis)},
                             {"additionalProperties", ref("axis")}};

    Json branch = closed(host["branch"]);
    branch["properties"]["set"]["patternProperties"] = by_path([](const Json& schema) { return schema; });
    branch["properties"]["sweep"] = ref("sweep");
    branch["anyOf"] = {{{"required", {"set"}}}, {{"required", {"sweep"}}}};
    definitions_["branch"] = std::move(branch);
  }

  Json grid(const Json& sections) const {
    Json grid = closed(host_schema()["grid"]);
    Json& properties = grid["properties"];
    for (const auto& [name, schema] : sections.items()) properties[name] = schema;
    const Json file = {{"type", "string"}, {"minLength", 1}};
    const Json seed = {{"type", "integer"}, {"minimum", 0}};
    properties["extends"].update({{"anyOf", {file, {{"type", "array"}, {"items", file}, {"minItems", 1}}}}});
    properties["seeds"].update(
        {{"anyOf",
          {{{"type", "array"}, {"items", seed}, {"minItems", 1}},
           {{"type", "object"},
            {"properties", {{"count", {{"type", "integer"}, {"minimum", 1}}}, {"from", seed}}},
            {"required", {"count"}},
            {"additionalProperties", false}}}}});
    properties["exclude"]["items"] = {
        {"anyOf", {{{"type", "object"}, {"minProperties", 1}}, {{"type", "string"}}}}};
    properties["sweep"] = ref("sweep");
    properties["prune"].erase("type");
    properties["prune"]["anyOf"] = {ref("prune"), {{"type", "null"}}};
    return grid;
  }

  // A file that extends others may take away what they have: each definition once
  // more, with null wherever a key has a value.
  void add_partial() {
    std::map<std::string, std::string> texts;
    for (const auto& [name, definition] : definitions_.items()) {
      if (name == "axis" || name == "list" || name == "branch") continue;
      Json partial = nullable(definition);
      if (definition.contains("type")) partial["type"] = definition["type"];
      texts[name] = partial.dump();
    }
    for (auto& [name, text] : texts) {
      for (const auto& [other, ignored] : texts) {
        const std::string from = ref(other).dump(), to = ref(other + ".partial").dump();
        for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
          text.replace(at, from.size(), to);
      }
    }
    for (const auto& [name, text] : texts) definitions_[name + ".partial"] = Json::parse(text);
    for (const char* whole : {"extends", "name"})
      definitions_["grid.partial"]["properties"][whole] = definitions_["grid"]["properties"][whole];
  }

  const Catalogue& catalogue_;
  Json definitions_ = Json::object();
  std::map<std::string, Json> values_;  // pattern of a path -> schema of its value
};

}  // namespace

Json grid_json_schema(const Catalogue& catalogue) { return Writer(catalogue).write(); }

}  // namespace saddle
