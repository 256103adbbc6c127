#include <cerrno>
#include <cmath>
#include <cstring>
#include <iostream>
#include <set>
#include <sstream>

#include <cli/chart.hpp>
#include <cli/eval.hpp>
#include <cli/files.hpp>
#include <cli/plot.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>

// The truncation curve: what is lost in variety for what is gained in quality.
namespace saddle::cli {
namespace {

using Values = std::map<double, double>;  // by truncation

struct Curve {
  std::map<std::string, Values> metrics;
  std::vector<std::string> order;  // of metrics, as they came

  const Values* find(const std::string& name) const {
    const auto found = metrics.find(name);
    return found == metrics.end() ? nullptr : &found->second;
  }
};

Curve curve_of(const std::vector<Measured>& numbers) {
  Curve curve;
  for (const Measured& n : numbers) {
    if (!curve.metrics.contains(n.name)) curve.order.push_back(n.name);
    // Of two entries of one metric (under other features, say) the first is drawn.
    curve.metrics[n.name].try_emplace(n.truncation, n.value);
  }
  return curve;
}

// Where a value is lowest (or highest); NaN when none is finite.
double best(const Values& values, bool highest) {
  double at = std::nan("");
  for (const auto& [t, value] : values)
    if (std::isfinite(value) && (std::isnan(at) || (highest ? value > values.at(at) : value < values.at(at))))
      at = t;
  return at;
}

// The truncation at which the curve passes through `level`, between two measured ones on a line; NaN if it
// does not.
double crossing(const Values& values, double level) {
  for (auto right = values.begin(); right != values.end(); ++right) {
    if (right->second == level) return right->first;
    if (right == values.begin()) continue;
    const auto left = std::prev(right);
    if ((left->second - level) * (right->second - level) < 0)
      return left->first +
             (right->first - left->first) * (level - left->second) / (right->second - left->second);
  }
  return std::nan("");
}

double between(const Values& values, double t) {
  const auto right = values.lower_bound(t);
  if (right == values.end()) return std::nan("");
  if (right->first == t || right == values.begin()) return right->second;
  const auto left = std::prev(right);
  return left->second + (right->second - left->second) * (t - left->first) / (right->first - left->first);
}

struct Pair {
  std::string quality, other;  // along x and y
};

std::optional<Pair> pair_of(const Curve& curve) {
  if (curve.find("inception_score") && curve.find("frechet")) return Pair{"inception_score", "frechet"};
  if (curve.find("precision") && curve.find("recall")) return Pair{"recall", "precision"};
  return std::nullopt;
}

void print_table(const Curve& curve) {
  std::vector<Table::Column> columns = {{"truncation", true}};
  for (const std::string& name : curve.order) columns.push_back({name, true});
  Table table(columns);
  std::set<double> rows;
  for (const auto& [name, values] : curve.metrics)
    for (const auto& [t, value] : values) rows.insert(t);
  for (const double t : rows) {
    std::vector<std::string> cells = {number_text(t)};
    for (const std::string& name : curve.order) {
      const Values& values = curve.metrics.at(name);
      cells.push_back(values.contains(t) ? number_text(values.at(t)) : "-");
    }
    table.add(cells);
  }
  table.print(std::cout);
}

// Best distance; quality as held-out real data has it; best quality (the operating points of BigGAN's
// tables).
struct OperatingPoint {
  std::string name;
  double truncation;  // NaN: the curve does not pass through it
};

const char* quality_of(const Curve& curve) {
  return curve.find("inception_score") ? "inception_score" : "precision";
}

// What stands beside it: the distance, where it was measured.
const char* beside(const Curve& curve) { return curve.find("frechet") ? "frechet" : "recall"; }

Json level_of(const std::string& quality, const Json& validation) {
  return validation.is_object() ? validation["numbers"].value(quality, Json()) : Json();
}

std::vector<OperatingPoint> operating_points(const Curve& curve, const Json& validation) {
  const std::string quality = quality_of(curve);
  const Values& q = *curve.find(quality);
  std::vector<OperatingPoint> points;
  if (const Values* frechet = curve.find("frechet"))
    points.push_back({"best frechet", best(*frechet, false)});
  if (const Json level = level_of(quality, validation); level.is_number())
    points.push_back({quality + " of validation data", crossing(q, level)});
  points.push_back({"best " + quality, best(q, true)});
  return points;
}

double value_at(const Values* values, double truncation) {
  return values && !std::isnan(truncation) ? between(*values, truncation) : std::nan("");
}

void print_points(const Curve& curve, const std::vector<OperatingPoint>& points, const Json& validation) {
  const std::string quality = quality_of(curve);
  const Json level = level_of(quality, validation);
  const std::string other = beside(curve);
  Table table({{"operating point"}, {"truncation", true}, {other, true}, {quality, true}});
  const auto cell = [](double value) { return std::isnan(value) ? "-" : number_text(value); };
  for (const OperatingPoint& p : points)
    table.add({p.name + (p.name.ends_with("validation data") ? ", " + number_text(level) : ""),
               std::isnan(p.truncation) ? "none" : number_text(p.truncation),
               cell(value_at(curve.find(other), p.truncation)),
               cell(value_at(curve.find(quality), p.truncation))});
  std::cout << '\n';
  table.print(std::cout);
  if (level.is_number())
    std::cout << "validation data: " << validation["samples"] << " of the split "
              << validation["split"].get<std::string>() << '\n';
}

}  // namespace

std::string no_curve(const std::vector<Measured>& numbers) {
  if (pair_of(curve_of(numbers))) return "";
  return "--truncations draws frechet against inception_score, or precision against recall: measure "
         "--metrics frechet,inception_score --features MODEL.OUTPUT (a classifier's logits), or --metrics "
         "frechet,prdc";
}

OrderedJson operating_points(const std::vector<Measured>& numbers, const Json& validation) {
  const Curve curve = curve_of(numbers);
  OrderedJson list = OrderedJson::array();
  for (const OperatingPoint& p : operating_points(curve, validation))
    list.push_back(
        {{"name", p.name},
         {"truncation", to_json(db::Value{p.truncation})},
         {beside(curve), to_json(db::Value{value_at(curve.find(beside(curve)), p.truncation)})},
         {quality_of(curve), to_json(db::Value{value_at(curve.find(quality_of(curve)), p.truncation)})}});
  return list;
}

void print_truncation_curve(const EvalArguments& a, const std::string& trial,
                            const std::vector<Measured>& numbers, const Json& validation) {
  const Curve curve = curve_of(numbers);
  const Pair pair = pair_of(curve).value();
  const std::vector<OperatingPoint> operating = operating_points(curve, validation);
  std::vector<Point> points;
  std::vector<Mark> marks;
  for (const auto& [t, x] : curve.metrics.at(pair.quality))
    if (const Values& y = curve.metrics.at(pair.other);
        y.contains(t) && std::isfinite(x) && std::isfinite(y.at(t))) {
      points.push_back({x, y.at(t)});
      marks.push_back({points.back(), "", (std::ostringstream() << t).str()});
    }
  for (const OperatingPoint& p : operating) {
    const Point at{value_at(curve.find(pair.quality), p.truncation),
                   value_at(curve.find(pair.other), p.truncation)};
    if (std::isfinite(at.x) && std::isfinite(at.y)) marks.push_back({at, p.name, ""});
  }
  if (!a.json) {
    print_table(curve);
    print_points(curve, operating, validation);
  }
  if (a.plot.empty()) return;
  Chart chart{.title = pair.other + ", by truncation",
              .x_title = pair.quality,
              .lines = {{trial, points}},
              .logarithmic = false,
              .marks = marks};
  const std::unique_ptr<Sheet> sheet = a.plot.ends_with(".svg") ? make_svg_sheet(kChartWidth, kChartHeight)
                                                                : make_png_sheet(kChartWidth, kChartHeight);
  draw(*sheet, chart);
  if (!replace_file(a.plot, sheet->bytes()))
    throw Error("--plot: cannot write " + a.plot + ": " + std::strerror(errno), kEnvironment);
  std::cerr << a.plot << ": " << pair.other << " against " << pair.quality << '\n';
}

}  // namespace saddle::cli
