#include <cli/submissions.hpp>

#include <algorithm>

#include <cli/closing.hpp>
#include <cli/merging.hpp>
#include <cli/select.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <schedule/slurm.hpp>

namespace saddle::cli {
namespace {

namespace fs = std::filesystem;

// Of a job of which Slurm still knows; "ended" when it does not, or why it cannot be asked.
std::string queue_text(const Submission& submission) {
  if (submission.job.empty()) return "cut off while it was submitted";
  try {
    const schedule::QueuedTasks tasks = schedule::queued_tasks(submission.job);
    if (tasks.running.empty() && tasks.waiting.empty()) return "ended";
    std::string text;
    if (!tasks.running.empty()) text = std::to_string(tasks.running.size()) + " running";
    if (!tasks.waiting.empty())
      text += (text.empty() ? "" : ", ") + std::to_string(tasks.waiting.size()) + " waiting";
    return text;
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

fs::path slurm_folder(const fs::path& database) { return runs_folder(database).replace_extension(".slurm"); }

std::vector<Submission> submissions(db::Reader& reader, std::int64_t experiment) {
  std::vector<Submission> found;
  const db::Rows rows = reader.query(
      "SELECT data, time FROM events WHERE trial IS NULL AND type = 'submit'"
      " AND (?1 = 0 OR data ->> '$.experiment_id' = ?1) ORDER BY event",
      {experiment});
  for (const auto& row : rows.rows) {
    const Json data = Json::parse(text_of(row[0]));
    Submission one;
    one.folder = data.at("folder").get<std::string>();
    one.job = data.at("job");
    one.tasks = data.at("tasks");
    one.trials = data.at("trials");
    one.pack = data.at("pack");
    one.options = data.at("options").get<std::vector<std::string>>();
    one.time = text_of(row[1]);
    const auto same =
        std::find_if(found.begin(), found.end(), [&](const Submission& s) { return s.folder == one.folder; });
    if (same == found.end())
      found.push_back(one);
    else
      *same = one;
  }
  // What its user has removed, or sbatch had refused.
  std::erase_if(found, [](const Submission& one) {
    std::error_code error;
    return !fs::exists(one.folder, error);
  });
  return found;
}

std::unordered_map<std::string, std::string> removed_trials(db::Reader& reader) {
  std::unordered_map<std::string, std::string> removed;
  for (const auto& row : reader
                             .query("SELECT data ->> '$.trial_hash', max(time) FROM events"
                                    " WHERE type = 'remove' GROUP BY 1")
                             .rows)
    removed.emplace(text_of(row[0]), text_of(row[1]));
  return removed;
}

void note_submission(db::Store& store, std::int64_t experiment, const Submission& submission) {
  db::Event event;
  event.type = "submit";
  event.experiment = experiment;
  event.message = submission.job.empty() ? "to Slurm" : "Slurm job " + submission.job;
  event.data = Json{{"experiment_id", experiment},          {"job", submission.job},
                    {"folder", submission.folder.string()}, {"tasks", submission.tasks},
                    {"trials", submission.trials},          {"pack", submission.pack},
                    {"options", submission.options}}
                   .dump();
  store.add_event(event);
  store.flush();
}

void print_submissions(std::ostream& out, db::Reader& reader, std::int64_t experiment,
                       const std::string& indent, const std::string& resume) {
  const auto all = submissions(reader, experiment);
  for (const Submission& one : all)
    out << indent << "Slurm job " << (one.job.empty() ? "?" : one.job) << ", " << one.trials
        << (one.trials == 1 ? " trial in " : " trials in ") << one.tasks
        << (one.tasks == 1 ? " task: " : " tasks: ") << queue_text(one) << "; "
        << shards_in(one.shards()).size() << " shards in " << one.shards().string() << '\n';
  if (!all.empty()) out << indent << "takes them over, and submits what is missing: " << resume << '\n';
}

OrderedJson submissions_json(db::Reader& reader, std::int64_t experiment) {
  OrderedJson list = OrderedJson::array();
  for (const Submission& one : submissions(reader, experiment)) {
    OrderedJson waiting, running;
    try {
      const auto tasks = one.job.empty() ? schedule::QueuedTasks{} : schedule::queued_tasks(one.job);
      waiting = tasks.waiting.size();
      running = tasks.running.size();
    } catch (const Error&) {  // null: it cannot be asked
    }
    list.push_back({{"job", one.job},
                    {"folder", one.folder.string()},
                    {"tasks", one.tasks},
                    {"trials", one.trials},
                    {"pack", one.pack},
                    {"submitted", one.time},
                    {"waiting", waiting},
                    {"running", running},
                    {"shards", shards_in(one.shards()).size()}});
  }
  return list;
}

}  // namespace saddle::cli
