#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/plugins/commands.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>
#include <grid/host_schema.hpp>
#include <grid/schema.hpp>

namespace saddle::cli {
namespace {

struct Arguments {
  std::string name, kind;
  bool json = false;
};

void print_parameters(const Json& schema) {
  Table table({{"name"}, {"default"}, {"takes"}, {"what it is"}});
  const Json required = schema.value("required", Json::array());
  for (const auto& [name, entry] : schema["properties"].items()) {
    const bool needed = std::find(required.begin(), required.end(), Json(name)) != required.end();
    const std::string standard = needed                      ? "required"
                                 : entry.contains("default") ? entry["default"].dump()
                                                             : "optional";
    table.add({name, standard, describe_schema(entry), entry.value("description", "")});
  }
  table.print(std::cout, "  ");
}

void print_names(const std::string& label, const Json& names) {
  std::cout << "    " << label << ":";
  for (const Json& name : names) std::cout << ' ' << name.get<std::string>();
  std::cout << '\n';
}

void print_component(const Component& component) {
  std::cout << component.kind << ' ' << component.name << ", version " << component.version;
  if (!component.plugin.empty()) std::cout << ", of plugin " << component.plugin;
  std::cout << '\n' << component.file.string() << "\nsha256 " << component.sha256 << "\n\n";
  if (!component.doc.empty()) std::cout << component.doc << "\n\n";
  if (!component.parameters()["properties"].empty()) {
    std::cout << "parameters\n";
    print_parameters(component.parameters());
  } else {
    std::cout << "no parameters of its own\n";
  }
  const Json& host = host_schema()[component.kind];
  if (host["properties"].size() > 1) {  // more than "use"
    std::cout << "every " << component.kind << " also takes\n";
    Json others = host;
    others["properties"].erase("use");
    print_parameters(others);
  }
  if (!component.roles().empty()) std::cout << "roles\n";
  for (const auto& [role, entry] : component.roles().items()) {
    std::cout << "  " << role << '\n';
    for (const char* part : {"inputs", "outputs", "needs"}) {
      if (entry.contains(part)) print_names(part, entry[part]);
    }
  }
}

void show(const Arguments& arguments, const Globals& globals) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  std::vector<const Component*> found;
  std::vector<std::string> names, kinds;
  for (const Component* component : catalogue.components()) {
    if (!arguments.kind.empty() && component->kind != arguments.kind) continue;
    names.push_back(component->name);
    if (component->name == arguments.name) found.push_back(component), kinds.push_back(component->kind);
  }
  const std::string what = arguments.kind.empty() ? "component" : arguments.kind;
  if (found.empty()) {
    throw Error("no " + what + " \"" + arguments.name + "\". " + suggestion(arguments.name, names, 40));
  }
  if (found.size() > 1) {
    std::string text;
    for (const std::string& kind : kinds) text += (text.empty() ? "" : ", ") + kind;
    throw Error("\"" + arguments.name + "\" is the name of several components (" + text +
                "); say which with --kind");
  }
  if (!arguments.json) return print_component(*found.front());
  Json description = found.front()->description;
  description["file"] = found.front()->file.string();
  description["sha256"] = found.front()->sha256;
  description["plugin"] = found.front()->plugin;
  std::cout << description.dump(1) << '\n';
}

}  // namespace

void add_plugins_show(CLI::App& plugins, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* one = plugins.add_subcommand("show", "One of them: its doc, parameters, roles and what it needs");
  one->add_option("name", arguments->name, "Name, as after \"use\"")->required()->type_name("NAME");
  one->add_option("--kind", arguments->kind, "Its kind, where several share a name")
      ->check(CLI::IsMember(component_kinds()));
  one->add_flag("--json", arguments->json, "Its whole description");
  one->callback([arguments, &globals] { show(*arguments, globals); });
}

}  // namespace saddle::cli
