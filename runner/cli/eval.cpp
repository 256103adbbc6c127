#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/component.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>

namespace saddle::cli {
namespace {
namespace fs = std::filesystem;

struct Arguments {
  std::string real, fake;
  std::vector<std::string> metrics = {"frechet", "prdc"}, sets;
  int64_t samples = 0;
  uint64_t seed = 0;
  bool json = false;
};

// --set COMPONENT.KEY=VALUE, by component; what no set or metric took is an error.
class Sets {
 public:
  explicit Sets(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
      const std::size_t dot = argument.find('.');
      if (dot == std::string::npos || dot == 0 || dot > argument.find('='))
        throw Error("--set " + argument +
                    ": expected COMPONENT.KEY=VALUE, as prdc.k=3 or image_folder.size=8");
      sets_[argument.substr(0, dot)].push_back(argument.substr(dot + 1));
    }
  }
  // Of one component, with `more` before them.
  std::vector<std::string> of(const std::string& component, std::vector<std::string> more = {}) {
    used_[component] = true;
    const auto found = sets_.find(component);
    if (found != sets_.end()) more.insert(more.end(), found->second.begin(), found->second.end());
    return more;
  }
  void check_all_used() const {
    for (const auto& [component, sets] : sets_)
      if (!used_.contains(component))
        throw Error("--set " + component + "." + sets.front() + ": \"" + component +
                    "\" is neither one of the metrics nor one of the two sets");
  }

 private:
  std::map<std::string, std::vector<std::string>> sets_;
  std::map<std::string, bool> used_;
};

Json dataset_source(const Catalogue& catalogue, const std::string& argument, const Named& named,
                    const std::string& split, Sets& sets) {
  return {{"name", argument},
          {"component",
           component_request(catalogue, "dataset", named.name, sets.of(named.name, named.sets), "--set")},
          {"split", split.empty() ? Json() : Json(split)}};
}

// A file, a folder[:SPLIT], or DATASET[,key=value...]:SPLIT.
Json source(const Catalogue& catalogue, const std::string& option, const std::string& argument, Sets& sets) {
  std::error_code error;
  if (fs::is_regular_file(argument, error)) return {{"name", argument}, {"file", argument}};
  const auto folder = [&](const std::string& path, const std::string& split) {
    return dataset_source(catalogue, argument,
                          {"image_folder", {"path=" + Json(fs::absolute(path).string()).dump()}}, split,
                          sets);
  };
  if (fs::is_directory(argument, error)) return folder(argument, "");
  const std::size_t colon = argument.rfind(':');
  const std::string first = argument.substr(0, colon);
  const std::string split = colon == std::string::npos ? "" : argument.substr(colon + 1);
  if (!split.empty() && fs::is_directory(first, error)) return folder(first, split);
  const Named named = split_named(first);
  if (catalogue.find("dataset", named.name)) {
    if (split.empty()) throw Error(option + " " + argument + ": say which split, as " + argument + ":train");
    return dataset_source(catalogue, argument, named, split, sets);
  }
  const std::string what = option + " " + argument +
                           ": expected a safetensors file with a tensor \"features\" [n, d], "
                           "a folder of pictures, or DATASET:SPLIT";
  if (split.empty() || first.find('/') != std::string::npos)
    throw Error(what + "; there is no such file or folder");
  try {
    find_or_throw(catalogue, "dataset", named.name);
  } catch (const Error& e) {
    throw Error(what + "; " + e.what());
  }
  return {};
}

void evaluate(const Arguments& a, Globals& globals) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path(globals.plugin_folders));
  Sets sets(a.sets);
  Json request = {{"real", source(catalogue, "--real", a.real, sets)},
                  {"fake", source(catalogue, "--fake", a.fake, sets)},
                  {"metrics", Json::array()},
                  {"samples", a.samples},
                  {"seed", a.seed},
                  {"json", a.json}};
  for (const std::string& metric : a.metrics)
    request["metrics"].push_back(component_request(catalogue, "metric", metric, sets.of(metric), "--set"));
  sets.check_all_used();
  globals.exit_code = ask_worker("eval", request, "measuring");
}

}  // namespace

void add_eval(CLI::App& app, Globals& globals) {
  const auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("eval", "Measure one set of samples against another");
  const char* forms =
      "Safetensors file with \"features\" [n, d] or \"image\", folder of pictures, or DATASET:SPLIT";
  command->add_option("--real", a->real, forms)->required()->type_name("SET");
  command->add_option("--fake", a->fake, forms)->required()->type_name("SET");
  command->add_option("--metrics", a->metrics, "Names of metrics [frechet,prdc]")
      ->delimiter(',')
      ->type_name("NAME,...");
  command->add_option("--set", a->sets, "A parameter of a metric or data set: prdc.k=3; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME.KEY=VALUE");
  command->add_option("--samples", a->samples, "Take so many of each set, drawn by --seed [all]")
      ->check(CLI::Range(2, 100000000))
      ->type_name("N");
  command->add_option("--seed", a->seed, "Which samples are drawn [0]")->type_name("N");
  command->add_flag("--json", a->json, "{METRIC: number, ..., \"protocol\": {...}}");
  command->callback([a, &globals] { evaluate(*a, globals); });
}

}  // namespace saddle::cli
