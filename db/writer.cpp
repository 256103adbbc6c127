#include "db/writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace saddle::db {
namespace {

// Rows of one transaction. Larger ones sort better and hold state changes up longer.
constexpr std::size_t kBatchRows = 50'000;

int kind_of(double value) {
  if (std::isnan(value)) return 1;
  if (std::isinf(value)) return value > 0 ? 2 : 3;
  return 0;
}

}  // namespace

Writer::Writer(Connection connection, std::size_t queue_rows)
    : connection_(std::move(connection)), queue_rows_(queue_rows), thread_([this] { loop(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  filled_.notify_all();
  thread_.join();
}

void Writer::push(Item item) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
  }
  filled_.notify_one();
}

void Writer::post_rows(std::int64_t attempt, const std::vector<MetricRow>& rows) {
  if (rows.empty()) return;
  Rows copy;
  copy.reserve(rows.size());
  for (const MetricRow& row : rows) copy.push_back({attempt, row.key, row.step, row.value});
  {
    std::unique_lock lock(mutex_);
    // A batch larger than the whole queue goes in alone.
    drained_.wait(
        lock, [&] { return failure_ || waiting_rows_ == 0 || waiting_rows_ + rows.size() <= queue_rows_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_rows_ += rows.size();
    queue_.emplace_back(std::move(copy));
  }
  filled_.notify_one();
}

void Writer::post(std::function<void(Connection&)> write) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
  }
  push(std::move(write));
}

void Writer::loop() {
  while (true) {
    std::vector<Task> tasks;
    {
      std::unique_lock lock(mutex_);
      const auto woken = [&] { return stop_ || !queue_.empty(); };
      // While nothing can be written, only a task tries again.
      const auto due = failure_ ? std::nullopt : summaries_.next_due();
      if (!due) {
        filled_.wait(lock, woken);
      } else if (!filled_.wait_until(lock, *due, woken)) {
        lock.unlock();
        write_due_summaries();
        continue;
      }
      if (queue_.empty()) return;
      // While nothing can be written, go on to the next task all the same: it is told why.
      while (!queue_.empty() && tasks.empty() && (failure_ || pending_rows_.size() < kBatchRows)) {
        Item item = std::move(queue_.front());
        queue_.pop_front();
        if (auto* rows = std::get_if<Rows>(&item))
          pending_rows_.insert(pending_rows_.end(), rows->begin(), rows->end());
        else if (auto* write = std::get_if<Write>(&item))
          pending_writes_.push_back(std::move(*write));
        else
          tasks.push_back(std::move(std::get<Task>(item)));
      }
    }

    std::exception_ptr failure;
    const std::size_t rows = pending_rows_.size();
    try {
      write_pending();
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      failure_ = failure;
      waiting_rows_ -= rows - pending_rows_.size();
    }
    drained_.notify_all();

    for (Task& task : tasks) {
      if (failure) {
        task.before.set_exception(failure);
      } else {
        task.run(connection_);
        task.before.set_value();
      }
    }
  }
}

void Writer::write_pending() {
  if (pending_rows_.empty() && pending_writes_.empty()) return;
  connection_.execute("PRAGMA synchronous = NORMAL");
  try {
    Transaction transaction(connection_);
    insert_rows();
    for (const Write& write : pending_writes_) write(connection_);
    summaries_.write_due(connection_, Summaries::Clock::now());
    transaction.commit();
  } catch (...) {
    summaries_.forget_all();
    throw;
  }
  pending_rows_.clear();
  pending_writes_.clear();
}

// Nothing waits for these and the rows have them all: should they fail, they are
// counted anew with the next rows.
void Writer::write_due_summaries() {
  try {
    connection_.execute("PRAGMA synchronous = NORMAL");
    Transaction transaction(connection_);
    summaries_.write_due(connection_, Summaries::Clock::now());
    transaction.commit();
  } catch (const Error&) {
    summaries_.forget_all();
  }
}

void Writer::insert_rows() {
  // In key order the inserts of interleaved attempts touch each page once:
  // 122,000 rows/s against 46,000. Stable: of two rows for one step the later wins.
  const auto key = [](const Row& row) { return std::tie(row.attempt, row.key, row.step); };
  std::stable_sort(pending_rows_.begin(), pending_rows_.end(),
                   [&](const Row& a, const Row& b) { return key(a) < key(b); });
  const auto insert = connection_.prepared(
      "INSERT OR REPLACE INTO metric (attempt_id, key_id, step, value, kind) VALUES (?1, ?2, ?3, ?4, ?5)");
  const Row* previous = nullptr;
  for (const Row& row : pending_rows_) {
    if (!previous || previous->attempt != row.attempt) summaries_.expect(connection_, row.attempt);
    previous = &row;
    // SQLite takes NaN for NULL; infinities survive as values.
    const int kind = kind_of(row.value);
    insert->bind(row.attempt, row.key, row.step, row.value, kind);
    insert->step();
    summaries_.count(row.attempt, row.key, row.step, row.value, kind);
  }
}

}  // namespace saddle::db
