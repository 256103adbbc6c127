#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/groups.hpp>
#include <cli/scope.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>

// saddle importance: which parameter explains the spread of a metric.
namespace saddle::cli {
namespace {

constexpr double kDoubtful = 0.05;

struct Options {
  std::string metric;
  ScopeOptions scope;
  bool ranks = false, json = false;
};

// Parameters that sort the trials in the same way: nobody can tell them apart.
struct Parameter {
  std::vector<std::string> titles;
  std::vector<std::size_t> group;  // of each trial
  std::optional<Share> share;
};

struct Importance {
  std::string protocol, protocol_label;
  std::size_t trials = 0, configs = 0;
  std::string left_out;               // "1 diverged"
  std::vector<Parameter> parameters;  // the most important first
  std::optional<Share> config;        // all parameters together
  bool seeds_known = false;           // some config has two seeds or more
  bool crossed = true;                // every value met every other equally often
};

// Groups as numbers in the order in which they appear.
std::vector<std::size_t> numbered(const std::vector<std::string>& names) {
  std::map<std::string, std::size_t> numbers;
  std::vector<std::size_t> result;
  for (const std::string& name : names)
    result.push_back(numbers.try_emplace(name, numbers.size()).first->second);
  return result;
}

std::size_t count_groups(const std::vector<std::size_t>& group) {
  return group.empty() ? 0 : 1 + *std::max_element(group.begin(), group.end());
}

// Each value of one met each value of the other in proportion (Cochran's condition
// for effects that add up).
bool crossed(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> both;
  std::map<std::size_t, std::size_t> only_a, only_b;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ++both[{a[i], b[i]}];
    ++only_a[a[i]];
    ++only_b[b[i]];
  }
  for (const auto& [x, n] : only_a)
    for (const auto& [y, m] : only_b)
      if (both[{x, y}] * a.size() != n * m) return false;
  return true;
}

Importance weigh(const std::vector<Outcome>& outcomes, const std::string& protocol,
                 const Distinctions& distinctions, bool by_ranks) {
  Importance result;
  result.protocol = protocol;
  Tally tally;
  std::vector<const Outcome*> counted;
  for (const Outcome& outcome : outcomes) {
    if (outcome.measured && outcome.protocol != protocol) continue;
    const int before = tally.counted;
    tally.add(outcome);
    if (tally.counted > before) counted.push_back(&outcome);
  }
  const std::vector<double> values = by_ranks ? ranks(tally.values) : tally.values;
  result.trials = values.size();
  result.left_out = tally.note();

  const auto groups_by = [&](const auto& name) {
    std::vector<std::string> names;
    for (const Outcome* outcome : counted) names.push_back(name(*outcome));
    return numbered(names);
  };
  const std::vector<std::size_t> configs = groups_by([](const Outcome& o) { return o.config_hash; });
  result.configs = count_groups(configs);
  result.seeds_known = result.configs < result.trials;
  result.config = variance_share(values, configs);
  for (std::size_t column = 0; column < distinctions.titles.size(); ++column) {
    const auto group =
        groups_by([&](const Outcome& o) { return distinctions.cells.at(o.config_hash)[column]; });
    const auto same = std::find_if(result.parameters.begin(), result.parameters.end(),
                                   [&](const Parameter& p) { return p.group == group; });
    if (same != result.parameters.end())
      same->titles.push_back(distinctions.titles[column]);
    else if (count_groups(group) > 1)
      result.parameters.push_back({{distinctions.titles[column]}, group, variance_share(values, group)});
  }
  for (const Parameter& a : result.parameters)
    for (const Parameter& b : result.parameters)
      if (&a < &b && !crossed(a.group, b.group)) result.crossed = false;
  std::stable_sort(result.parameters.begin(), result.parameters.end(),
                   [](const Parameter& a, const Parameter& b) {
                     return (a.share ? a.share->share : -1) > (b.share ? b.share->share : -1);
                   });
  return result;
}

std::string percent(double share) { return number_text(std::round(share * 1000) / 10) + " %"; }

void add_row(Table& table, const std::string& name, std::size_t groups, const std::optional<Share>& share,
             const std::string& note) {
  table.add({name, std::to_string(groups), share ? percent(share->share) : "-",
             share ? number_text(share->chance) : "-", note});
}

void print_importance(const Options& options, const Importance& found) {
  std::cout << options.metric << ", " << found.trials << " trials of " << found.configs
            << " configs: share of the variance" << (options.ranks ? " of ranks" : "")
            << " that each parameter explains alone";
  if (!found.protocol_label.empty()) std::cout << "; measured with " << found.protocol_label;
  std::cout << '\n';
  Table table({{"parameter"}, {"values", true}, {"share", true}, {"by chance", true}, {""}});
  for (const Parameter& parameter : found.parameters) {
    std::string name;
    for (const std::string& title : parameter.titles) name += (name.empty() ? "" : " = ") + title;
    const std::size_t groups = count_groups(parameter.group);
    std::string note;
    if (!parameter.share)
      note = "no value twice: nothing can be said";
    else if (parameter.share->chance > kDoubtful)
      note = "may be chance";
    add_row(table, name, groups, parameter.share, note);
  }
  table.add_gap();
  add_row(table, "all together (config)", found.configs, found.config,
          found.config        ? ""
          : found.seeds_known ? ""
                              : "one seed a config");
  if (found.config)
    table.add({"seed", "", percent(1 - found.config->share), "", "what no parameter explains"});
  table.print(std::cout, "  ", terminal_columns());
  std::cout
      << "  share: Kelley's epsilon squared, less what as many groups of noise would explain; by chance:\n"
         "  part of 1,000 shuffles of the trials that explain as much.\n";
  if (!found.crossed)
    std::cout
        << "  Not every value met every other equally often: shares overlap, and one parameter may stand\n"
           "  for another.\n";
  if (!found.left_out.empty())
    std::cout << "  Left out: " << found.left_out
              << "; what a parameter does to that is not in these numbers.\n";
  if (found.trials < 20) std::cout << "  Only " << found.trials << " trials: take small shares for noise.\n";
}

OrderedJson share_json(const std::optional<Share>& share) {
  if (!share) return {{"share", nullptr}, {"chance", nullptr}};
  return {{"share", share->share}, {"chance", share->chance}};
}

OrderedJson to_json(const Options& options, const Importance& found) {
  OrderedJson parameters = OrderedJson::array();
  for (const Parameter& parameter : found.parameters) {
    OrderedJson object{{"parameters", parameter.titles}, {"values", count_groups(parameter.group)}};
    object.update(share_json(parameter.share));
    parameters.push_back(object);
  }
  return {{"metric", options.metric},
          {"protocol", found.protocol.empty() ? OrderedJson(nullptr)
                                              : OrderedJson::parse(found.protocol, nullptr, false)},
          {"trials", found.trials},
          {"configs", found.configs},
          {"ranks", options.ranks},
          {"parameters", parameters},
          {"together", share_json(found.config)},
          {"crossed", found.crossed}};
}

void run(const Options& options, const Globals& globals) {
  db::Reader reader(globals.database);
  const Scoped scoped = resolve(reader, options.scope, WithoutOptions::latest_experiment);
  const std::vector<Outcome> all =
      outcomes(reader, scoped.scope, find_metric(reader, options.metric, "--metric: "));
  const std::vector<std::string> protocols = protocols_of(all);
  if (protocols.empty()) throw Error("none of these trials has measured " + options.metric);
  const Distinctions distinctions = distinguish(reader, scoped.scope);
  if (distinctions.titles.empty())
    throw Error("no parameter differs between these trials: nothing can explain a spread");
  const auto labels = protocol_labels(protocols);
  OrderedJson list = OrderedJson::array();
  for (const std::string& protocol : protocols) {
    Importance found = weigh(all, protocol, distinctions, options.ranks);
    if (protocols.size() > 1) found.protocol_label = labels.at(protocol);
    if (options.json) {
      list.push_back(to_json(options, found));
      continue;
    }
    if (&protocol != &protocols.front()) std::cout << '\n';
    if (!scoped.experiment.name.empty()) std::cout << scoped.experiment.name << ": ";
    print_importance(options, found);
  }
  if (options.json) print_json(std::cout, list);
}

}  // namespace

void add_importance(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("importance", "Which parameter explains the spread of a metric");
  command
      ->add_option("-m,--metric", options->metric,
                   "Metric, as frechet; frechet.min: its lowest value instead of the last")
      ->required();
  add_scope_options(*command, options->scope, WithoutOptions::latest_experiment);
  command->add_flag("--ranks", options->ranks,
                    "Of the trials' places instead of their values, so that outliers weigh little");
  command->add_flag("--json", options->json, "A list with an object for each protocol");
  command->footer(
      "The share is Kelley's epsilon squared (1935): the part of the variance that lies between the groups\n"
      "of trials with one value each, less what so many groups of noise would have. \"by chance\" is\n"
      "Fisher's permutation test. Compare fANOVA (Hutter and others 2014), which models what was not run.");
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace saddle::cli
