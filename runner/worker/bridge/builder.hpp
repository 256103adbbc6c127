#pragma once
#include <saddle/abi.h>

#include <deque>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <bridge/instances.hpp>

namespace saddle::worker {

// The host's side of saddle_builder: answers questions about parameters and facts, collects what is declared.
class HostBuilder {
 public:
  HostBuilder(const std::string& role, const nlohmann::json& config, const nlohmann::json& facts,
              Declared* declared);
  const saddle_builder* c() const { return &c_; }

 private:
  static HostBuilder& self(const saddle_builder* b) { return *static_cast<HostBuilder*>(b->context); }
  saddle_value value(const nlohmann::json& object, const char* name);
  void parameter(const saddle_parameter& spec, uint32_t* index);
  void buffer(const saddle_buffer& spec, uint32_t* index);

  saddle_builder c_{};
  std::string role_, config_text_;
  const nlohmann::json &config_, &facts_;
  Declared* declared_;
  // Lists and strings lent to the component until create() returns.
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<double>> doubles_;
  std::deque<std::vector<const char*>> strings_;
  std::deque<std::string> texts_;
};

}  // namespace saddle::worker
