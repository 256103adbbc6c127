#include "db/store.hpp"

#include <csignal>
#include <thread>

#include "db/migrate.hpp"
#include "db/store_impl.hpp"

namespace saddle::db {
namespace {

std::filesystem::path usable_path(const std::filesystem::path& database) {
  const std::filesystem::path path = std::filesystem::absolute(database).lexically_normal();
  const std::filesystem::path folder = path.parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw Error(ErrorKind::io, path.string() + ": there is no folder " + folder.string() + "; make it first");
  if (std::filesystem::is_directory(path, ignored))
    throw Error(ErrorKind::io, path.string() + ": is a folder; --db takes a file");
  const std::string network = network_file_system(folder);
  if (!network.empty())
    throw Error(ErrorKind::io, path.string() + ": is on " + network +
                                   ", where SQLite's locks and shared memory cannot be trusted; "
                                   "choose a local disk with --db");
  return path;
}

// The path again; refuses a file that is not ours before anything is written,
// the lock file included.
const std::filesystem::path& looked_at(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored) || std::filesystem::file_size(path, ignored) == 0) return path;
  Connection connection(path, SQLITE_OPEN_READWRITE);
  // We hold no lock yet, so leave checkpoints to whoever does.
  sqlite3_db_config(connection.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  const std::int64_t newest = bundled_migrations().back().version;
  const FileState state = inspect(connection, newest);
  if (state == FileState::foreign || state == FileState::newer) refuse(connection, state, newest);
  return path;
}

void quick_check(Connection& connection) {
  Statement check(connection, "PRAGMA quick_check(1)");
  const std::string answer = check.step() ? check.text(0) : "no answer";
  if (answer != "ok")
    throw Error(ErrorKind::corrupt, connection.path().string() + ": is damaged: " + answer +
                                        "; restore a copy, or save what is left with: sqlite3 FILE .recover");
}

Connection open_for_writing(const std::filesystem::path& path, bool after_unclean_stop,
                            const OpenOptions& options) {
  // As URIs are named the files that merge() attaches.
  Connection connection(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  connection.execute(
      "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864");
  const std::string mode = connection.pragma_text("journal_mode = WAL");
  if (mode != "wal")
    throw Error(ErrorKind::io, path.string() +
                                   ": this file system cannot do write-ahead logging (it answered \"" + mode +
                                   "\"); choose a local disk with --db");
  if (after_unclean_stop) {
    if (options.notice)
      options.notice(path.string() + ": the last writer did not end well; checking the file");
    quick_check(connection);
  }
  const std::string copy = migrate(connection, bundled_migrations(), bundled_views());
  if (!copy.empty() && options.notice)
    options.notice(path.string() + ": brought up to date; the old file is " + copy);
  return connection;
}

}  // namespace

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Store::Impl::Impl(const std::filesystem::path& database, OpenOptions open_options)
    : path(usable_path(database)),
      options(std::move(open_options)),
      lock(looked_at(path), options.wait, options.notice) {
  // A file-size limit (ulimit -f) should be an error like a full disk, not the
  // end of the process.
  struct sigaction action {};
  if (sigaction(SIGXFSZ, nullptr, &action) == 0 && action.sa_handler == SIG_DFL)
    std::signal(SIGXFSZ, SIG_IGN);
  writer.emplace(open_for_writing(path, lock.after_unclean_stop(), options), options.queue_rows);
  mark_lost();
}

Writer& Store::Impl::open_writer() {
  if (!writer) throw Error(ErrorKind::usage, path.string() + ": used after it was closed");
  return *writer;
}

Store::Store(const std::filesystem::path& path, OpenOptions options)
    : impl_(std::make_unique<Impl>(path, std::move(options))) {}

Store::~Store() {
  try {
    close();
  } catch (...) {
    // The lock file keeps its text, so the next open checks the file.
  }
}

const std::filesystem::path& Store::path() const { return impl_->path; }

void Store::append_metrics(std::int64_t attempt, const std::vector<MetricRow>& rows) {
  impl_->open_writer().post_rows(attempt, rows);
}

void Store::add_artifact(std::int64_t attempt, const Artifact& artifact) {
  impl_->open_writer().post([attempt, artifact, created = now_ms()](Connection& connection) {
    connection
        .prepared(
            "INSERT OR REPLACE INTO artifact (attempt_id, kind, name, step, path, sha256, bytes, media_type, "
            "created_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
        ->bind(attempt, artifact.kind, artifact.name, artifact.step, artifact.path, artifact.sha256,
               artifact.bytes, artifact.media_type, created)
        .run();
  });
}

void insert_event(Connection& connection, const Event& event) {
  const auto id = [](std::int64_t value) { return value == 0 ? Value{} : Value{value}; };
  connection
      .prepared(
          "INSERT INTO event (time_ms, experiment_id, trial_id, attempt_id, type, message, data)"
          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      ->bind(now_ms(), id(event.experiment), id(event.trial), id(event.attempt), event.type, event.message,
             event.data.empty() ? Value{} : Value{event.data})
      .run();
}

void Store::add_event(const Event& event) {
  impl_->open_writer().post([event](Connection& connection) { insert_event(connection, event); });
}

void Store::report_progress(std::int64_t attempt, const Progress& progress) {
  impl_->open_writer().post([attempt, progress, told = now_ms()](Connection& connection) {
    connection
        .prepared(
            "UPDATE attempt SET step = ?2, steps = ?3, steps_per_second = ?4, told_ms = ?5,"
            " first_step_ms = ifnull(first_step_ms, ?6) WHERE id = ?1")
        ->bind(attempt, progress.step, progress.steps, progress.steps_per_second, told,
               progress.first_step_ms ? Value{*progress.first_step_ms} : Value{})
        .run();
  });
}

void Store::flush() {
  Writer& writer = impl_->open_writer();
  writer.run([&](Connection& connection) { writer.summaries().write_all(connection); }, false);
}

void Store::close() {
  if (!impl_->writer) return;
  flush();
  impl_->writer->on_thread([](Connection& connection) {
    connection.execute("PRAGMA optimize");
    // A reader may hold this up; then the next writer's checkpoint does it.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  });
  impl_->writer.reset();
  impl_->lock.release();
}

}  // namespace saddle::db
