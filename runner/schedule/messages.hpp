#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <db/store.hpp>
#include <schedule/ending.hpp>

// The JSON in a worker's frames, read and checked. A worker runs other people's code, so nothing in it is
// believed: what is not as it should be throws std::exception, and saddle ends the attempt for it.
namespace saddle::schedule {

// "progress" of something long inside a component: for the eye only.
struct Activity {
  std::string what;  // "dataset 'x': reading"
  std::int64_t done = 0, total = 0;
};

// Any other event: kept as it came.
struct Note {
  std::string type, message;
};

using EventMessage = std::variant<db::WorkerInfo, Activity, Finished, Note>;
EventMessage read_event(std::string_view payload);

struct MetricName {
  std::uint32_t id = 0;  // the worker's number for it
  std::string name, protocol;
};
MetricName read_metric_name(std::string_view payload);

// Its path lies in the attempt's folder.
db::Artifact read_artifact(std::string_view payload);

}  // namespace saddle::schedule
