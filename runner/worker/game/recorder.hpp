#pragma once
#include <bit>
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
    if (!protocol.is_null()) return;
    if (step != latest_step_) latest_.clear();
    latest_step_ = step;
    latest_[name] = value;
  }

  // What training itself said of a step, if it is the latest that it spoke of: for a checkpoint, from which
  // the next attempt says it again. As bits, since JSON has no NaN.
  nlohmann::json rows_of(int64_t step) const {
    nlohmann::json rows = nlohmann::json::object();
    if (step == latest_step_)
      for (const auto& [name, value] : latest_) rows[name] = std::bit_cast<uint64_t>(value);
    return rows;
  }
  void repeat(const nlohmann::json& rows, int64_t step) {
    for (const auto& [name, bits] : rows.items())
      number(name, step, std::bit_cast<double>(bits.get<uint64_t>()));
  }

 private:
  FrameWriter& frames_;
  std::map<std::pair<std::string, std::string>, uint32_t> keys_;
  std::map<std::string, double> latest_;  // without protocol, of latest_step_
  int64_t latest_step_ = -1;
};

}  // namespace saddle::worker
