#pragma once
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "db/lock.hpp"
#include "db/store.hpp"
#include "db/writer.hpp"

// Private to db/: what store.cpp, plans.cpp and attempts.cpp share.
namespace saddle::db {

struct Store::Impl {
  Impl(const std::filesystem::path& database, OpenOptions open_options);

  std::filesystem::path path;
  OpenOptions options;
  LockFile lock;
  std::optional<Writer> writer;  // empty after close()
  // Of attempts that run: when they began, by the wall and by the clock that nobody sets. Writer thread only.
  std::map<std::int64_t, std::pair<std::int64_t, std::chrono::steady_clock::time_point>> begun;
  std::mutex keys_mutex;
  std::map<std::pair<std::string, std::string>, std::int64_t> keys;

  Writer& open_writer();
  void mark_lost();
  std::int64_t end_of(std::int64_t attempt);
};

std::int64_t now_ms();

// On the writer thread, inside a transaction.
void end_attempt(Connection& connection, Summaries& summaries, std::int64_t attempt, const AttemptEnd& end,
                 std::optional<std::int64_t> ended_ms);
void insert_event(Connection& connection, const Event& event);
// Deletes a config and its parameters unless a trial has it.
void drop_unused_config(Connection& connection, std::int64_t config);

}  // namespace saddle::db
