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

db::Reason finished_reason(const std::string& text) {
  const auto reason = db::reason_from(text);
  if (reason == db::Reason::ok || reason == db::Reason::diverged || reason == db::Reason::error ||
      reason == db::Reason::cancelled)
    return *reason;
  throw std::runtime_error("it finished for an unknown reason, \"" + text + "\"");
}

}  // namespace

Attempt::Attempt(const Job& job, db::Store& store, Observer& observer, const Launch& how, const OomWatch& oom)
    : job_(job),
      store_(store),
      observer_(observer),
      from_(usable_checkpoint()),
      row_(store.begin_attempt(job.trial, {from_ ? from_->step : -1, job.train_threads, ""})),
      process_(launch(how)),
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
    const Json trial = {{"name", job_.name},
                        {"experiment", job_.experiment},
                        {"seed", job_.seed},
                        {"config", job_.config},
                        {"plugins", job_.plugins}};
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
      return on_event(Json::parse(frame.payload), frame.payload);
    case FrameType::kKey: {
      const Json key = Json::parse(frame.payload);
      const Json protocol = key.value("protocol", Json());
      keys_[key.at("id").get<std::uint32_t>()] =
          store_.metric_key(key.at("name").get<std::string>(), protocol.is_null() ? "" : protocol.dump());
      return;
    }
    case FrameType::kMetrics:
      return on_metrics(frame.payload);
    case FrameType::kProgress:
      return on_progress(parse_progress(frame.payload));
    case FrameType::kArtifact:
      return on_artifact(Json::parse(frame.payload));
  }
}

void Attempt::on_event(const Json& event, std::string_view text) {
  const std::string type = event.at("type").get<std::string>();
  if (type == "started") return on_started(event);
  if (type == "progress")  // for the eye only: not kept
    return observer_.on_activity(
        job_, event.value("component", std::string()) + ": " + event.value("what", std::string()),
        event.value("done", std::int64_t{0}), event.value("total", std::int64_t{0}));
  if (type == "finished") {
    evidence_.finished =
        Finished{finished_reason(event.at("reason").get<std::string>()),
                 event.value("message", std::string()), event.value("step", std::int64_t{-1})};
    return;
  }
  db::Event row;
  row.type = type;
  row.message = event.value("message", std::string());
  row.data = text;
  row.trial = job_.trial;
  row.attempt = row_.id;
  if (type == "checkpoint") row.message = "at step " + std::to_string(event.at("step").get<std::int64_t>());
  store_.add_event(row);
  if (type == "warning") observer_.on_warning(job_, row.message);
}

void Attempt::on_started(const Json& event) {
  db::WorkerInfo info;
  info.libtorch = event.value("libtorch", "");
  info.isa = event.value("isa", "");
  info.device = event.value("device", "");
  info.threads = event.value("threads", std::int64_t{0});
  info.resumed_from_step = event.value("resumed_from_step", std::int64_t{-1});
  for (const Json& plugin : event.value("plugins", Json::array())) {
    const std::string component = plugin.at("component").get<std::string>();
    const std::size_t slash = component.find('/');
    if (slash == std::string::npos)
      throw std::runtime_error("component \"" + component + "\" is not kind/name");
    info.plugins.push_back({component.substr(0, slash), component.substr(slash + 1),
                            plugin.value("version", ""), plugin.value("file", ""),
                            plugin.value("sha256", "")});
  }
  store_.attempt_started(row_.id, info);
  // What only some workers know to tell (parameter counts) is kept as it came.
  db::Event row;
  row.type = "started";
  row.data = event.dump();
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

void Attempt::on_artifact(const Json& artifact) {
  db::Artifact row;
  row.kind = artifact.at("kind").get<std::string>();
  row.name = artifact.at("name").get<std::string>();
  row.step = artifact.at("step").get<std::int64_t>();
  row.path = artifact.at("path").get<std::string>();
  row.sha256 = artifact.value("sha256", "");
  row.bytes = artifact.value("bytes", std::int64_t{0});
  row.media_type = artifact.value("media_type", "");
  store_.add_artifact(row_.id, row);
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
