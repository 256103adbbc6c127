#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/plugins/commands.hpp>
#include <cli/reference.hpp>
#include <cli/table.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>

namespace saddle::cli {
namespace {

struct Arguments {
  std::string kind;
  bool json = false, markdown = false, again = false;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Where was searched, first to last.
void print_folders(const std::vector<std::filesystem::path>& folders) {
  const std::filesystem::path own = user_plugin_folder();
  std::cout << '\n';
  for (const std::filesystem::path& folder : folders)
    std::cout << "searched: " << folder.string() << (folder == own ? ", where plugins build puts yours" : "")
              << '\n';
}

void list(const Arguments& arguments, const Globals& globals) {
  const std::vector<std::filesystem::path> folders = plugin_search_path(globals.plugin_folders);
  const Catalogue catalogue = Catalogue::discover(folders, {.again = arguments.again});
  if (arguments.markdown) return print_reference(std::cout, catalogue, arguments.kind);
  Json list = Json::array();
  Table table({{"kind"}, {"name"}, {"version"}, {"file"}, {"what it is"}});
  for (const Component* component : catalogue.components()) {
    if (!arguments.kind.empty() && component->kind != arguments.kind) continue;
    const std::string file = component->file.string();
    list.push_back({{"name", component->name},
                    {"kind", component->kind},
                    {"version", component->version},
                    {"file", file}});
    table.add({component->kind, component->name, component->version, file, first_line(component->doc)});
  }
  if (arguments.json) {
    std::cout << list.dump(1) << '\n';
  } else if (table.size() > 0) {
    table.print(std::cout, "", terminal_columns());
  } else {
    std::cout << "no " << (arguments.kind.empty() ? "component" : arguments.kind) << " is known\n";
  }
  // With --json what cannot be used goes to stderr, so that the list stays a list.
  std::ostream& more = arguments.json ? std::cerr : std::cout;
  for (const ShadowedComponent& hidden : catalogue.shadowed()) {
    if (!arguments.kind.empty() && hidden.kind != arguments.kind) continue;
    more << "shadowed: " << hidden.kind << " " << hidden.name << " of " << hidden.file.string() << " by "
         << hidden.by.string() << '\n';
  }
  for (const BrokenPlugin& broken : catalogue.broken())
    more << "broken: " << broken.file.string() << ": " << broken.error << '\n';
  if (!arguments.json) print_folders(folders);
}

}  // namespace

void add_plugins_ls(CLI::App& plugins, Globals& globals) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* ls = plugins.add_subcommand("ls", "List them, with the files that cannot be used and why");
  ls->add_option("--kind", arguments->kind, "Only this kind")->check(CLI::IsMember(component_kinds()));
  ls->add_flag("--json", arguments->json, "[{\"name\", \"kind\", \"version\", \"file\"}]");
  ls->add_flag("--markdown", arguments->markdown, "All that they say of themselves, as a page")
      ->excludes("--json");
  ls->add_flag("--again", arguments->again, "Open files anew that crashed or hung within the last hour");
  ls->callback([arguments, &globals] { list(*arguments, globals); });
}

}  // namespace saddle::cli
