#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>

#include <cli/component.hpp>
#include <cli/eval.hpp>
#include <cli/pinned.hpp>
#include <cli/table.hpp>
#include <cli/trained.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <db/store.hpp>
#include <grid/plan.hpp>
#include <grid/problems.hpp>
#include <grid/resolve.hpp>
#include <grid/spec.hpp>

namespace saddle::cli {

EvalSets::EvalSets(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const std::size_t dot = argument.find('.');
    if (dot == std::string::npos || dot == 0 || dot > argument.find('='))
      throw Error("--set " + argument + ": expected COMPONENT.KEY=VALUE, as prdc.k=3 or image_folder.size=8");
    sets_[argument.substr(0, dot)].push_back(argument.substr(dot + 1));
  }
}

std::vector<std::string> EvalSets::of(const std::string& component, std::vector<std::string> more) {
  used_[component] = true;
  const auto found = sets_.find(component);
  if (found != sets_.end()) more.insert(more.end(), found->second.begin(), found->second.end());
  return more;
}

void EvalSets::check_all_used() const {
  for (const auto& [component, sets] : sets_)
    if (!used_.contains(component))
      throw Error("--set " + component + "." + sets.front() + ": \"" + component +
                  "\" is neither one of the metrics nor one of the two sets");
}

namespace {

// The entries to measure: those of the trial, or new ones by name over the trial's of that name.
std::vector<Json> entries_of(const EvalArguments& a, const Json& config) {
  const Json own = config.value("metrics", Json::array());
  std::vector<Json> entries;
  if (a.metrics.empty()) {
    entries.assign(own.begin(), own.end());
    if (entries.empty()) entries = {{{"use", "frechet"}}, {{"use", "prdc"}}};
  }
  for (const std::string& name : a.metrics) {
    const std::size_t before = entries.size();
    for (const Json& entry : own)
      if (entry["use"] == name) entries.push_back(entry);
    if (entries.size() == before) entries.push_back({{"use", name}});
  }
  return entries;
}

void override_keys(Json& entry, const EvalArguments& a, const Catalogue& catalogue) {
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) entry[key] = value;
  };
  entry["every"] = 0;
  if (!a.features.empty()) {
    entry["features"] = features_argument(catalogue, a.features);
    entry.erase("features_weights");
  }
  put("split", a.split);
  put("weights", a.weights);
  put("batch_norm", a.batch_norm);
  if (a.samples > 0) entry["samples"] = a.samples;
  if (a.standing_passes > 0) entry["standing_passes"] = a.standing_passes;
  if (a.truncation) entry["truncation"] = *a.truncation;
  if (a.z_std) entry["z_std"] = *a.z_std;
}

// The entries as the worker takes them, checked as those of a grid file are.
Json checked_entries(const EvalArguments& a, Json config, const Catalogue& catalogue) {
  EvalSets sets(a.sets);
  Problems problems;
  Json list = Json::array();
  for (Json entry : entries_of(a, config)) {
    const std::string use = entry["use"];
    override_keys(entry, a, catalogue);
    for (const std::string& set : sets.of(use)) {
      if (set.find('=') == std::string::npos) {
        problems.add("--set " + use + "." + set, "", "expected KEY=VALUE, as k=3");
        continue;
      }
      const std::optional<Override> override = parse_set(set, problems);
      if (!override) continue;
      const std::string fault = override->path.front() == "use"
                                    ? "the name is given already"
                                    : set_at(entry, override->path, override->value);
      if (!fault.empty()) problems.add("--set " + use + "." + set, override->pointer, fault);
    }
    // The trial's own entries may have differed in nothing but what is overridden.
    if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(std::move(entry));
  }
  sets.check_all_used();
  if (a.standing_passes > 0 && std::none_of(list.begin(), list.end(), [](const Json& entry) {
        return entry.value("batch_norm", Json()) == "standing";
      }))
    throw Error("--standing-passes: they are passes of standing statistics; add --batch-norm standing");
  config["metrics"] = std::move(list);
  const Resolution resolved =
      resolve(config, catalogue, [&](const std::string& pointer, const std::string& text, bool) {
        // What else there is to say was settled when the trial was planned.
        if (pointer.starts_with("/metrics")) problems.add("--metrics", pointer, text);
      });
  problems.throw_if_any();
  return resolved.config["metrics"];
}

double number_of(const Json& value) {
  if (value.is_number()) return value;
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  return value == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

std::vector<Measured> numbers_of(const Json& answer) {
  std::vector<Measured> numbers;
  for (const Json& n : answer["numbers"])
    numbers.push_back({n["name"], n["protocol"], number_of(n["value"]),
                       n["truncation"].is_number() ? n["truncation"].get<double>() : 0});
  return numbers;
}

// What a protocol says under a key, for a table; "-" for nothing.
std::string said(const Json& protocol, const char* key) {
  const Json value = protocol.value(key, Json());
  if (value.is_object() && value.contains("extractor")) return value["extractor"].get<std::string>();
  return value.is_null() ? "-" : value.is_string() ? value.get<std::string>() : value.dump();
}

void print_numbers(const std::vector<Measured>& numbers) {
  Table table({{"metric"},
               {"value", true},
               {"samples", true},
               {"features"},
               {"split"},
               {"weights"},
               {"truncation", true},
               {"z std", true},
               {"batch norm"}});
  for (const Measured& n : numbers)
    table.add(
        {n.name, number_text(n.value), said(n.protocol, "fake"), said(n.protocol, "features"),
         said(n.protocol, "split"), said(n.protocol, "weights"),
         n.truncation > 0 ? number_text(n.truncation) : "-",
         // Where nothing is drawn, neither z nor its normalisation is said.
         n.protocol.contains("batch_norm") && !n.protocol.contains("z_std") ? "1" : said(n.protocol, "z_std"),
         said(n.protocol, "batch_norm")});
  table.print(std::cout);
}

OrderedJson as_json(const std::vector<Measured>& numbers) {
  OrderedJson list = OrderedJson::array();
  for (const Measured& n : numbers)
    list.push_back({{"metric", n.name}, {"value", to_json(db::Value{n.value})}, {"protocol", n.protocol}});
  return list;
}

}  // namespace

void evaluate_trial(const EvalArguments& a, Globals& globals) {
  const std::vector<double> truncations = a.truncations.empty()
                                              ? std::vector<double>{}
                                              : number_list("--truncations", a.truncations, 0.001, 1000);
  if (!truncations.empty() && a.truncation)
    throw Error("--truncation and --truncations: one value, or a curve over several");
  if (!a.plot.empty() && truncations.empty())
    throw Error("--plot draws a curve; say over which values with --truncations");
  if (!a.plot.empty() && !a.plot.ends_with(".png") && !a.plot.ends_with(".svg"))
    throw Error("--plot: " + a.plot + " is neither .png nor .svg");
  CheckpointFile checkpoint;
  TrialRef trial;
  Json request;
  {
    db::Reader reader(globals.database);
    trial = select_trial(reader, a.trial);
    checkpoint = find_checkpoint(reader, trial);
    request["trial"] = trial_request(reader, trial);
  }
  const Catalogue catalogue = catalogue_for({}, globals);
  Json& config = request["trial"]["config"];
  config["metrics"] = checked_entries(a, config, catalogue);
  request["trial"]["plugins"] = plugin_files(config, catalogue);
  request.update({{"checkpoint", checkpoint.path.string()},
                  {"seed", a.seed ? Json(*a.seed) : Json()},
                  {"truncations", truncations},
                  {"validation", !truncations.empty()}});
  std::string text;
  globals.exit_code = ask_worker("eval", request, "measuring " + trial.name, text);
  if (globals.exit_code != 0) return;
  const Json answer = Json::parse(text);
  const std::vector<Measured> numbers = numbers_of(answer);
  const std::string no_such_curve = truncations.empty() ? "" : no_curve(numbers);
  const bool draws = !truncations.empty() && no_such_curve.empty();
  if (a.json) {
    OrderedJson object = {{"trial", trial.id},
                          {"name", trial.name},
                          {"step", answer["step"].get<std::int64_t>()},
                          {"measured", as_json(numbers)},
                          {"validation", OrderedJson::parse(answer["validation"].dump())}};
    if (draws) object["operating_points"] = operating_points(numbers, answer["validation"]);
    print_json(std::cout, object);
  } else if (!draws)
    print_numbers(numbers);
  if (draws) print_truncation_curve(a, trial.name, numbers, answer["validation"]);
  std::cout.flush();

  std::vector<db::Evaluation> rows;
  rows.reserve(numbers.size());
  for (const Measured& n : numbers)
    rows.push_back({n.name, n.protocol.dump(), answer["step"].get<std::int64_t>(), n.value});
  db::OpenOptions options{.orphan_wait = std::chrono::milliseconds(0),
                          .notice = [](const std::string& note) { std::cerr << note << '\n'; }};
  if (a.wait) options.wait = std::chrono::milliseconds::max();
  db::Store store(globals.database, options);
  const std::size_t added = store.add_evaluations(checkpoint.attempt, rows);
  store.close();
  std::cerr << trial.name << " at step " << answer["step"] << ": " << added << " values added";
  if (added < rows.size()) std::cerr << ", " << rows.size() - added << " were there already";
  std::cerr << '\n';
  // What was measured is kept all the same.
  if (!no_such_curve.empty()) throw Error(no_such_curve);
}

}  // namespace saddle::cli
