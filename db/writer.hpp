#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "db/sqlite.hpp"
#include "db/store.hpp"
#include "db/summaries.hpp"

// The one thread that writes. Private to db/.
namespace saddle::db {

class Writer {
 public:
  Writer(Connection connection, std::size_t queue_rows);
  ~Writer();  // does not flush

  // Runs `job` on the writer thread in a transaction, after everything queued
  // earlier; on the disk before this returns, if `synced`. Rethrows its error.
  template <class Job>
  auto run(Job job, bool synced = true) -> decltype(job(std::declval<Connection&>())) {
    return on_thread([this, job = std::move(job), synced](Connection& connection) {
      connection.execute(synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
      try {
        Transaction transaction(connection);
        if constexpr (std::is_void_v<decltype(job(connection))>) {
          job(connection);
          transaction.commit();
        } else {
          auto result = job(connection);
          transaction.commit();
          return result;
        }
      } catch (...) {
        summaries_.forget_all();
        throw;
      }
    });
  }
  // The same without a transaction: for reading, checkpoints, and flush.
  template <class Job>
  auto on_thread(Job job) -> decltype(job(std::declval<Connection&>())) {
    using Result = decltype(job(std::declval<Connection&>()));
    auto task = std::make_shared<std::packaged_task<Result(Connection&)>>(std::move(job));
    std::future<Result> result = task->get_future();
    std::promise<void> before;  // fails if what was queued earlier cannot be written
    std::future<void> written = before.get_future();
    push(Task{std::move(before), [task](Connection& connection) { (*task)(connection); }});
    written.get();
    return result.get();
  }

  // For jobs only: they are on the thread that it belongs to.
  Summaries& summaries() { return summaries_; }

  // Queued; see Store::append_metrics.
  void post_rows(std::int64_t attempt, const std::vector<MetricRow>& rows);
  void post(std::function<void(Connection&)> write);

 private:
  struct Task {
    std::promise<void> before;
    std::function<void(Connection&)> run;
  };
  struct Row {
    std::int64_t attempt, key, step;
    double value;
  };
  using Rows = std::vector<Row>;
  using Write = std::function<void(Connection&)>;
  using Item = std::variant<Rows, Write, Task>;

  void push(Item item);
  void loop();
  void write_pending();
  void insert_rows();
  void write_due_summaries();

  Connection connection_;
  const std::size_t queue_rows_;

  std::mutex mutex_;
  std::condition_variable filled_, drained_;
  std::deque<Item> queue_;
  std::size_t waiting_rows_ = 0;  // queued or pending
  std::exception_ptr failure_;    // why pending rows cannot be written now
  bool stop_ = false;

  // Of the thread only. Pending work stays until it is committed.
  Rows pending_rows_;
  std::vector<Write> pending_writes_;
  Summaries summaries_;
  std::thread thread_;
};

}  // namespace saddle::db
