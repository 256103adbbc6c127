#include <check/opening.hpp>

#include <bridge/loader.hpp>
#include <check/fabricate.hpp>
#include <grid/catalogue.hpp>
#include <grid/schema.hpp>

namespace saddle::worker {
namespace {

using nlohmann::json;

// What the planner would say of the descriptions: it refuses a file for these reasons too.
std::string planners_fault(const Plugin& plugin, bool schema) {
  json components = json::array();
  for (const Component& c : plugin.components) {
    json description = c.description;
    if (!schema) {
      description["parameters"] = {{"type", "object"}, {"properties", json::object()}};
      // What a loss needs may name parameters.
      if (c.kind == "loss")
        for (json& role : description["roles"]) role["needs"] = json::array();
    }
    components.push_back(description);
  }
  Catalogue catalogue;
  catalogue.add({{"ok", true}, {"components", components}}, plugin.file, "");
  return catalogue.broken().empty() ? "" : catalogue.broken()[0].error;
}

void check_parameter(const std::string& who, const std::string& name, const json& schema, bool required) {
  const std::string what = who + ": the parameter \"" + name + "\" ";
  if (!schema.contains("type")) throw Broken(what + "has no type");
  if (schema.value("description", "").empty()) throw Broken(what + "has no description");
  if (!schema.contains("default")) {
    if (required) return;
    throw Broken(what + "has no default and is not in \"required\"");
  }
  apply_schema(schema, schema["default"], "", [&](const std::string&, const std::string& text, bool) {
    throw Broken(what + "has the default " + schema["default"].dump() +
                 ", which its own schema refuses: " + text);
  });
}

std::string schemas(const Plugin& plugin) {
  if (const std::string fault = planners_fault(plugin, true); !fault.empty()) throw Broken(fault);
  size_t count = 0;
  for (const Component& c : plugin.components) {
    const std::string who = c.kind + " " + c.name;
    const json& schema = c.description.at("parameters");
    if (schema.value("additionalProperties", json()) != json(false))
      throw Broken(who + ": \"additionalProperties\" is not false, so a misspelled parameter would pass");
    const json required = schema.value("required", json::array());
    for (const auto& [name, entry] : properties_of(c).items()) {
      ++count;
      check_parameter(who, name, entry,
                      std::find(required.begin(), required.end(), json(name)) != required.end());
    }
  }
  return std::to_string(count) + " parameters";
}

std::string descriptions(const Plugin& plugin) {
  if (const std::string fault = planners_fault(plugin, false); !fault.empty()) throw Broken(fault);
  for (const Component& c : plugin.components) {
    const std::string who = c.kind + " " + c.name;
    if (c.description.at("doc").get<std::string>().empty()) throw Broken(who + ": its \"doc\" is empty");
    for (const char* key : {"ordered", "surrogate_gradient"})
      if (c.description.contains(key) && !c.description[key].is_boolean())
        throw Broken(who + ": \"" + key + "\" must be true or false");
    const json higher = c.description.value("higher", json::array());
    if (!higher.is_array() ||
        !std::all_of(higher.begin(), higher.end(), [](const json& name) { return name.is_string(); }))
      throw Broken(who + ": \"higher\" must be a list of names of its values");
  }
  if (plugin.name.empty() || plugin.version.empty()) throw Broken("the plugin has no name or no version");
  return "";
}

}  // namespace

void check_file(const std::filesystem::path& file, Report& report) {
  const Plugin* plugin = nullptr;
  std::string broken_rule, fault;
  // The rules up to the broken one held, or the loader would have stopped there.
  const auto opened = [&](const std::string& rule) {
    return [&, rule]() -> std::string {
      if (rule == "entry") {
        try {
          plugin = &load_plugin(file);
        } catch (const Refusal& e) {
          broken_rule = e.rule;
          fault = e.what();
        }
        if (const std::string prefix = file.string() + ": "; fault.starts_with(prefix))
          fault = fault.substr(prefix.size());
      }
      if (broken_rule == rule) throw Broken(fault);
      if (!plugin && rule != "entry") throw NotApplied("\"" + broken_rule + "\" does not hold");
      return plugin && rule == "entry" ? "ABI version " + std::to_string(plugin->abi_version) : "";
    };
  };
  report.rule("entry", {}, opened("entry"));
  report.rule("operators", {"entry"}, opened("operators"));
  report.rule("description", {"entry"}, [&] {
    opened("description")();
    return descriptions(*plugin);
  });
  report.rule("schema", {"description"}, [&] { return schemas(*plugin); });
  if (!plugin || !report.held("schema")) return;
  json list = json::array();
  for (const Component& c : plugin->components) {
    json names = json::array();
    for (const auto& [name, entry] : properties_of(c).items()) names.push_back(name);
    list.push_back({{"kind", c.kind}, {"name", c.name}, {"parameters", names}});
  }
  report.tell({{"components", list}});
}

}  // namespace saddle::worker
