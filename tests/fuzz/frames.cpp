// What comes down a worker's pipe: frames, in pieces of all sizes, and the messages in them.
#include <cstddef>
#include <cstdint>
#include <string>

#include <common/frames.hpp>
#include <schedule/messages.hpp>

using namespace saddle;

namespace {

void read_message(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kEvent:
      schedule::read_event(frame.payload);
      break;
    case FrameType::kKey:
      schedule::read_metric_name(frame.payload);
      break;
    case FrameType::kMetrics:
      for_each_row(frame.payload, [](const MetricRow&) {});
      break;
    case FrameType::kProgress:
      parse_progress(frame.payload);
      break;
    case FrameType::kArtifact:
      if (schedule::read_artifact(frame.payload).path.starts_with("..")) __builtin_trap();
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t piece = size_t{data[0]} + 1;  // the first byte says how the rest arrives
  FrameReader reader;
  try {
    for (size_t at = 1; at < size; at += piece) {
      reader.feed(data + at, std::min(piece, size - at));
      for (Frame frame; reader.next(frame);) read_message(frame);
    }
  } catch (const std::exception&) {
    // Ends the attempt, not saddle.
  }
  if (reader.left_over() > size) __builtin_trap();
  return 0;
}
