#include <algorithm>
#include <cmath>
#include <ostream>
#include <set>
#include <sstream>
#include <unordered_map>

#include <cli/export.hpp>
#include <cli/labels.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>

// Trials and their values as CSV and as JSON lines.
namespace saddle::cli {
namespace {

// What pandas, R and numpy read as the number that it is.
std::string csv_text(const db::Value& value) {
  const auto* real = std::get_if<double>(&value);
  return real && std::isnan(*real) ? "NaN" : exact_text(value);
}

std::string csv_text(const ExportedParam& param) {
  if (param.type == "boolean") return integer_of(param.value) != 0 ? "true" : "false";
  return exact_text(param.value);
}

// JSON has no such numbers; float("NaN") and float("-Infinity") of Python read these.
OrderedJson json_of(const db::Value& value) {
  const auto* real = std::get_if<double>(&value);
  if (!real || std::isfinite(*real)) return to_json(value);
  if (std::isnan(*real)) return "NaN";
  return *real > 0 ? "Infinity" : "-Infinity";
}

OrderedJson json_of(const ExportedParam& param) {
  if (param.type == "boolean") return integer_of(param.value) != 0;
  if (param.type == "array" || param.type == "object")
    return OrderedJson::parse(text_of(param.value), nullptr, false);
  return json_of(param.value);
}

OrderedJson protocol_json(const std::string& protocol) {
  return protocol.empty() ? OrderedJson(nullptr) : OrderedJson::parse(protocol, nullptr, false);
}

void write_line(std::ostream& out, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) out << (i > 0 ? "," : "") << csv_field(cells[i]);
  out << '\n';
}

void write_object(std::ostream& out, const OrderedJson& object) {
  out << object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) << '\n';
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// What a column of export_finals is in one row, not finite or not.
db::Value cell_of(const db::Rows& finals, const std::vector<db::Value>& row, const std::string& column) {
  const auto at = std::find(finals.columns.begin(), finals.columns.end(), column) - finals.columns.begin();
  const db::Value& value = row[static_cast<std::size_t>(at)];
  return column == "last" ? with_kind(value, integer_of(row[2])) : value;
}

std::unordered_map<std::int64_t, std::size_t> places_of(const Selection& selection) {
  std::unordered_map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < selection.metrics.size(); ++i) places[selection.metrics[i].key] = i;
  return places;
}

const std::vector<ExportedParam>& params_of(const Selection& selection, const std::vector<db::Value>& trial) {
  static const std::vector<ExportedParam> none;
  const auto found = selection.params.find(integer_of(trial.back()));
  return found == selection.params.end() ? none : found->second;
}

// One value of a curve: of the trial's row, of the metric, and of export_metrics.
using Write =
    std::function<void(const std::vector<db::Value>&, const ExportedMetric&, const std::vector<db::Value>&)>;

void for_each_value(db::Reader& reader, const Selection& selection, const Write& write) {
  const auto places = places_of(selection);
  for (const auto& trial : selection.trials.rows)
    for (const auto& row : curves_of(reader, integer_of(trial[0]), selection).rows)
      write(trial, selection.metrics[places.at(integer_of(row[1]))], row);
}

void csv_trials(std::ostream& out, db::Reader& reader, const Selection& selection) {
  std::set<std::string> paths;
  for (const auto& [config, params] : selection.params)
    for (const ExportedParam& param : params) paths.insert(param.path);

  std::vector<std::string> titles(selection.trials.columns.begin(), selection.trials.columns.end() - 1);
  std::unordered_map<std::string, std::size_t> place_of_param;
  for (const std::string& path : paths) {
    place_of_param[path] = titles.size();
    titles.push_back("params." + path);
  }
  std::unordered_map<std::int64_t, std::vector<std::pair<std::string, std::size_t>>> columns_of_key;
  for (const ExportedMetric& metric : selection.metrics)
    for (const std::string& column : words_of(metric.columns)) {
      columns_of_key[metric.key].emplace_back(column, titles.size());
      titles.push_back("finals." + metric.title + (column == "last" ? "" : "." + column));
    }
  write_line(out, titles);

  for (const auto& trial : selection.trials.rows) {
    std::vector<std::string> cells(titles.size());
    for (std::size_t i = 0; i + 1 < trial.size(); ++i) cells[i] = csv_text(trial[i]);
    for (const ExportedParam& param : params_of(selection, trial))
      cells[place_of_param.at(param.path)] = csv_text(param);
    const db::Rows finals = reader.named("export_finals", {trial[0]});
    for (const auto& row : finals.rows)
      if (const auto found = columns_of_key.find(integer_of(row[0])); found != columns_of_key.end())
        for (const auto& [column, place] : found->second)
          cells[place] = csv_text(cell_of(finals, row, column));
    write_line(out, cells);
  }
}

void json_trials(std::ostream& out, db::Reader& reader, const Selection& selection) {
  const auto places = places_of(selection);
  for (const auto& trial : selection.trials.rows) {
    OrderedJson object = OrderedJson::object();
    for (std::size_t i = 0; i + 1 < trial.size(); ++i)
      object[selection.trials.columns[i]] = json_of(trial[i]);
    OrderedJson& params = object["params"] = OrderedJson::object();
    for (const ExportedParam& param : params_of(selection, trial)) params[param.path] = json_of(param);
    OrderedJson& list = object["finals"] = OrderedJson::array();
    const db::Rows finals = reader.named("export_finals", {trial[0]});
    for (const auto& row : finals.rows) {
      const auto place = places.find(integer_of(row[0]));
      if (place == places.end()) continue;
      const ExportedMetric& metric = selection.metrics[place->second];
      OrderedJson& own = list.emplace_back();
      own = {{"metric", metric.name}, {"protocol", protocol_json(metric.protocol)}};
      for (const char* column : {"last", "last_step", "min", "argmin", "max", "argmax", "n", "n_nan"})
        own[column] = json_of(cell_of(finals, row, column));
    }
    write_object(out, object);
  }
}

}  // namespace

void export_csv(std::ostream& out, db::Reader& reader, const Selection& selection, bool curves) {
  if (!curves) return csv_trials(out, reader, selection);
  write_line(out, {"trial", "name", "experiment", "metric", "protocol", "step", "value", "attempt"});
  for_each_value(reader, selection, [&](const auto& trial, const ExportedMetric& metric, const auto& row) {
    write_line(out,
               {exact_text(trial[0]), text_of(trial[1]), text_of(trial[2]), metric.name, metric.protocol,
                exact_text(row[0]), csv_text(with_kind(row[2], integer_of(row[3]))), exact_text(row[4])});
  });
}

void export_json_lines(std::ostream& out, db::Reader& reader, const Selection& selection, bool curves) {
  if (!curves) return json_trials(out, reader, selection);
  for_each_value(reader, selection, [&](const auto& trial, const ExportedMetric& metric, const auto& row) {
    write_object(out, {{"trial", to_json(trial[0])},
                       {"name", to_json(trial[1])},
                       {"experiment", to_json(trial[2])},
                       {"metric", metric.name},
                       {"protocol", protocol_json(metric.protocol)},
                       {"step", to_json(row[0])},
                       {"value", json_of(with_kind(row[2], integer_of(row[3])))},
                       {"attempt", to_json(row[4])}});
  });
}

}  // namespace saddle::cli
