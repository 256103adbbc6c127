#include <schedule/pool_publisher.hpp>

#include <algorithm>
#include <chrono>

#include <db/error.hpp>
#include <db/snapshot.hpp>

namespace saddle::schedule {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kRest = std::chrono::seconds(1);  // at least, after each copy

}  // namespace

Publisher::Publisher(std::filesystem::path database, std::filesystem::path target,
                     std::function<void(const std::string&)> notice)
    : database_(std::move(database)),
      target_(std::move(target)),
      notice_(std::move(notice)),
      thread_([this] { loop(); }) {}

Publisher::~Publisher() { stop(); }

void Publisher::request() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_all();
}

void Publisher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Publisher::finish() {
  stop();
  db::snapshot(database_, target_);
}

void Publisher::loop() {
  std::unique_lock lock(mutex_);
  std::string said;
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || stop_; });
    if (stop_) return;
    wanted_ = false;
    lock.unlock();
    const auto start = Clock::now();
    bool failed = false;
    try {
      db::snapshot(database_, target_);
    } catch (const db::Error& error) {
      failed = true;
      if (said != error.what()) notice_(said = error.what());
    }
    const auto cost = Clock::now() - start;
    lock.lock();
    wanted_ = wanted_ || failed;
    changed_.wait_for(lock, std::max<Clock::duration>(kRest, 9 * cost), [this] { return stop_; });
  }
}

}  // namespace saddle::schedule
