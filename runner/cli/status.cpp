#include <iostream>
#include <map>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

#include <cli/closing.hpp>
#include <cli/command.hpp>
#include <cli/progress.hpp>
#include <cli/select.hpp>
#include <cli/submissions.hpp>
#include <cli/table.hpp>
#include <common/json.hpp>
#include <db/holder.hpp>
#include <db/reader.hpp>

// saddle status: what a run in another terminal is doing. Reads the database only.
namespace saddle::cli {
namespace {

double real_of(const db::Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return static_cast<double>(integer_of(value));
}

struct Running {
  std::int64_t trial = 0, attempt = 0, pid = 0, step = 0, steps = 0;
  std::string name, started;
  double rate = 0;
  std::optional<double> left_s() const {
    if (rate <= 0 || steps <= 0) return std::nullopt;
    return static_cast<double>(steps - step) / rate;
  }
};

struct Experiment {
  std::int64_t id = 0;
  std::string name;
  std::map<std::string, std::int64_t> trials;  // by state
  double done_s = 0;                           // mean time of one
  std::vector<Running> running;

  std::int64_t count(const std::string& state) const {
    const auto found = trials.find(state);
    return found == trials.end() ? 0 : found->second;
  }
  std::int64_t all() const {
    std::int64_t sum = 0;
    for (const auto& [state, n] : trials) sum += n;
    return sum;
  }
  std::int64_t unfinished() const { return all() - count("done") - count("pruned"); }
  std::optional<double> left_s() const {
    Outlook outlook;
    outlook.ended = static_cast<int>(count("done"));
    outlook.trial_s = done_s;
    outlook.waiting = static_cast<int>(count("planned") + count("stopped"));
    outlook.slots = static_cast<int>(running.size());
    for (const Running& one : running)
      if (const auto left = one.left_s()) {
        ++outlook.running;
        outlook.running_left_s += *left;
        outlook.running_whole_s += static_cast<double>(one.steps) / one.rate;
      }
    return time_left_s(outlook);
  }
};

// Of every experiment of which something runs; failing that, of the one planned last.
std::vector<Experiment> experiments(db::Reader& reader) {
  std::map<std::string, std::vector<Running>> running;
  for (const auto& row : reader.named("running").rows)
    running[text_of(row[2])].push_back({integer_of(row[0]), integer_of(row[3]), integer_of(row[4]),
                                        integer_of(row[5]), integer_of(row[6]), text_of(row[1]),
                                        text_of(row[8]), real_of(row[7])});
  std::set<std::int64_t> ids;
  for (const auto& [name, ignored] : running) ids.insert(select_experiment(reader, name).id);
  if (ids.empty() && !reader.query("SELECT 1 FROM experiments LIMIT 1").rows.empty())
    ids.insert(select_experiment(reader, "").id);
  std::map<std::int64_t, Experiment> found;
  for (const auto& row : reader.named("tallies", {Json(ids).dump()}).rows) {
    Experiment& one = found[integer_of(row[0])];
    one.id = integer_of(row[0]);
    one.name = text_of(row[1]);
    one.trials[text_of(row[2])] = integer_of(row[3]);
    if (text_of(row[2]) == "done") one.done_s = real_of(row[4]);
  }
  std::vector<Experiment> list;
  for (auto& [id, one] : found) {
    one.running = running[one.name];
    list.push_back(std::move(one));
  }
  return list;
}

std::string rate_text(double rate) { return rate > 0 ? number_text(rate) + "/s" : "-"; }

void print(db::Reader& reader, const Globals& globals, const std::optional<db::Holder>& holder,
           const std::vector<Experiment>& experiments) {
  const std::string name = globals.database.string();
  const bool held = holder && holder->alive;
  if (held) {
    std::cout << name << ": being written by " << holder->text << '\n';
  } else if (holder) {
    std::cout << name << ": " << holder->text << " was cut off; nobody writes it now\n";
  } else {
    std::cout << name << ": nobody writes it\n";
  }
  if (experiments.empty()) std::cout << "no experiment yet; begin with: saddle run GRID.json\n";
  for (const Experiment& one : experiments) {
    std::cout << one.name << ": " << one.count("done") << " of " << one.all() << " done";
    for (const char* state : {"running", "pruned", "paused", "failed", "stopped"})
      if (one.count(state) > 0)
        std::cout << ", " << one.count(state) << (held || state != std::string("running") ? " " : " were ")
                  << state;
    if (held && !one.running.empty())
      if (const auto left = one.left_s()) std::cout << ", about " << duration_text(*left) << " left";
    std::cout << '\n';
    Table table(
        {{"trial"}, {"attempt", true}, {"pid", true}, {"step", true}, {"rate", true}, {"left", true}});
    for (const Running& running : one.running)
      table.add({running.name, std::to_string(running.attempt), std::to_string(running.pid),
                 running.steps > 0 ? std::to_string(running.step) + "/" + std::to_string(running.steps) : "-",
                 rate_text(running.rate), running.left_s() ? duration_text(*running.left_s()) : "-"});
    if (held && table.size() > 0) table.print(std::cout, "  ", terminal_columns());
    if (!held && one.unfinished() > 0)
      std::cout << "  " << one.unfinished() << " without a result: " << command_line(globals) << " resume "
                << one.name << '\n';
    print_submissions(std::cout, reader, one.id, "  ", command_line(globals) + " resume --slurm " + one.name);
  }
}

OrderedJson as_json(db::Reader& reader, const Globals& globals, const std::optional<db::Holder>& holder,
                    const std::vector<Experiment>& experiments) {
  OrderedJson json;
  json["database"] = std::filesystem::absolute(globals.database).string();
  json["held"] = holder && holder->alive;
  json["holder"] = holder ? OrderedJson(holder->text) : OrderedJson();
  json["experiments"] = OrderedJson::array();
  for (const Experiment& one : experiments) {
    OrderedJson entry;
    entry["experiment"] = one.name;
    entry["trials"] = one.all();
    for (const char* state : {"done", "running", "pruned", "paused", "failed", "stopped", "planned"})
      entry[state] = one.count(state);
    const auto left = one.running.empty() ? std::nullopt : one.left_s();
    entry["left_s"] = left ? OrderedJson(*left) : OrderedJson();
    entry["attempts"] = OrderedJson::array();
    for (const Running& running : one.running)
      entry["attempts"].push_back(
          {{"trial", running.trial},
           {"name", running.name},
           {"attempt", running.attempt},
           {"pid", running.pid},
           {"started", running.started},
           {"step", running.step},
           {"steps", running.steps},
           {"steps_per_second", running.rate},
           {"left_s", running.left_s() ? OrderedJson(*running.left_s()) : OrderedJson()}});
    entry["slurm"] = submissions_json(reader, one.id);
    json["experiments"].push_back(std::move(entry));
  }
  return json;
}

void status(bool json, const Globals& globals) {
  db::Reader reader(globals.database);
  const auto holder = db::holder_of(globals.database);
  const auto found = experiments(reader);
  if (json) return print_json(std::cout, as_json(reader, globals, holder, found));
  print(reader, globals, holder, found);
}

}  // namespace

void add_status(CLI::App& app, Globals& globals) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(
      "status", "What a run in another terminal or in Slurm is doing: who holds the database, what runs");
  command->add_flag(
      "--json", *json,
      "{\"held\", \"holder\", \"experiments\": [{..., \"attempts\": [...], \"slurm\": [...]}]}");
  command->callback([json, &globals] { status(*json, globals); });
}

}  // namespace saddle::cli
