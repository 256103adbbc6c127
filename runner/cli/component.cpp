#include <cli/component.hpp>

#include <algorithm>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <grid/host_schema.hpp>
#include <grid/problems.hpp>
#include <grid/resolve.hpp>
#include <grid/schema.hpp>
#include <grid/spec.hpp>

namespace saddle::cli {
namespace {

// The host's keys that mean something to a component on its own.
Json host_keys(const std::string& kind) {
  static const std::vector<std::string> kMeaningful = {"use", "init", "norm", "weight"};
  Json schema = host_schema()[kind];
  Json kept = Json::object();
  for (const auto& [key, entry] : schema["properties"].items())
    if (std::find(kMeaningful.begin(), kMeaningful.end(), key) != kMeaningful.end() &&
        (kind != "metric" || key == "use"))
      kept[key] = entry;
  schema["properties"] = kept;
  return schema;
}

}  // namespace

Named split_named(const std::string& argument) {
  std::vector<std::string> parts(1);
  int depth = 0;
  bool quoted = false;
  for (const char c : argument) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '[' || c == '{')) ++depth;
    if (!quoted && (c == ']' || c == '}')) --depth;
    if (c == ',' && depth == 0 && !quoted)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return {parts[0], {parts.begin() + 1, parts.end()}};
}

const Component& find_or_throw(const Catalogue& catalogue, const std::string& kind, const std::string& name) {
  if (const Component* component = catalogue.find(kind, name)) return *component;
  throw Error(unknown_component(catalogue, kind, name));
}

void check_role(const Component& component, const std::string& role) {
  if (component.roles().contains(role)) return;
  std::vector<std::string> roles;
  for (const auto& [name, entry] : component.roles().items()) roles.push_back(name);
  throw Error(component.kind + " \"" + component.name + "\" has no role \"" + role + "\". " +
              suggestion(role, roles));
}

Json component_request(const Catalogue& catalogue, const std::string& kind, const std::string& name,
                       const std::vector<std::string>& sets, const std::string& origin) {
  const Component& component = find_or_throw(catalogue, kind, name);
  Problems problems;
  Json written = {{"use", name}};
  for (const std::string& argument : sets) {
    if (argument.find('=') == std::string::npos) {
      problems.add(origin + " " + argument, "", "expected KEY=VALUE, as width=8");
      continue;
    }
    const std::optional<Override> set = parse_set(argument, problems);
    if (!set) continue;
    const std::string fault = set->path == std::vector<std::string>{"use"}
                                  ? "the name is given already"
                                  : set_at(written, set->path, set->value);
    if (!fault.empty()) problems.add(origin, set->pointer, fault);
  }
  const Json host = host_keys(kind);
  const Report report = [&](const std::string& pointer, const std::string& text, bool) {
    problems.add(origin, pointer, text);
  };
  const Json config =
      apply_schemas({&host, &component.parameters()}, written, "", kind + " \"" + name + "\"", report);
  problems.throw_if_any();
  Json request = {{"file", component.file.string()},
                  {"kind", kind},
                  {"name", name},
                  {"parameters", Json::object()},
                  {"host", Json::object()}};
  for (const auto& [key, value] : config.items())
    request[host["properties"].contains(key) ? "host" : "parameters"][key] = value;
  return request;
}

Json features_argument(const Catalogue& catalogue, const std::string& text) {
  if (text.starts_with("{")) {
    Json features = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (features.is_discarded()) throw Error("--features " + text + ": is no JSON");
    return features;
  }
  const Named named = split_named(text);
  if (!catalogue.find("model", named.name)) return text;
  Problems problems;
  Json features = {{"use", named.name}};
  for (const std::string& argument : named.sets) {
    if (argument.find('=') == std::string::npos) {
      problems.add("--features " + text, "", "expected KEY=VALUE after the name, found \"" + argument + "\"");
      continue;
    }
    const std::optional<Override> set = parse_set(argument, problems);
    const std::string fault = set ? set_at(features, set->path, set->value) : "";
    if (!fault.empty()) problems.add("--features " + text, set->pointer, fault);
  }
  problems.throw_if_any();
  return features;
}

Json model_request(const Catalogue& catalogue, const std::string& name, const std::string& role,
                   const std::vector<std::string>& sets, const std::string& origin) {
  check_role(find_or_throw(catalogue, "model", name), role);
  Json request = component_request(catalogue, "model", name, sets, origin);
  request["host"]["role"] = role;
  return request;
}

}  // namespace saddle::cli
