#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/component.hpp>
#include <cli/eval.hpp>
#include <cli/pinned.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/extractor.hpp>
#include <grid/problems.hpp>

// saddle eval: a trial under any protocol, or one set of samples against another.
namespace saddle::cli {
namespace {
namespace fs = std::filesystem;
using Arguments = EvalArguments;
using Sets = EvalSets;

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
                          {"image_folder", {"path=" + Json(fs::absolute(path).string()).dump(), "size=0"}},
                          split, sets);
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

// What the worker needs to measure pictures by an extractor, or null for pixels.
Json set_features(const Catalogue& catalogue, const std::string& text) {
  if (text.empty() || text == "pixels") return nullptr;
  const Json written = features_argument(catalogue, text);
  if (!written.is_object())
    throw Error("--features " + text +
                ": expected pixels, EXTRACTOR[,key=value...], as inception_v3,output=logits, or {\"use\": "
                "EXTRACTOR, ...}; outputs of a game's models are for a TRIAL");
  Entries entries(catalogue);
  const Entry entry = check_extractor(entries, catalogue, written, "");
  Problems problems;
  for (const SchemaFault& fault : entry.faults) problems.add("--features", fault.pointer, fault.text);
  problems.throw_if_any();
  return {{"entry", entry.config}, {"file", entry.component->file.string()}};
}

void evaluate_sets(const Arguments& a, Globals& globals) {
  if (a.real.empty() || a.fake.empty()) throw Error("eval takes a TRIAL, or two sets: --real SET --fake SET");
  if (!a.trial_only.empty())
    throw Error(a.trial_only.front() + " is for a TRIAL; sets of samples are measured as they are");
  const Catalogue catalogue = catalogue_for({}, globals);
  Sets sets(a.sets);
  Json request = {{"real", source(catalogue, "--real", a.real, sets)},
                  {"fake", source(catalogue, "--fake", a.fake, sets)},
                  {"features", set_features(catalogue, a.features)},
                  {"metrics", Json::array()},
                  {"samples", a.samples},
                  {"seed", a.seed.value_or(0)},
                  {"json", a.json}};
  for (const std::string& metric :
       a.metrics.empty() ? std::vector<std::string>{"frechet", "prdc"} : a.metrics)
    request["metrics"].push_back(component_request(catalogue, "metric", metric, sets.of(metric), "--set"));
  sets.check_all_used();
  globals.exit_code = ask_worker("eval", request, "measuring");
}

// A folder where a trial is expected.
void check_no_folder(const Arguments& a, const Globals& globals) {
  std::error_code error;
  if (!fs::is_directory(a.trial, error)) return;
  try {
    db::Reader reader(globals.database);
    select_trial(reader, a.trial);
  } catch (const std::exception&) {
    throw Error("eval " + a.trial +
                ": no trial, but a folder; say what its pictures are measured against: --real SET");
  }
}

void evaluate(Arguments& a, const CLI::App& command, Globals& globals) {
  // A folder or file in the place of the trial is what is measured.
  if (std::error_code error; !a.real.empty() && a.fake.empty() && fs::exists(a.trial, error))
    std::swap(a.trial, a.fake);
  if (a.real.empty() && a.fake.empty()) check_no_folder(a, globals);
  for (const char* option : {"--split", "--weights", "--truncation", "--truncations", "--z-std",
                             "--batch-norm", "--standing-passes", "--plot", "--wait"})
    if (command.get_option(option)->count() > 0) a.trial_only.emplace_back(option);
  if (a.trial.empty()) return evaluate_sets(a, globals);
  if (!a.real.empty() || !a.fake.empty())
    throw Error("eval takes a TRIAL or --real and --fake, not both (a set of samples \"" + a.trial +
                "\" is --fake " + a.trial + ")");
  evaluate_trial(a, globals);
}

}  // namespace

void add_eval(CLI::App& app, Globals& globals) {
  const auto a = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("eval", "Measure a trial under any protocol, or one set of samples against another");
  const char* forms =
      "Safetensors file with \"features\" [n, d] or \"image\", folder of pictures (of one size, or --set "
      "image_folder.size=N), or DATASET:SPLIT";
  command
      ->add_option(
          "trial", a->trial,
          "Name or number, as saddle ls lists them; adds to what is stored of it. With --real: the set "
          "that is measured")
      ->type_name("TRIAL|SET");
  command->add_option("--real", a->real, forms)->type_name("SET");
  command->add_option("--fake", a->fake, forms)->type_name("SET");
  command->add_option("--metrics", a->metrics, "Names of metrics [the trial's own, else frechet,prdc]")
      ->delimiter(',')
      ->type_name("NAME,...");
  command->add_option("--set", a->sets, "A parameter of a metric or data set: prdc.k=3; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME.KEY=VALUE");
  command
      ->add_option("--samples", a->samples, "Of a trial: generated ones; else take so many of each set [all]")
      ->check(CLI::Range(2, 100000000))
      ->type_name("N");
  command->add_option("--seed", a->seed, "Of what is drawn [of a trial: its own; else 0]")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
  const std::string of_trial = "Of a trial";
  command
      ->add_option(
          "--features", a->features,
          "What is measured: pixels; EXTRACTOR[,key=value] or its JSON; of a trial also MODEL.OUTPUT")
      ->type_name("NAME");
  command->add_option("--split", a->split, "The real samples")->group(of_trial)->type_name("NAME");
  command->add_option("--weights", a->weights, "Averaged or last ones of the generator")
      ->check(CLI::IsMember({"ema", "raw"}))
      ->group(of_trial)
      ->type_name("ema|raw");
  command
      ->add_option("--truncation", a->truncation, "Coordinates of z are drawn again until |z| < T; 0: none")
      ->check(CLI::Range(0.0, 1000.0))
      ->group(of_trial)
      ->type_name("T");
  command->add_option("--z-std", a->z_std, "z is multiplied by it")
      ->check(CLI::Range(0.0, 1000.0))
      ->group(of_trial)
      ->type_name("S");
  command->add_option("--batch-norm", a->batch_norm, "Statistics: running, batch or standing")
      ->check(CLI::IsMember({"running", "batch", "standing"}))
      ->group(of_trial)
      ->type_name("MODE");
  command->add_option("--standing-passes", a->standing_passes, "Batches of standing statistics")
      ->check(CLI::Range(1, 1000000))
      ->group(of_trial)
      ->type_name("K");
  command
      ->add_option("--truncations", a->truncations,
                   "A curve over truncations: distance against inception score, or precision against recall")
      ->group(of_trial)
      ->type_name("T,...");
  command->add_option("--plot", a->plot, "The curve as a picture: a .png or .svg file")
      ->group(of_trial)
      ->type_name("FILE");
  command->add_flag("--wait", a->wait, "Wait while another saddle writes the database")->group(of_trial);
  command->add_flag("--json", a->json,
                    "Of sets: {METRIC: number, ..., \"protocol\"}; of a trial: what was measured");
  command->callback([a, command, &globals] { evaluate(*a, *command, globals); });
}

}  // namespace saddle::cli
