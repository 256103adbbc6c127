#pragma once
#include <poll.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

// What a worker tells saddle while it trains: frames on a pipe, one way.
//
//   u32 length of what follows | u8 type | payload        (little endian)
//
// The standard library only: the worker includes this beside LibTorch, saddle
// without it. JSON payloads are text here; who reads them parses them.
namespace saddle {

static_assert(std::endian::native == std::endian::little, "frames are copied as they lie in memory");

enum class FrameType : std::uint8_t {
  kEvent = 1,     // JSON {"type": "started" | "warning" | "progress" | "checkpoint" | "finished", ...}
  kKey = 2,       // JSON {"id", "name", "protocol"}: names a metric key before its first row
  kMetrics = 3,   // MetricRow back to back, 20 bytes each
  kProgress = 4,  // i64 step, i64 total, f64 rounds per second
  kArtifact = 5,  // JSON {"kind", "name", "step", "path", "sha256", "bytes", "media_type"}
};

inline constexpr std::size_t kMaxFrameBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMetricRowBytes = 20;
inline constexpr std::size_t kProgressBytes = 24;

struct MetricRow {
  std::uint32_t key = 0;
  std::int64_t step = 0;
  double value = 0;  // NaN and infinities travel as they are
};

struct ProgressReport {
  std::int64_t step = 0;
  std::int64_t total = 0;
  double rounds_per_second = 0;
};

// Writes frames to a pipe it does not own, from any thread. Metric rows
// are gathered and leave together after 1,000 rows or 0.5 s, whichever comes
// first; the clock is looked at in metric() and progress(), so call progress()
// every round. All else leaves in the order it was given. Throws
// std::system_error when the pipe is gone.
class FrameWriter {
 public:
  explicit FrameWriter(int fd) : fd_(fd) {}
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  // Sent at once: saddle acts on these.
  void event(std::string_view json) {
    const std::lock_guard lock(mutex_);
    append(FrameType::kEvent, json);
    send();
  }
  void artifact(std::string_view json) {
    const std::lock_guard lock(mutex_);
    append(FrameType::kArtifact, json);
    send();
  }

  // Sent with the first rows that use it.
  void key(std::string_view json) {
    const std::lock_guard lock(mutex_);
    append(FrameType::kKey, json);
  }

  void metric(std::uint32_t key, std::int64_t step, double value) {
    const std::lock_guard lock(mutex_);
    if (rows_.empty()) oldest_row_ = Clock::now();
    put(rows_, key);
    put(rows_, step);
    put(rows_, value);
    if (rows_.size() >= kBatchRows * kMetricRowBytes) {
      send();
    } else {
      send_if_old();
    }
  }

  // Cheap enough for every round: at most ten a second are sent, and the last.
  void progress(std::int64_t step, std::int64_t total, double rounds_per_second) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (step < total && now - last_progress_ < std::chrono::milliseconds(100)) return send_if_old();
    last_progress_ = now;
    std::string payload;
    put(payload, step);
    put(payload, total);
    put(payload, rounds_per_second);
    append(FrameType::kProgress, payload);
    send();
  }

  // Everything given so far is in the pipe when this returns.
  void flush() {
    const std::lock_guard lock(mutex_);
    send();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kBatchRows = 1000;

  void send() {
    seal_rows();
    std::size_t done = 0;
    while (done < ready_.size()) {
      const ssize_t n = ::write(fd_, ready_.data() + done, ready_.size() - done);
      if (n >= 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno == EAGAIN) {
        pollfd wait{fd_, POLLOUT, 0};
        ::poll(&wait, 1, -1);
      } else if (errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "writing to saddle's pipe");
      }
    }
    ready_.clear();
  }

  template <typename T>
  static void put(std::string& to, T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    to.append(bytes, sizeof(T));
  }

  void append(FrameType type, std::string_view payload) {
    if (payload.size() + 1 > kMaxFrameBytes)
      throw std::length_error("a frame of " + std::to_string(payload.size()) +
                              " bytes is larger than 16 MiB");
    if (type != FrameType::kMetrics) seal_rows();
    put(ready_, static_cast<std::uint32_t>(payload.size() + 1));
    put(ready_, static_cast<std::uint8_t>(type));
    ready_.append(payload);
  }

  void seal_rows() {
    if (rows_.empty()) return;
    append(FrameType::kMetrics, rows_);
    rows_.clear();
  }

  void send_if_old() {
    if (!rows_.empty() && Clock::now() - oldest_row_ > std::chrono::milliseconds(500)) send();
  }

  int fd_;
  std::mutex mutex_;
  std::string rows_;   // metric rows not yet in a frame
  std::string ready_;  // whole frames not yet in the pipe
  Clock::time_point oldest_row_{};
  Clock::time_point last_progress_{};
};

struct Frame {
  FrameType type{};
  std::string_view payload;  // valid until the reader is fed again
};

// Takes bytes as they come and gives whole frames. What cannot be a frame (too
// long, empty, of unknown type, rows cut in the middle) throws
// std::runtime_error; the stream is then of no further use.
class FrameReader {
 public:
  void feed(const void* bytes, std::size_t size) {
    if (begin_ > 0) buffer_.erase(0, begin_);
    begin_ = 0;
    buffer_.append(static_cast<const char*>(bytes), size);
    fed_ += size;
  }

  // False when the next frame is not complete yet.
  bool next(Frame& frame) {
    const std::size_t held = buffer_.size() - begin_;
    if (held < kHeaderBytes) return false;
    std::uint32_t length = 0;
    std::memcpy(&length, buffer_.data() + begin_, sizeof(length));
    const auto type = static_cast<std::uint8_t>(buffer_[begin_ + sizeof(length)]);
    check_header(length, type);
    if (held < sizeof(length) + length) return false;
    frame.type = static_cast<FrameType>(type);
    frame.payload = std::string_view(buffer_).substr(begin_ + kHeaderBytes, length - 1);
    begin_ += sizeof(length) + length;
    return true;
  }

  // All bytes that it was ever fed.
  std::uint64_t bytes_read() const { return fed_; }

  // Bytes of a frame that was never completed: not 0 at the end of the stream
  // means that the worker died while it wrote.
  std::size_t left_over() const { return buffer_.size() - begin_; }

 private:
  static constexpr std::size_t kHeaderBytes = 5;

  static void check_header(std::uint32_t length, std::uint8_t type) {
    if (length == 0) throw std::runtime_error("the worker sent an empty frame");
    if (length > kMaxFrameBytes)
      throw std::runtime_error("the worker announced a frame of " + std::to_string(length) +
                               " bytes; at most 16 MiB are accepted");
    if (type < 1 || type > static_cast<std::uint8_t>(FrameType::kArtifact))
      throw std::runtime_error("the worker sent a frame of unknown type " + std::to_string(type));
    const std::size_t payload = length - 1;
    if (type == static_cast<std::uint8_t>(FrameType::kMetrics) && payload % kMetricRowBytes != 0)
      throw std::runtime_error("the worker sent metric rows of " + std::to_string(payload) +
                               " bytes, which is no multiple of 20");
    if (type == static_cast<std::uint8_t>(FrameType::kProgress) && payload != kProgressBytes)
      throw std::runtime_error("the worker sent a progress frame of " + std::to_string(payload) +
                               " bytes instead of 24");
  }

  std::string buffer_;
  std::size_t begin_ = 0;
  std::uint64_t fed_ = 0;
};

// Calls f(MetricRow) for each row of a kMetrics frame.
template <typename F>
void for_each_row(std::string_view payload, F&& f) {
  for (; payload.size() >= kMetricRowBytes; payload.remove_prefix(kMetricRowBytes)) {
    MetricRow row;
    std::memcpy(&row.key, payload.data(), 4);
    std::memcpy(&row.step, payload.data() + 4, 8);
    std::memcpy(&row.value, payload.data() + 12, 8);
    f(row);
  }
}

inline ProgressReport parse_progress(std::string_view payload) {
  ProgressReport report;
  if (payload.size() != kProgressBytes) throw std::runtime_error("a progress frame has 24 bytes");
  std::memcpy(&report.step, payload.data(), 8);
  std::memcpy(&report.total, payload.data() + 8, 8);
  std::memcpy(&report.rounds_per_second, payload.data() + 16, 8);
  return report;
}

}  // namespace saddle
