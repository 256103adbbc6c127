#pragma once
#include <saddle/abi.h>

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <common/error.hpp>

// Opens plugins with Boost.DLL and checks what they say before anything uses it.
namespace saddle::worker {

struct Component {
  const saddle_component* c = nullptr;
  nlohmann::json description;
  std::string kind, name;
  std::string file;  // of its plugin
};

struct Plugin {
  std::filesystem::path file;
  std::string sha256;  // of what was opened
  std::string name, version;
  uint32_t abi_version = 0;
  std::vector<Component> components;
};

// Why a plugin is refused, and which rule of `saddle plugins check` it breaks: entry, description or
// operators.
struct Refusal : Error {
  Refusal(const std::string& text, std::string broken) : Error(text), rule(std::move(broken)) {}
  std::string rule;
};

// Opens a plugin, once per process; it is never unloaded. Throws saddle::Error (Refusal, if the fault is the
// plugin's), naming the file and what is wrong with it.
const Plugin& load_plugin(const std::filesystem::path& file);

// From here on the file is opened only if this is its SHA-256; `component` is for the message. A plugin that
// is open already is refused when it was another.
void pin_file(const std::filesystem::path& file, const std::string& component, const std::string& sha256);

// A component of a loaded plugin file; throws saddle::Error when it has none of that kind and name.
const Component& find_component(const std::filesystem::path& file, const std::string& kind,
                                const std::string& name);

// One JSON line as contracts of `saddle-worker describe` say.
nlohmann::json describe_plugin(const std::filesystem::path& file);

}  // namespace saddle::worker
