#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>

#include <cli/chart.hpp>
#include <cli/command.hpp>
#include <cli/labels.hpp>
#include <cli/names.hpp>
#include <cli/ranking.hpp>
#include <cli/scope.hpp>
#include <cli/select.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <common/paths.hpp>

// saddle report: what experiments came to, as a page of Markdown with pictures.
namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> experiments, metrics;
  std::string out, notes;
  std::size_t sheets = 4, limit = 0;
  bool logarithmic = false;
};

constexpr std::size_t kCurves = 8;  // lines that can still be told apart

// One column of numbers: a metric under one protocol.
struct Column {
  std::string title;
  const Ranking* ranking = nullptr;
};

const RankedConfig* find(const Ranking& ranking, const std::string& config) {
  for (const RankedConfig& c : ranking.configs)
    if (c.config_hash == config) return &c;
  return nullptr;
}

std::string mean_text(const std::optional<double>& mean, const std::optional<double>& spread) {
  if (!mean) return "-";
  return number_text(*mean) + (spread ? " ± " + number_text(*spread) : "");
}

std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

void write_row(std::ostream& out, const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) out << "| " << escaped(cell) << ' ';
  out << "|\n";
}

// Trials by state, the seeds of a config, and where they ran.
void write_head(std::ostream& out, db::Reader& reader, const ExperimentRef& experiment) {
  const db::Rows rows = reader.query(
      "SELECT t.state, count(*) FROM experiment_trials x JOIN trials t USING (trial) WHERE x.experiment_id = "
      "?1 "
      "GROUP BY t.state ORDER BY count(*) DESC",
      {experiment.id});
  std::string states;
  for (const auto& row : rows.rows)
    states += (states.empty() ? "" : ", ") + std::to_string(integer_of(row[1])) + " " + text_of(row[0]);
  const db::Rows where = reader.query(
      "SELECT count(DISTINCT t.seed), count(DISTINCT t.config_hash), min(t.threads), max(t.threads), "
      "group_concat(DISTINCT t.device), group_concat(DISTINCT t.libtorch), avg(t.seconds), sum(t.seconds), "
      "substr(min(t.started), 1, 10) FROM experiment_trials x JOIN trials t USING (trial) "
      "WHERE x.experiment_id = ?1 AND t.seconds IS NOT NULL",
      {experiment.id});
  const auto& row = where.rows.at(0);
  out << experiment.trials << " trials (" << states << ")";
  if (integer_of(row[1]) == 0) {
    out << ".\n\n";
    return;
  }
  out << ": " << integer_of(row[1]) << " configs, " << integer_of(row[0]) << " seeds. Began "
      << text_of(row[8]) << "; " << value_text(row[6]) << " s a trial, " << value_text(row[7])
      << " s in all, on " << text_of(row[4]) << " with " << value_text(row[2]);
  if (integer_of(row[2]) != integer_of(row[3])) out << " to " << value_text(row[3]);
  out << (integer_of(row[3]) == 1 ? " thread" : " threads") << " a trial, LibTorch " << text_of(row[5])
      << ".\n\n";
}

// All metrics beside each other, ranked by the first; returns the ranking that ordered them.
void write_table(std::ostream& out, const Rankings& first, const Ranking& order,
                 const std::vector<Column>& columns, std::size_t limit) {
  const std::vector<std::string>& titles = first.configs.titles;
  std::vector<std::string> head{"#"}, line{"--:"};
  for (const std::string& title : titles) head.push_back(title), line.push_back("---");
  if (titles.empty()) head.push_back("config"), line.push_back("---");
  for (const Column& column : columns) head.push_back(column.title), line.push_back("--:");
  head.insert(head.end(), {"seeds", ""});
  line.insert(line.end(), {"--:", "---"});
  write_row(out, head);
  write_row(out, line);
  std::size_t place = 0;
  for (const RankedConfig& config : order.configs) {
    if (limit > 0 && place == limit) break;
    ++place;
    std::vector<std::string> cells{config.mean ? std::to_string(place) : ""};
    const auto found = first.configs.cells.find(config.config_hash);
    if (titles.empty() || found == first.configs.cells.end())
      cells.push_back(config.config_hash.substr(0, 8));
    else
      cells.insert(cells.end(), found->second.begin(), found->second.end());
    for (const Column& column : columns) {
      const RankedConfig* value = find(*column.ranking, config.config_hash);
      cells.push_back(value ? mean_text(value->mean, value->spread) : "-");
    }
    cells.insert(cells.end(), {std::to_string(config.tally.counted), config.tally.note()});
    write_row(out, cells);
  }
  // What the numbers are to be held against.
  std::vector<std::string> baselines;
  for (const Column& column : columns)
    for (const Baseline& b : column.ranking->baselines)
      if (std::find(baselines.begin(), baselines.end(), b.name) == baselines.end())
        baselines.push_back(b.name);
  for (const std::string& name : baselines) {
    std::vector<std::string> cells{"", "*" + name + "*"};
    cells.resize(1 + std::max<std::size_t>(1, titles.size()));
    for (const Column& column : columns) {
      std::string text = "";
      for (const Baseline& b : column.ranking->baselines)
        if (b.name == name) {
          text = mean_text(b.mean, b.spread);
          // What was measured otherwise than its column says how.
          if (b.protocol != column.ranking->protocol)
            text += " (" + protocol_labels({column.ranking->protocol, b.protocol}).at(b.protocol) + ")";
        }
      cells.push_back(text);
    }
    cells.insert(cells.end(), {"", ""});
    write_row(out, cells);
  }
  if (place < order.configs.size()) out << "\nand " << order.configs.size() - place << " more configs.\n";
  out << '\n';
}

void write_protocols(std::ostream& out, const std::vector<Column>& columns) {
  std::map<std::string, std::vector<std::string>> by_protocol;
  for (const Column& column : columns)
    if (!column.ranking->protocol.empty()) by_protocol[column.ranking->protocol].push_back(column.title);
  for (const auto& [protocol, titles] : by_protocol) {
    std::string names;
    for (const std::string& title : titles) names += (names.empty() ? "" : ", ") + title;
    out << "- " << names << ": `" << protocol << "`\n";
  }
  out << '\n';
}

// A name of one file: generator/total has a folder in it.
std::string file_word(std::string text) {
  for (char& c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '-';
  return text;
}

std::optional<double> number_of(const db::Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return {};
}

// The mean over the seeds of a config at each step that all of them have measured.
std::vector<Point> mean_curve(db::Reader& reader, const RankedConfig& config, const Ranking& ranking) {
  std::set<std::int64_t> keys;
  for (const auto& row : reader.named("metric_keys", {ranking.series.metric}).rows)
    if (text_of(row[2]) == ranking.protocol) keys.insert(integer_of(row[0]));
  std::map<std::int64_t, std::vector<double>> steps;
  for (const std::int64_t trial : config.trials)
    for (const auto& row : reader.named("curve", {trial, ranking.series.metric}).rows)
      if (keys.contains(integer_of(row[0])) && integer_of(row[3]) == 0)
        steps[integer_of(row[1])].push_back(std::get<double>(row[2]));
  std::size_t most = 0;
  for (const auto& [step, values] : steps) most = std::max(most, values.size());
  std::vector<Point> points;
  for (const auto& [step, values] : steps) {
    if (values.size() == most) points.push_back({static_cast<double>(step), *moments(values).mean});
  }
  return points;
}

// The pictures lie in a folder beside the page, which has its name.
struct Page {
  std::ostringstream text;
  fs::path folder;  // empty: no pictures

  void picture(const std::string& name, const std::string& bytes, const std::string& caption) {
    fs::create_directories(folder);
    if (!replace_file(folder / name, bytes))
      throw Error("--out: cannot write " + (folder / name).string() + ": " + std::strerror(errno),
                  kEnvironment);
    text << "![" << caption << "](" << folder.filename().string() << '/' << name << ")\n\n";
  }
};

void write_curves(Page& page, db::Reader& reader, const std::string& experiment, const Rankings& rankings,
                  const Ranking& ranking, bool logarithmic) {
  Chart chart{.title = ranking.series.metric + ", mean over seeds",
              .x_title = "step",
              .lines = {},
              .logarithmic = logarithmic};
  for (const RankedConfig& config : ranking.configs) {
    if (chart.lines.size() == kCurves) break;
    std::vector<Point> points = mean_curve(reader, config, ranking);
    std::string name = rankings.configs.label(config.config_hash);
    if (name.empty()) name = config.config_hash.substr(0, 8);
    if (points.size() > 1) chart.lines.push_back({std::move(name), std::move(points)});
  }
  if (chart.lines.empty()) return;
  const std::unique_ptr<Sheet> sheet = make_png_sheet(kChartWidth, kChartHeight);
  draw(*sheet, chart);
  page.picture(file_word(experiment + "-" + ranking.series.metric) + ".png", sheet->bytes(),
               ranking.series.metric + " over the steps, mean over seeds, of " +
                   std::to_string(chart.lines.size()) + " configs");
}

// The seed in the middle: neither the luckiest nor the worst stands for a config.
std::optional<std::int64_t> median_trial(db::Reader& reader, const RankedConfig& config,
                                         const Ranking& ranking) {
  std::vector<std::pair<double, std::int64_t>> values;
  for (const std::int64_t trial : config.trials)
    for (const auto& row :
         reader
             .query("SELECT " + ranking.series.column +
                        " FROM finals WHERE trial = ?1 AND metric = ?2 AND coalesce(protocol, '') = ?3",
                    {trial, ranking.series.metric, ranking.protocol})
             .rows)
      if (const std::optional<double> value = number_of(row[0]); value && std::isfinite(*value))
        values.emplace_back(*value, trial);
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2].second;
}

void write_sheets(Page& page, db::Reader& reader, const std::string& experiment, const Rankings& rankings,
                  const Ranking& ranking, std::size_t most) {
  std::size_t place = 0;
  for (const RankedConfig& config : ranking.configs) {
    if (++place > most) break;
    const auto trial = median_trial(reader, config, ranking);
    if (!trial) continue;
    const db::Rows rows = reader.query(
        "SELECT path, step, trial_name FROM artifacts WHERE trial = ?1 AND kind = 'samples' "
        "AND media_type = 'image/png' ORDER BY attempt DESC, step DESC LIMIT 1",
        {*trial});
    if (rows.rows.empty()) continue;
    const fs::path file = text_of(rows.rows[0][0]);
    if (!fs::exists(file)) {
      std::cerr << "saddle: " << file.string() << " is gone; the page goes without it\n";
      continue;
    }
    page.text << "**" << place << "** " << rankings.configs.label(config.config_hash) << " (`"
              << text_of(rows.rows[0][2]) << "`, step " << integer_of(rows.rows[0][1]) << ")\n\n";
    page.picture(file_word(experiment + "-" + std::to_string(place)) + ".png", read_file(file),
                 "samples of " + text_of(rows.rows[0][2]));
  }
}

void write_experiment(Page& page, db::Reader& reader, const std::string& word, const Options& options) {
  const ExperimentRef experiment = select_experiment(reader, word);
  const Scope scope(experiment.id);
  std::vector<std::string> metrics = options.metrics;
  if (metrics.empty()) metrics = evaluated_metrics(reader, experiment.id);
  page.text << "## " << experiment.name << "\n\n";
  write_head(page.text, reader, experiment);
  if (metrics.empty()) {
    page.text << "No trial has measured a metric yet.\n\n";
    return;
  }
  std::vector<Rankings> rankings;
  for (const std::string& metric : metrics) {
    Rankings& all = rankings.emplace_back(rank(reader, scope, metric));
    all.others = take_others(all.by_protocol, {});
  }
  std::vector<Column> columns;
  for (const Rankings& of : rankings)
    for (const Ranking& ranking : of.by_protocol)
      columns.push_back({ranking.metric +
                             (ranking.protocol_label.empty() ? "" : " (" + ranking.protocol_label + ")") +
                             (ranking.protocol.empty()   ? ""
                              : ranking.higher_is_better ? " ↑"
                                                         : " ↓"),
                         &ranking});
  const Ranking& order = rankings.front().by_protocol.front();
  write_table(page.text, rankings.front(), order, columns, options.limit);
  page.text << "Ranked by " << columns.front().title
            << "; mean ± standard deviation over seeds. Measured with:\n\n";
  write_protocols(page.text, columns);
  for (const Rankings& of : rankings)
    if (!of.others.empty())
      page.text << "Under " << of.others.size() << " other protocols there are numbers of `"
                << of.by_protocol.front().metric << "` too: `saddle best --metric "
                << of.by_protocol.front().metric << " --protocol all`.\n\n";
  if (page.folder.empty()) return;
  write_curves(page, reader, experiment.name, rankings.front(), order, options.logarithmic);
  write_sheets(page, reader, experiment.name, rankings.front(), order, options.sheets);
}

void run(const Options& options, const Globals& globals) {
  db::Reader reader(globals.database);
  Page page;
  if (!options.notes.empty()) {
    page.text << read_file(options.notes);
    page.text << '\n';
  }
  if (!options.out.empty()) {
    page.folder = fs::path(options.out).replace_extension();
    if (page.folder == fs::path(options.out))
      throw Error("--out: " + options.out +
                  " needs an ending, as RESULTS.md: pictures go to the folder RESULTS");
  }
  std::vector<std::string> experiments = options.experiments;
  if (experiments.empty()) experiments.push_back("");  // the latest
  for (const std::string& experiment : experiments) write_experiment(page, reader, experiment, options);
  std::string text = page.text.str();
  while (text.ends_with("\n\n")) text.pop_back();
  if (options.out.empty()) {
    std::cout << text;
    return;
  }
  if (!replace_file(options.out, text))
    throw Error("--out: cannot write " + options.out + ": " + std::strerror(errno), kEnvironment);
  std::cerr << options.out << ": " << experiments.size()
            << (experiments.size() == 1 ? " experiment\n" : " experiments\n");
}

}  // namespace

void add_report(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "report", "A page of Markdown: the ranked table with all metrics, protocols, curves and samples");
  command->add_option("experiments", options->experiments, "Experiments [the latest]")
      ->type_name("EXPERIMENT");
  command
      ->add_option("--out", options->out,
                   "The page; pictures go to the folder of its name [printed, without]")
      ->type_name("FILE.md");
  command->add_option("--notes", options->notes, "Text to begin the page with")->type_name("FILE");
  command
      ->add_option(
          "-m,--metric", options->metrics,
          "Metrics to show, the one that ranks first; may be repeated [all evaluated, in the grid's order]")
      ->allow_extra_args(false);
  command->add_option("--sheets", options->sheets, "Sample sheets of the first N configs [4]");
  command->add_option("-n,--limit", options->limit, "Show the first N configs [all]");
  command->add_flag("--log", options->logarithmic, "A logarithmic axis for the curves");
  command->callback([options, &globals] { run(*options, globals); });
}

}  // namespace saddle::cli
