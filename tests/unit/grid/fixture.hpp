#pragma once
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <common/error.hpp>
#include <common/json.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>
#include <grid/plan.hpp>

// What the tests of planning share: a catalogue of described components without
// any plugin behind them, and grid files written from text.
namespace saddle::test {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "saddle-grid-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Json component_list() { return Json::parse(read_file(FIXTURES "/components.json")); }

inline Catalogue catalogue_of(const Json& components) {
  Catalogue catalogue;
  for (const Json& component : components) {
    const std::string name = component["name"];
    catalogue.add({{"ok", true}, {"plugin", {{"name", name}}}, {"components", {component}}},
                  "/plugins/" + name + ".so", "hash of " + name);
  }
  return catalogue;
}

inline const Catalogue& catalogue() {
  static const Catalogue known = catalogue_of(component_list());
  return known;
}

// A sound grid, to be changed by each test: two trained players, one loss.
inline Json base() {
  return Json::parse(R"({
    "name": "t",
    "dataset": {"use": "digits"},
    "models": {"generator": {"use": "dcgan"}, "discriminator": {"use": "dcgan"}},
    "losses": [{"use": "hinge"}],
    "optimizers": {"generator": {"use": "adam"}, "discriminator": {"use": "adam"}}
  })");
}

inline Plan plan_text(const std::string& text, const std::vector<std::string>& sets = {},
                      const Catalogue& known = catalogue()) {
  Scratch scratch;
  return load_plan(scratch.write("g.json", text), sets, known);
}

inline Plan plan_of(const Json& grid, const std::vector<std::string>& sets = {},
                    const Catalogue& known = catalogue()) {
  return plan_text(grid.dump(), sets, known);
}

// The error that planning gives, its file name cut down to "g.json".
inline std::string refusal_of_text(const std::string& text, const std::vector<std::string>& sets = {}) {
  Scratch scratch;
  const std::filesystem::path file = scratch.write("g.json", text);
  try {
    load_plan(file, sets, catalogue());
  } catch (const Error& error) {
    std::string message = error.what();
    for (std::size_t at; (at = message.find(file.string())) != std::string::npos;)
      message.replace(at, file.string().size(), "g.json");
    return message;
  }
  return "accepted";
}

inline std::string refusal(const Json& grid, const std::vector<std::string>& sets = {}) {
  return refusal_of_text(grid.dump(1), sets);
}

}  // namespace saddle::test
