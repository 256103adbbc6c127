#include <algorithm>
#include <iostream>
#include <limits>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/labels.hpp>
#include <cli/plot.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

// saddle curve: a metric over the steps of a trial.
namespace saddle::cli {
namespace {

struct Options {
  std::vector<std::string> trials;
  std::string metric;
  bool csv = false, json = false;
};

struct Curve {
  TrialRef trial;
  std::string protocol;
  std::vector<Point> points;
  std::size_t gaps = 0;  // values that are not finite
};

std::vector<std::string> names_of(db::Reader& reader, const TrialRef& trial) {
  std::vector<std::string> names;
  for (const auto& row : reader.named("curve_names", {trial.id}).rows) names.push_back(text_of(row[0]));
  return names;
}

// What the first trial recorded and says most: an evaluated metric, or a total.
std::string default_metric(db::Reader& reader, const TrialRef& trial) {
  const std::vector<std::string> names = names_of(reader, trial);
  if (names.empty())
    throw Error("trial " + trial.name + " has recorded nothing yet; see: saddle show " + trial.name);
  for (const std::string& wanted : {std::string("frechet"), std::string("generator/total")})
    if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  for (const std::string& name : names)
    if (!is_baseline(name)) return name;
  return names.front();
}

double value_of(const db::Value& value, std::int64_t kind) {
  if (kind == 1) return std::numeric_limits<double>::quiet_NaN();
  return std::get<double>(value);
}

std::vector<Curve> curves_of(db::Reader& reader, const TrialRef& trial, const std::string& metric) {
  std::vector<Curve> curves;
  for (const auto& row : reader.named("curve", {trial.id, metric}).rows) {
    const std::string protocol = text_of(row[3]);
    if (curves.empty() || curves.back().protocol != protocol) curves.push_back({trial, protocol, {}, 0});
    const std::int64_t kind = integer_of(row[2]);
    curves.back().points.push_back({static_cast<double>(integer_of(row[0])), value_of(row[1], kind)});
    if (kind != 0) ++curves.back().gaps;
  }
  if (curves.empty())
    throw Error("trial " + trial.name + " has no metric \"" + metric + "\". " +
                suggestion(metric, names_of(reader, trial), 40));
  return curves;
}

void write_csv(const std::vector<Curve>& curves, const std::string& metric) {
  db::Rows rows{.columns = {"trial", "metric", "protocol", "step", "value"}};
  for (const Curve& curve : curves)
    for (const Point& point : curve.points)
      rows.rows.push_back(
          {curve.trial.name, metric, curve.protocol, static_cast<std::int64_t>(point.x), point.y});
  print_csv(std::cout, rows);
}

void write_json(const std::vector<Curve>& curves, const std::string& metric) {
  OrderedJson list = OrderedJson::array();
  for (const Curve& curve : curves) {
    OrderedJson points = OrderedJson::array();
    for (const Point& point : curve.points)
      points.push_back({static_cast<std::int64_t>(point.x), to_json(db::Value{point.y})});
    list.push_back({{"trial", curve.trial.id},
                    {"name", curve.trial.name},
                    {"metric", metric},
                    {"protocol", curve.protocol.empty() ? OrderedJson(nullptr)
                                                        : OrderedJson::parse(curve.protocol, nullptr, false)},
                    {"points", points}});
  }
  print_json(std::cout, list);
}

// One picture a curve, one below the other; those of one protocol on one scale,
// so that they can be compared by eye.
void print_plots(const std::vector<Curve>& curves, const std::string& metric) {
  std::map<std::string, std::vector<Point>> together;
  std::vector<std::string> protocols;
  Range x{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const Curve& curve : curves) {
    auto& all = together[curve.protocol];
    if (all.empty()) protocols.push_back(curve.protocol);
    all.insert(all.end(), curve.points.begin(), curve.points.end());
    x = {std::min(x.low, curve.points.front().x), std::max(x.high, curve.points.back().x)};
  }
  const auto labels = protocol_labels(protocols);
  const std::size_t columns = terminal_columns();
  const std::size_t width = columns == 0 ? 78 : std::min<std::size_t>(columns - 1, 160);
  const std::size_t height = curves.size() == 1 ? 18 : 11;
  for (const Curve& curve : curves) {
    if (&curve != &curves.front()) std::cout << '\n';
    std::cout << curve.trial.name << "  " << metric;
    if (protocols.size() > 1) std::cout << "  [" << labels.at(curve.protocol) << "]";
    if (curve.gaps > 0)
      std::cout << "  (" << curve.gaps << " of " << curve.points.size() << " values are not finite)";
    std::cout << '\n' << plot(curve.points, x, range_of_y(together[curve.protocol]), width, height);
  }
}

void run(const Options& options, const Globals& globals) {
  db::Reader reader(globals.database);
  std::vector<TrialRef> trials;
  for (const std::string& word : options.trials) trials.push_back(select_trial(reader, word));
  const std::string metric = options.metric.empty() ? default_metric(reader, trials.front()) : options.metric;
  std::vector<Curve> curves;
  for (const TrialRef& trial : trials)
    for (Curve& curve : curves_of(reader, trial, metric)) curves.push_back(std::move(curve));
  if (options.csv) return write_csv(curves, metric);
  if (options.json) return write_json(curves, metric);
  print_plots(curves, metric);
}

}  // namespace

void add_curve(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("curve", "A metric over the steps, drawn in the terminal");
  command->add_option("trials", options->trials, "Trials (number, name, or the beginning of name or hash)")
      ->required()
      ->type_name("TRIAL");
  command->add_option("-m,--metric", options->metric, "Metric [frechet, else generator/total]");
  auto* csv = command->add_flag("--csv", options->csv, "trial,metric,protocol,step,value");
  command->add_flag("--json", options->json, "A list of objects with points [step, value]")->excludes(csv);
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace saddle::cli
