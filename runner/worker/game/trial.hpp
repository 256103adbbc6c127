#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include <bridge/cancelled.hpp>
#include <bridge/host.hpp>
#include <bridge/loader.hpp>
#include <common/error.hpp>

namespace saddle::worker {

// What an attempt is given: a resolved config, a seed, and where the plugins are.
struct Trial {
  std::string name, experiment;
  int64_t seed = 0;
  nlohmann::json config;
  std::map<std::string, std::filesystem::path> plugins;  // "loss/hinge" -> file

  static Trial from_json(const nlohmann::json& json);
  static Trial read(const std::filesystem::path& file);

  // The component that an entry of the config uses.
  const Component& component(const std::string& kind, const nlohmann::json& entry) const;
};

// An entry without the keys that are the host's (`use`, `weight`, ...): the component's own parameters.
nlohmann::json own_parameters(const std::string& kind, const nlohmann::json& entry);

// A fault that belongs to a place in the config.
struct PlacedError : Error {
  PlacedError(std::string where, const std::string& text) : Error(text), pointer(std::move(where)) {}
  std::string pointer;
};

// Runs `body`; what it throws is said to be at `pointer`, unless a closer place is known.
template <class F>
auto placed(const std::string& pointer, F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const PlacedError&) {
    throw;
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& e) {
    throw PlacedError(pointer, message_of(e));
  }
}

// Where the data sets are: $SADDLE_DATA, or share/saddle/data of an installed tree.
std::string data_folder();

}  // namespace saddle::worker
