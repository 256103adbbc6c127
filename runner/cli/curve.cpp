#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include <cli/chart.hpp>
#include <cli/command.hpp>
#include <cli/labels.hpp>
#include <cli/plot.hpp>
#include <cli/scope.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>
#include <common/paths.hpp>

// saddle curve: a metric over the steps of a trial.
namespace saddle::cli {
namespace {

struct Options {
  std::vector<std::string> trials;
  std::string metric, out;
  ScopeOptions scope;
  bool logarithmic = false, csv = false, json = false;
};

constexpr std::size_t kMostInTerminal = 52;  // there are no more letters

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
  std::map<std::int64_t, std::string> protocols;
  for (const auto& row : reader.named("metric_keys", {metric}).rows)
    protocols[integer_of(row[0])] = text_of(row[2]);
  std::vector<Curve> curves;
  std::int64_t key = 0;
  for (const auto& row : reader.named("curve", {trial.id, metric}).rows) {
    if (curves.empty() || key != integer_of(row[0]))
      curves.push_back({trial, protocols[integer_of(row[0])], {}, 0});
    key = integer_of(row[0]);
    const std::int64_t kind = integer_of(row[3]);
    curves.back().points.push_back({static_cast<double>(integer_of(row[1])), value_of(row[2], kind)});
    if (kind != 0) ++curves.back().gaps;
  }
  return curves;
}

// Those that were named, then those for which the condition holds.
std::vector<TrialRef> chosen_trials(db::Reader& reader, const Options& options) {
  std::vector<TrialRef> trials;
  for (const std::string& word : options.trials) trials.push_back(select_trial(reader, word));
  if (options.scope.experiment.empty() && options.scope.where.empty()) {
    if (trials.empty())
      throw Error("curve takes trials, -e EXPERIMENT or --where CONDITION; the trials: saddle ls");
    return trials;
  }
  const Scope scope = resolve(reader, options.scope, WithoutOptions::all).scope;
  for (const auto& row : reader.named("trials_of", scope.binds()).rows)
    if (std::none_of(trials.begin(), trials.end(),
                     [&](const TrialRef& t) { return t.id == integer_of(row[0]); }))
      trials.push_back({integer_of(row[0]), text_of(row[1]), text_of(row[2])});
  if (trials.empty()) throw Error("there is no trial for which that holds; the trials: saddle ls");
  return trials;
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

// Curves that were measured in the same way, in the order in which they came.
struct Together {
  std::string protocol, label;
  std::vector<const Curve*> curves;
};

std::vector<Together> by_protocol(const std::vector<Curve>& curves) {
  std::vector<Together> all;
  std::vector<std::string> protocols;
  for (const Curve& curve : curves) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Together& t) { return t.protocol == curve.protocol; });
    Together& own = found == all.end() ? all.emplace_back() : *found;
    if (own.curves.empty()) protocols.push_back(own.protocol = curve.protocol);
    own.curves.push_back(&curve);
  }
  if (all.size() > 1) {
    const auto labels = protocol_labels(protocols);
    for (Together& together : all) together.label = labels.at(together.protocol);
  }
  return all;
}

std::string remark(const Curve& curve, bool logarithmic) {
  std::string text;
  const Point& last = curve.points.back();
  text = number_text(last.y) + " at " + number_text(last.x);
  if (curve.gaps > 0)
    text += ", " + std::to_string(curve.gaps) + " of " + std::to_string(curve.points.size()) +
            " values are not finite";
  const auto hidden = std::count_if(curve.points.begin(), curve.points.end(),
                                    [](const Point& p) { return std::isfinite(p.y) && p.y <= 0; });
  if (logarithmic && hidden > 0) text += ", " + std::to_string(hidden) + " not above 0";
  return text;
}

// Numbers of different protocols are never drawn together.
void print_plots(const std::vector<Curve>& curves, const std::string& metric, bool logarithmic) {
  PlotStyle style;
  const std::size_t columns = terminal_columns();
  style.width = columns == 0 ? 78 : std::min<std::size_t>(columns - 1, 160);
  style.logarithmic = logarithmic;
  style.colours = columns > 0 && std::getenv("NO_COLOR") == nullptr;
  bool first = true;
  for (const Together& together : by_protocol(curves)) {
    if (!first) std::cout << '\n';
    first = false;
    std::vector<std::vector<Point>> points;
    std::vector<Point> all;
    Range x{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    for (const Curve* curve : together.curves) {
      points.push_back(curve->points);
      all.insert(all.end(), curve->points.begin(), curve->points.end());
      x = {std::min(x.low, curve->points.front().x), std::max(x.high, curve->points.back().x)};
    }
    style.height = points.size() == 1 ? 18 : 24;
    const auto name = [&](std::size_t i) {
      return together.curves[i]->trial.name + "  " + remark(*together.curves[i], logarithmic);
    };
    std::cout << metric;
    if (!together.label.empty()) std::cout << "  [" << together.label << "]";
    if (points.size() == 1) std::cout << "  " << name(0);
    std::cout << '\n' << plot(points, x, range_of_y(all, logarithmic), style);
    for (std::size_t i = 0; i < points.size() && points.size() > 1; ++i) {
      const std::string line = curve_letter(i) + "  " + name(i);
      std::cout << "  " << (style.colours ? coloured(line, i) : line) << '\n';
    }
  }
}

void write_chart(const std::vector<Curve>& curves, const std::string& metric, const Options& options) {
  const std::vector<Together> together = by_protocol(curves);
  if (together.size() > 1) {
    std::string known;
    for (const Together& t : together) known += "\n  " + t.label;
    throw Error("--out: these curves were measured in " + std::to_string(together.size()) +
                " ways, which do not belong in one chart; choose trials of one:" + known);
  }
  Chart chart{.title = metric, .x_title = "step", .lines = {}, .logarithmic = options.logarithmic};
  for (const Curve* curve : together.front().curves)
    chart.lines.push_back({curve->trial.name, curve->points});
  const bool svg = options.out.ends_with(".svg");
  const std::unique_ptr<Sheet> sheet =
      svg ? make_svg_sheet(kChartWidth, kChartHeight) : make_png_sheet(kChartWidth, kChartHeight);
  draw(*sheet, chart);
  if (!replace_file(options.out, sheet->bytes()))
    throw Error("--out: cannot write " + options.out + ": " + std::strerror(errno), kEnvironment);
  std::cerr << options.out << ": " << chart.lines.size() << (chart.lines.size() == 1 ? " curve" : " curves")
            << '\n';
}

void run(const Options& options, const Globals& globals) {
  if (!options.out.empty() && !options.out.ends_with(".png") && !options.out.ends_with(".svg"))
    throw Error("--out: " + options.out + " is neither .png nor .svg");
  db::Reader reader(globals.database);
  const std::vector<TrialRef> trials = chosen_trials(reader, options);
  const std::string metric = options.metric.empty() ? default_metric(reader, trials.front()) : options.metric;
  std::vector<Curve> curves;
  std::size_t without = 0;
  for (const TrialRef& trial : trials) {
    auto own = curves_of(reader, trial, metric);
    // A trial that was named must have it; of many, some have not come that far.
    if (own.empty() && (&trial < &trials.front() + options.trials.size() || trials.size() == 1))
      throw Error("trial " + trial.name + " has no metric \"" + metric + "\". " +
                  suggestion(metric, names_of(reader, trial), 40));
    without += own.empty() ? 1 : 0;
    for (Curve& curve : own) curves.push_back(std::move(curve));
  }
  if (curves.empty()) throw Error("none of these trials has measured " + metric);
  if (without > 0)
    std::cerr << "saddle: " << without << " of these trials have not measured " << metric << '\n';
  if (options.csv) return write_csv(curves, metric);
  if (options.json) return write_json(curves, metric);
  if (!options.out.empty()) return write_chart(curves, metric, options);
  if (curves.size() > kMostInTerminal)
    throw Error(std::to_string(curves.size()) + " curves; a terminal has letters for " +
                std::to_string(kMostInTerminal) +
                ". Choose fewer with --where, or write a picture with --out FILE.png");
  print_plots(curves, metric, options.logarithmic);
}

}  // namespace

void add_curve(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("curve", "A metric over the steps: drawn in the terminal, or as PNG");
  command->add_option("trials", options->trials, "Trials (number, name, or the beginning of name or hash)")
      ->type_name("TRIAL");
  add_scope_options(*command, options->scope, WithoutOptions::all);
  command->add_option("-m,--metric", options->metric, "Metric [frechet, else generator/total]");
  command->add_flag("--log", options->logarithmic, "A logarithmic axis; values not above 0 are gaps");
  auto* out =
      command->add_option("--out", options->out, "Write a picture: a .png or .svg file")->type_name("FILE");
  auto* csv = command->add_flag("--csv", options->csv, "trial,metric,protocol,step,value")->excludes(out);
  command->add_flag("--json", options->json, "A list of objects with points [step, value]")
      ->excludes(csv)
      ->excludes(out);
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace saddle::cli
