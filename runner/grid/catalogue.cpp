#include <grid/catalogue.hpp>

#include <algorithm>

#include <common/error.hpp>
#include <common/needs.hpp>
#include <grid/host_schema.hpp>
#include <grid/schema.hpp>

namespace saddle {
namespace {

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= 60 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string text_of(const Json& description, const char* key) {
  const auto found = description.find(key);
  return found != description.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool list_of_strings(const Json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
}

std::string roles_fault(const std::string& kind, const Json& roles) {
  if (!roles.is_object()) return "\"roles\" must be an object";
  for (const auto& [role, entry] : roles.items()) {
    const std::vector<const char*> lists =
        kind == "model" ? std::vector<const char*>{"inputs", "outputs"} : std::vector<const char*>{"needs"};
    for (const char* list : lists) {
      if (!entry.is_object() || !entry.contains(list) || !list_of_strings(entry[list])) {
        return "role \"" + role + "\" must have a list of names \"" + list + "\"";
      }
    }
  }
  if ((kind == "model" || kind == "loss") && roles.empty()) return "it declares no role";
  return {};
}

// Why a description cannot be used; "" when it can. Fills in what may be left out.
std::string description_fault(Json& description) {
  if (!description.is_object()) return "a component's description must be an object";
  const std::string kind = text_of(description, "kind"), name = text_of(description, "name");
  const auto& kinds = component_kinds();
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    return "no kind of component is called \"" + kind + "\"";
  }
  if (!good_name(name)) return "\"" + name + "\" is no name for a " + kind + " (a-z, 0-9 and _)";
  const std::string what = kind + " \"" + name + "\": ";
  if (text_of(description, "version").empty()) return what + "it has no \"version\" (a string)";
  Json& parameters = description["parameters"];
  if (parameters.is_null()) parameters = {{"type", "object"}, {"properties", Json::object()}};
  if (std::string fault = schema_fault(parameters); !fault.empty()) return what + fault;
  if (text_of(parameters, "type") != "object") return what + "\"parameters\" must be a schema of type object";
  if (!parameters.contains("properties")) parameters["properties"] = Json::object();
  for (const auto& [key, ignored] : host_schema()[kind]["properties"].items()) {
    if (parameters["properties"].contains(key)) {
      return what + "the parameter \"" + key + "\" has a name that the host uses itself";
    }
  }
  Json& roles = description["roles"];
  if (roles.is_null()) roles = Json::object();
  if (std::string fault = roles_fault(kind, roles); !fault.empty()) return what + fault;
  if (kind != "loss") return {};
  for (const auto& [role, entry] : roles.items())
    for (const Json& need : entry["needs"])
      for (const std::string& parameter : parameters_in(need)) {
        const Json named = parameters["properties"].value(parameter, Json::object());
        if (text_of(named, "type") != "string" || text_of(named, "default").empty())
          return what + "it needs " + need.dump() + "; \"" + parameter +
                 "\" must be a parameter of it that is text, with a default";
      }
  return {};
}

}  // namespace

const std::vector<std::string>& component_kinds() {
  static const std::vector<std::string> kinds = {"model", "loss", "dataset", "metric", "transform"};
  return kinds;
}

void Catalogue::add(const Json& answer, const std::filesystem::path& file, const std::string& sha256) {
  const auto broken = [&](const std::string& why) { broken_.push_back({file, why}); };
  if (!answer.is_object() || !answer.contains("ok") || !answer["ok"].is_boolean()) {
    return broken("the worker's answer about it cannot be read");
  }
  if (!answer["ok"].get<bool>()) {
    const std::string why = text_of(answer, "error");
    return broken(why.empty() ? "refused without a reason" : why);
  }
  if (!answer.contains("components") || !answer["components"].is_array() || answer["components"].empty()) {
    return broken("it holds no component");
  }
  const std::string plugin =
      answer.contains("plugin") && answer["plugin"].is_object() ? text_of(answer["plugin"], "name") : "";
  std::vector<Component> found;
  for (const Json& entry : answer["components"]) {
    Json description = entry;
    if (std::string fault = description_fault(description); !fault.empty()) return broken(fault);
    found.push_back({text_of(description, "kind"), text_of(description, "name"),
                     text_of(description, "version"), text_of(description, "doc"), std::move(description),
                     file, sha256, plugin});
  }
  for (Component& component : found) {
    const auto [place, added] = components_.try_emplace({component.kind, component.name}, component);
    if (!added) {
      shadowed_.push_back({component.kind, component.name, component.version, file, place->second.file});
    }
  }
}

const Component* Catalogue::find(const std::string& kind, const std::string& name) const {
  const auto found = components_.find({kind, name});
  return found == components_.end() ? nullptr : &found->second;
}

std::vector<std::string> Catalogue::names(const std::string& kind) const {
  std::vector<std::string> result;
  for (const auto& [key, component] : components_) {
    if (key.first == kind) result.push_back(key.second);
  }
  return result;
}

std::vector<const Component*> Catalogue::components() const {
  std::vector<const Component*> result;
  for (const std::string& kind : component_kinds()) {
    for (const auto& [key, component] : components_) {
      if (key.first == kind) result.push_back(&component);
    }
  }
  return result;
}

}  // namespace saddle
