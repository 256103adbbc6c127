#pragma once
#include <cstdint>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include <common/frames.hpp>

namespace saddle::worker {

// Metric rows by name: gives each (name, protocol) a key the first time it is used.
class Recorder {
 public:
  explicit Recorder(FrameWriter& frames) : frames_(frames) {}
  // `protocol`: how an evaluation was made; null for what training itself says.
  void number(const std::string& name, int64_t step, double value, const nlohmann::json& protocol = nullptr) {
    const auto [place, added] =
        keys_.try_emplace({name, protocol.dump()}, static_cast<uint32_t>(keys_.size()));
    if (added)
      frames_.key(nlohmann::json{{"id", place->second}, {"name", name}, {"protocol", protocol}}.dump());
    frames_.metric(place->second, step, value);
  }

 private:
  FrameWriter& frames_;
  std::map<std::pair<std::string, std::string>, uint32_t> keys_;
};

}  // namespace saddle::worker
