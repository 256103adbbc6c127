#include <common/frames.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

using namespace saddle;

namespace {

// What a writer put into its pipe. Small enough to fit: a pipe holds 64 KiB.
struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string drain() const {
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    std::string all(1 << 16, '\0');
    const ssize_t n = ::read(ends[0], all.data(), all.size());
    all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return all;
  }
  int ends[2];
};

std::string header(std::uint32_t length, std::uint8_t type) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &length, 4);
  return bytes + static_cast<char>(type);
}

std::vector<std::pair<FrameType, std::string>> all_frames(FrameReader& reader) {
  std::vector<std::pair<FrameType, std::string>> out;
  for (Frame frame; reader.next(frame);) out.emplace_back(frame.type, std::string(frame.payload));
  return out;
}

std::string error_of(const std::string& bytes) {
  FrameReader reader;
  reader.feed(bytes.data(), bytes.size());
  Frame frame;
  try {
    reader.next(frame);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("frames arrive as written and in order, however the bytes are cut") {
  const std::size_t cut = GENERATE(1, 2, 3, 7, 19, 64, 100000);
  Pipe pipe;
  FrameWriter writer(pipe.ends[1]);
  writer.event(R"({"type":"started"})");
  writer.key(R"({"id":0,"name":"a"})");
  writer.metric(0, 1, 0.5);
  writer.metric(0, -2, std::numeric_limits<double>::quiet_NaN());
  writer.metric(0, 3, -std::numeric_limits<double>::infinity());
  writer.key(R"({"id":1,"name":"b"})");
  writer.metric(1, 4, 1e300);
  writer.progress(7, 9, 2.25);
  writer.artifact("{}");

  const std::string bytes = pipe.drain();
  FrameReader reader;
  std::vector<std::pair<FrameType, std::string>> frames;
  for (std::size_t at = 0; at < bytes.size(); at += cut) {
    reader.feed(bytes.data() + at, std::min(cut, bytes.size() - at));
    for (auto& frame : all_frames(reader)) frames.push_back(frame);
  }
  REQUIRE(frames.size() == 7);
  CHECK(reader.left_over() == 0);
  CHECK(frames[0] == std::pair(FrameType::kEvent, std::string(R"({"type":"started"})")));
  CHECK(frames[1].first == FrameType::kKey);
  CHECK(frames[3].first == FrameType::kKey);
  CHECK(frames[6].first == FrameType::kArtifact);

  std::vector<MetricRow> rows;
  REQUIRE(frames[2].first == FrameType::kMetrics);
  for_each_row(frames[2].second, [&](const MetricRow& row) { rows.push_back(row); });
  for_each_row(frames[4].second, [&](const MetricRow& row) { rows.push_back(row); });
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].value == 0.5);
  CHECK(rows[1].step == -2);
  CHECK(std::isnan(rows[1].value));
  CHECK(rows[2].value == -std::numeric_limits<double>::infinity());
  CHECK(rows[3].key == 1);
  CHECK(rows[3].value == 1e300);

  const ProgressReport progress = parse_progress(frames[5].second);
  CHECK(progress.step == 7);
  CHECK(progress.total == 9);
  CHECK(progress.rounds_per_second == 2.25);
}

TEST_CASE("metric rows leave after 1,000 rows and wait before") {
  Pipe pipe;
  FrameWriter writer(pipe.ends[1]);
  for (int i = 0; i < 1000; ++i) writer.metric(0, i, i);
  CHECK(pipe.drain().size() == 5 + 1000 * kMetricRowBytes);
  writer.metric(0, 1000, 0);
  writer.flush();
  CHECK(pipe.drain().size() == 5 + kMetricRowBytes);
}

TEST_CASE("metric rows older than half a second leave with the next call") {
  Pipe pipe;
  FrameWriter writer(pipe.ends[1]);
  writer.metric(0, 1, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  writer.metric(0, 2, 2);
  CHECK(pipe.drain().size() == 5 + 2 * kMetricRowBytes);
}

TEST_CASE("progress is thinned out, but the last report is always sent") {
  Pipe pipe;
  FrameWriter writer(pipe.ends[1]);
  for (int step = 1; step <= 1000; ++step) writer.progress(step, 1000, 1.0);
  const std::string bytes = pipe.drain();
  FrameReader reader;
  reader.feed(bytes.data(), bytes.size());
  const auto frames = all_frames(reader);
  REQUIRE(frames.size() >= 2);
  CHECK(frames.size() < 1000);
  CHECK(parse_progress(frames.back().second).step == 1000);
}

TEST_CASE("a full, non-blocking pipe delays the writer and loses nothing") {
  Pipe pipe;
  ::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK);
  constexpr int kRows = 200000;
  std::thread sender([&] {
    FrameWriter writer(pipe.ends[1]);
    for (int i = 0; i < kRows; ++i) writer.metric(3, i, i);
    writer.event("end");
  });
  FrameReader reader;
  std::int64_t expected = 0;
  bool in_order = true;
  for (bool end = false; !end;) {
    char bytes[1000];
    const ssize_t n = ::read(pipe.ends[0], bytes, sizeof(bytes));
    REQUIRE(n > 0);
    reader.feed(bytes, static_cast<std::size_t>(n));
    for (Frame frame; reader.next(frame);) {
      if (frame.type == FrameType::kEvent) end = true;
      if (frame.type == FrameType::kMetrics)
        for_each_row(frame.payload, [&](const MetricRow& row) { in_order &= row.step == expected++; });
    }
  }
  sender.join();
  CHECK(in_order);
  CHECK(expected == kRows);
}

TEST_CASE("what cannot be a frame is refused with the reason") {
  using Catch::Matchers::Contains;
  CHECK_THAT(error_of(header(kMaxFrameBytes + 1, 1)), Contains("at most 16 MiB"));
  CHECK_THAT(error_of(header(0, 1)), Contains("empty frame"));
  CHECK_THAT(error_of(header(3, 9)), Contains("unknown type 9"));
  CHECK_THAT(error_of(header(22, 3)), Contains("no multiple of 20"));
  CHECK_THAT(error_of(header(24, 4)), Contains("instead of 24"));
  CHECK_THAT(error_of("hello world"), Contains("at most 16 MiB"));  // text where a length should be
  CHECK(error_of(header(21, 3)).empty());                           // not wrong, only not complete
}

TEST_CASE("a frame that was cut off is seen at the end") {
  FrameReader reader;
  const std::string bytes = header(30, 1) + "abc";
  reader.feed(bytes.data(), bytes.size());
  Frame frame;
  CHECK_FALSE(reader.next(frame));
  CHECK(reader.left_over() == bytes.size());
}

TEST_CASE("frames over the limit are refused by the writer, too") {
  Pipe pipe;
  FrameWriter writer(pipe.ends[1]);
  CHECK_THROWS_AS(writer.event(std::string(kMaxFrameBytes, ' ')), std::length_error);
}

TEST_CASE("a closed pipe is an exception where SIGPIPE is ignored") {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  ::close(pipe.ends[0]);
  FrameWriter writer(pipe.ends[1]);
  CHECK_THROWS_AS(writer.event("{}"), std::system_error);
  pipe.ends[0] = -1;
}
