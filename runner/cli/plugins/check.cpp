#include <charconv>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/component.hpp>
#include <cli/plugins/commands.hpp>
#include <cli/plugins/kit.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>

namespace saddle::cli {
namespace {
namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> what, sets, facts, inputs;
  std::string kind;
  double timeout_s = 30;
  bool json = false, rules = false;
};

bool is_file(const std::string& argument) {
  std::error_code error;
  return argument.find('/') != std::string::npos || argument.ends_with(".so") ||
         fs::is_regular_file(argument, error);
}

// KEY=VALUE, the value JSON or else a string. A key may hold dots.
Json pairs(const std::vector<std::string>& arguments, const std::string& option) {
  Json object = Json::object();
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(option + " " + argument + ": expected KEY=VALUE");
    const std::string text = argument.substr(equals + 1);
    Json value = Json::parse(text, nullptr, false);
    object[argument.substr(0, equals)] = value.is_discarded() ? Json(text) : value;
  }
  return object;
}

// image=3x8x8 -> {"image": [3, 8, 8]}.
Json shapes(const std::vector<std::string>& arguments) {
  Json object = Json::object();
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string sizes = equals == std::string::npos ? "" : argument.substr(equals + 1);
    Json shape = Json::array();
    const char *at = sizes.data(), *const end = at + sizes.size();
    while (at < end) {
      int64_t size = 0;
      const auto [next, error] = std::from_chars(at, end, size);
      if (error != std::errc() || size < 1 || (next != end && *next != 'x')) break;
      shape.push_back(size);
      at = next == end ? end : next + 1;
    }
    if (at != end || shape.empty() || sizes.ends_with('x') || equals == 0)
      throw Error("--input " + argument + ": expected NAME=SIZES of one sample, as code=16 or code=4x8x8");
    object[argument.substr(0, equals)] = shape;
  }
  return object;
}

// The request's entry for a file, made when it is not there yet.
Json& entry_of(Json& files, const std::string& file) {
  for (Json& entry : files)
    if (entry["file"] == file) return entry;
  files.push_back({{"file", file}, {"only", Json()}});
  return files.back();
}

void add_named(const Arguments& a, const Catalogue& catalogue, const std::string& name, Json& files) {
  std::vector<std::string> names;
  bool found = false;
  for (const Component* c : catalogue.components()) {
    if (!a.kind.empty() && c->kind != a.kind) continue;
    names.push_back(c->name);
    if (c->name != name) continue;
    found = true;
    Json& entry = entry_of(files, c->file.string());
    if (entry["only"].is_null()) entry["only"] = Json::array();
    entry["only"].push_back({c->kind, c->name});
  }
  if (!found)
    throw Error("\"" + name + "\" is neither a file nor a " + (a.kind.empty() ? "component" : a.kind) +
                " on the search path. " + suggestion(name, names, 40));
}

void check(const Arguments& a, Globals& globals) {
  if (a.rules) {
    globals.exit_code = ask_worker("check", {{"rules", true}, {"json", a.json}}, "listing rules");
    return;
  }
  if (a.what.empty())
    throw Error("say what to check: a plugin file or the name of a component; --rules lists what is checked");
  Json files = Json::array();
  std::vector<std::string> names;
  for (const std::string& argument : a.what) {
    if (!is_file(argument)) {
      names.push_back(argument);
      continue;
    }
    std::error_code error;
    if (!fs::is_regular_file(argument, error)) {
      const bool source = fs::is_directory(argument, error);
      throw Error(argument +
                  (source ? ": is a folder. Build it first: " + command_name() + " plugins build " + argument
                          : ": there is no such file"));
    }
    entry_of(files, fs::absolute(argument).lexically_normal().string());
  }
  if (!names.empty()) {
    const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
    for (const std::string& name : names) add_named(a, catalogue, name, files);
  }
  const Json request = {{"files", files},
                        {"set", pairs(a.sets, "--set")},
                        {"facts", pairs(a.facts, "--fact")},
                        {"inputs", shapes(a.inputs)},
                        {"timeout_s", a.timeout_s},
                        {"json", a.json}};
  globals.exit_code = ask_worker("check", request, "checking");
}

}  // namespace

void add_plugins_check(CLI::App& plugins, Globals& globals) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = plugins.add_subcommand(
      "check",
      "Hold plugins against the rules of the ABI, one line each; a crash or a hang is a failed line");
  command->add_option("what", a->what, "Plugin files, or names of components as after \"use\"")
      ->type_name("FILE|NAME...");
  command->add_option("--kind", a->kind, "Only this kind, where several share a name")
      ->check(CLI::IsMember(component_kinds()));
  command->add_option("--set", a->sets, "A parameter of the components; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  command
      ->add_option("--fact", a->facts,
                   "A fact of the made-up trials: sample_shape=[3,64,64], classes=10; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  command
      ->add_option("--input", a->inputs,
                   "Sizes of one sample of an input that is not image, z or label; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=AxBxC");
  command->add_option("--timeout", a->timeout_s, "Seconds after which a rule counts as hanging [30]")
      ->check(CLI::PositiveNumber)
      ->type_name("S");
  command->add_flag("--rules", a->rules, "List the rules instead");
  command->add_flag("--json", a->json, "The outcome as JSON");
  command->footer("Exit code 1 when a rule does not hold.");
  command->callback([a, &globals] { check(*a, globals); });
}

}  // namespace saddle::cli
