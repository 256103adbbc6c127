#include <schedule/attempt.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/sha256.hpp>

namespace saddle::schedule {
namespace {

namespace fs = std::filesystem;

constexpr auto kTellEvery = std::chrono::seconds(1);

// <runs>/<trial>/attempt-<n>. One of that name is there already when the
// database was made anew and its folder was kept: what lies in it is not ours.
fs::path make_folder(const fs::path& runs, const std::string& trial, std::int64_t number) {
  const fs::path parent = runs / trial;
  std::error_code error;
  fs::create_directories(parent, error);
  const std::string name = "attempt-" + std::to_string(number);
  for (int extra = 1; !error; ++extra) {
    const fs::path folder = parent / (extra == 1 ? name : name + "." + std::to_string(extra));
    if (fs::create_directory(folder, error)) return folder;
  }
  throw Error("cannot make a folder in " + parent.string() + ": " + error.message(), kEnvironment);
}

}  // namespace

Attempt::Attempt(const Job& job, db::Store& store, Observer& observer, const Launch& how, const OomWatch& oom)
    : job_(job),
      store_(store),
      observer_(observer),
      from_(usable_checkpoint()),
      row_(store.begin_attempt(job.trial, {from_ ? from_->step : -1, job.train_threads, ""})),
      process_(launch(how)),
      watched_(how.watched),
      wanted_protocol_(how.watched_protocol),
      oom_at_start_(oom.now()) {
  store_.attempt_spawned(row_.id, process_.pid(), folder_);
  observer_.on_start(job_, row_.number, from_ ? from_->step : -1);
}

// Only a file with the recorded hash belongs to the recorded step. A worker that
// was killed after it had replaced its checkpoint, but before it said so, leaves
// the recorded one under the name "previous".
std::optional<db::Checkpoint> Attempt::usable_checkpoint() {
  if (job_.from_scratch) return std::nullopt;
  for (db::Checkpoint checkpoint : store_.checkpoints(job_.trial)) {
    const fs::path& path = checkpoint.path;
    const fs::path previous =
        path.parent_path() / (path.stem().string() + ".previous" + path.extension().string());
    for (const fs::path& file : {path, previous}) {
      std::error_code error;
      if (!fs::is_regular_file(file, error) || sha256_file(file) != checkpoint.sha256) continue;
      checkpoint.path = file;
      return checkpoint;
    }
  }
  return std::nullopt;
}

Process Attempt::launch(const Launch& how) {
  try {
    folder_ = make_folder(how.runs, job_.name, row_.number);
    const Json trial = {
        {"name", job_.name},       {"experiment", job_.experiment},
        {"seed", job_.seed},       {"config", job_.config},
        {"plugins", job_.plugins}, {"pins", job_.pins.is_null() ? Json::object() : job_.pins}};
    const fs::path trial_file = folder_ / "trial.json";
    if (!replace_file(trial_file, trial.dump(2) + "\n"))
      throw Error("cannot write " + trial_file.string() + ": is the disk full?", kEnvironment);

    const std::string threads = std::to_string(job_.train_threads);
    Command command;
    command.argv = {how.worker.string(), "train",          "--trial",     trial_file.string(),
                    "--folder",          folder_.string(), "--frames-fd", std::to_string(kWorkerFd)};
    if (from_) command.argv.insert(command.argv.end(), {"--resume", from_->path.string()});
    command.environment = {{"OMP_NUM_THREADS", threads}, {"MKL_NUM_THREADS", threads}};
    if (!how.gpu.empty()) command.environment.emplace_back("CUDA_VISIBLE_DEVICES", how.gpu);
    command.output = folder_ / "output.log";
    command.data_limit_bytes = evidence_.data_limit_bytes = how.data_limit_bytes;
    if (how.forks != nullptr) {
      if (auto process = how.forks->start(command)) return std::move(*process);
    }
    return Process::start(command);
  } catch (const std::exception& e) {
    db::AttemptEnd end;
    end.reason = db::Reason::error;
    end.message = e.what();
    store_.finish_attempt(row_.id, end);
    throw;
  }
}

void Attempt::read_frames(std::size_t limit) {
  try {
    char piece[1 << 16];
    for (std::size_t total = 0; total < limit && process_.frames_fd() >= 0;) {
      const ssize_t n = ::read(process_.frames_fd(), piece, sizeof(piece));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return process_.close_frames();
      total += static_cast<std::size_t>(n);
      reader_.feed(piece, static_cast<std::size_t>(n));
      for (Frame frame; reader_.next(frame);) handle(frame);
    }
  } catch (const db::Error&) {
    throw;
  } catch (const std::exception& e) {
    evidence_.protocol_error = std::string("what the worker sent cannot be understood: ") + e.what();
    process_.close_frames();
    process_.kill();
  }
}

void Attempt::handle(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kEvent:
      return std::visit([&](const auto& message) { on_event(message, frame.payload); },
                        read_event(frame.payload));
    case FrameType::kKey: {
      const MetricName key = read_metric_name(frame.payload);
      if (!watched_.empty() && key.name == watched_) {
        if (watched_key_ || (wanted_protocol_ && key.protocol != *wanted_protocol_)) {
          saw_other_protocol_ = saw_other_protocol_ || key.protocol != protocol_;
        } else {
          watched_key_ = key.id;
          protocol_ = key.protocol;
        }
      }
      keys_[key.id] = store_.metric_key(key.name, key.protocol);
      return;
    }
    case FrameType::kMetrics:
      return on_metrics(frame.payload);
    case FrameType::kProgress:
      return on_progress(parse_progress(frame.payload));
    case FrameType::kArtifact:
      return store_.add_artifact(row_.id, read_artifact(frame.payload));
  }
}

// What only some workers know to tell (parameter counts) is kept as it came.
void Attempt::on_event(const db::WorkerInfo& info, std::string_view text) {
  db::WorkerInfo known = info;
  for (db::PluginUsed& plugin : known.plugins)
    if (job_.taken_from.is_object()) plugin.file = job_.taken_from.value(plugin.file, plugin.file);
  store_.attempt_started(row_.id, known);
  keep("started", "", text);
}

void Attempt::on_event(const Activity& activity, std::string_view) {
  observer_.on_activity(job_, activity.what, activity.done, activity.total);
}

void Attempt::on_event(const Finished& finished, std::string_view) { evidence_.finished = finished; }

void Attempt::on_event(const Note& note, std::string_view text) {
  keep(note.type, note.message, text);
  if (note.type == "warning") observer_.on_warning(job_, note.message);
}

void Attempt::keep(const std::string& type, const std::string& message, std::string_view text) {
  db::Event row;
  row.type = type;
  row.message = message;
  row.data = text;
  row.trial = job_.trial;
  row.attempt = row_.id;
  store_.add_event(row);
}

void Attempt::on_metrics(std::string_view payload) {
  rows_.clear();
  for_each_row(payload, [&](const MetricRow& row) {
    const auto key = keys_.find(row.key);
    if (key == keys_.end())
      throw std::runtime_error("metric key " + std::to_string(row.key) + " was never declared");
    rows_.push_back({key->second, row.step, row.value});
    if (row.key == watched_key_) watched_values_.emplace_back(row.step, row.value);
    evidence_.last_step = std::max(evidence_.last_step, row.step);
  });
  store_.append_metrics(row_.id, rows_);
}

void Attempt::on_progress(const ProgressReport& report) {
  evidence_.last_step = std::max(evidence_.last_step, report.step);
  const auto now = Clock::now();
  if (!told_ || now - *told_ >= kTellEvery) {
    db::Progress progress{report.step, report.total, report.rounds_per_second, {}};
    if (!told_)
      progress.first_step_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
    store_.report_progress(row_.id, progress);
    told_ = now;
  }
  observer_.on_progress(job_, report);
}

void Attempt::stop(std::chrono::milliseconds grace) {
  if (stopping()) return;
  grace_end_ = Clock::now() + grace;
  process_.terminate();
}

void Attempt::cancel(std::chrono::milliseconds grace) {
  evidence_.cancelled = true;
  stop(grace);
}

void Attempt::time_out(std::chrono::milliseconds grace, double time_limit_s) {
  evidence_.timed_out = true;
  evidence_.time_limit_s = time_limit_s;
  stop(grace);
}

void Attempt::prune(std::chrono::milliseconds grace, const std::string& why) {
  evidence_.pruned = why;
  stop(grace);
}

void Attempt::pause(std::chrono::milliseconds grace, const std::string& why) {
  evidence_.paused = why;
  stop(grace);
}

void Attempt::kill() {
  evidence_.cancelled = true;
  process_.kill();
}

db::AttemptEnd Attempt::finish(OomWatch& oom) {
  while (process_.frames_fd() >= 0) {
    // All it wrote is in the pipe; EAGAIN means that a child of its own holds the other end.
    const auto before = reader_.bytes_read();
    read_frames(std::size_t{1} << 20);
    if (reader_.bytes_read() == before) break;
  }
  evidence_.process = process_.wait();
  evidence_.out_of_memory = evidence_.process.signal == SIGKILL && !stopping() &&
                            evidence_.protocol_error.empty() && oom.explains_death_since(oom_at_start_);
  if (!evidence_.finished) evidence_.output_tail = last_lines(folder_ / "output.log", 4);
  const db::AttemptEnd end = judge(evidence_);
  store_.finish_attempt(row_.id, end);
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  observer_.on_end(job_, end, seconds, folder_);
  return end;
}

}  // namespace saddle::schedule
