#include <grid/family.hpp>

#include <grid/identity.hpp>

namespace saddle {
namespace {

// Takes out what the time of a round does not depend on.
Json shape_of(const Json& value) {
  if (value.is_number_float()) return nullptr;
  if (!value.is_structured()) return value;
  Json kept = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, entry] : value.items()) {
    if (value.is_array())
      kept.push_back(shape_of(entry));
    else
      kept[key] = shape_of(entry);
  }
  return kept;
}

std::string text_of(const std::string& section, const Json& config) {
  if (section == "record" || section == "checkpoint") return "";
  Json shape = shape_of(config);
  if (section == "train") {
    shape.erase("rounds");
    shape.erase("ema");
  }
  if (section == "optimizers") {
    for (Json& optimizer : shape) optimizer.erase("schedule");
  }
  return section + canonical_json(shape) + "\n";
}

const std::vector<std::string>& timed_sections() {
  static const std::vector<std::string> names = {"dataset", "losses",     "metrics",
                                                 "models",  "optimizers", "train"};
  return names;
}

}  // namespace

std::string Families::of(const ResolvedConfig& config) {
  std::string name;
  for (const std::string& section : timed_sections()) {
    const Section* shared = config.shared(section);
    if (shared == nullptr) continue;
    std::string& text = known_[shared];
    if (text.empty()) text = text_of(section, shared->config);
    name += text;
  }
  return name;
}

std::string Families::of(const Json& config) {
  std::string name;
  for (const std::string& section : timed_sections())
    if (config.contains(section)) name += text_of(section, config[section]);
  return name;
}

}  // namespace saddle
