#include <grid/pins.hpp>

#include <algorithm>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <grid/problems.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

bool is_component(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto& kinds = component_kinds();
  return slash != std::string::npos && slash + 1 < text.size() &&
         std::find(kinds.begin(), kinds.end(), text.substr(0, slash)) != kinds.end();
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

const Component* find(const Catalogue& catalogue, const std::string& component) {
  const std::size_t slash = component.find('/');
  return catalogue.find(component.substr(0, slash), component.substr(slash + 1));
}

std::string mismatch(const std::string& component, const std::string& pin, const Component& found) {
  return component + " is pinned to SHA-256 " + pin + ", but " + found.file.string() + " is " + found.sha256 +
         ". Restore that file, or pin this one: saddle plugins pins GRID prints the pins of the files at "
         "hand";
}

std::string missing_pin(const std::string& component, const Component& found) {
  return component + " is used and not pinned (--require-pins); " + found.file.string() + " is " +
         found.sha256;
}

// Not described because it was not opened: then only its name tells which file is meant.
std::string not_opened(const std::string& component, const std::string& pin, const Catalogue& catalogue) {
  std::string text = component + " is pinned to SHA-256 " + pin +
                     ", and no file on the plugin search path that holds it has that hash";
  const std::string name = component.substr(component.find('/') + 1);
  for (const BrokenPlugin& broken : catalogue.broken())
    if (broken.file.stem().string().find(name) != std::string::npos)
      text += "; " + broken.file.string() + ": " + broken.error;
  return text;
}

std::set<std::string> components_of(const Plan& plan, const Catalogue& catalogue) {
  std::set<std::string> components;
  const PlannedConfig* last = nullptr;
  for (const PlannedTrial& trial : plan.trials) {
    if (trial.config.get() == last) continue;
    last = trial.config.get();
    const Json files = plugin_files(last->resolved(), catalogue);
    for (const auto& [component, file] : files.items()) components.insert(component);
  }
  return components;
}

// What is wrong, each with the component whose pin it is; those that lack one come under "".
std::vector<std::pair<std::string, std::string>> faults(const Rules& rules,
                                                        const std::set<std::string>& components,
                                                        const Catalogue& catalogue) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const std::string& name : components) {
    const Component* component = find(catalogue, name);
    const auto pin = rules.pins.find(name);
    if (component == nullptr) continue;  // said elsewhere
    if (pin == rules.pins.end()) {
      if (rules.pins_required) found.emplace_back("", missing_pin(name, *component));
    } else if (pin->second != component->sha256) {
      found.emplace_back(name, mismatch(name, pin->second, *component));
    }
  }
  return found;
}

}  // namespace

Pins pins_of(const Plan& plan, const Catalogue& catalogue) {
  Pins pins;
  for (const std::string& name : components_of(plan, catalogue)) pins[name] = find(catalogue, name)->sha256;
  return pins;
}

void check_pins(Plan& plan, const Catalogue& catalogue) {
  if (plan.rules.pins.empty() && !plan.rules.pins_required) return;
  const Origin& origin = *plan.trials.front().config->origin;
  Problems problems;
  const auto fail = [&](const std::string& name, const std::string& text, bool key) {
    const std::string pointer = name.empty() ? "/pins" : pointer_child("/pins", name);
    problems.add(origin.where(pointer, key), pointer, text);
  };
  const std::set<std::string> components = components_of(plan, catalogue);
  for (const auto& [name, pin] : plan.rules.pins) {
    if (!is_component(name)) {
      fail(name, "\"" + name + "\" is no component; expected KIND/NAME, as loss/hinge", true);
    } else if (!is_sha256(pin)) {
      fail(name, "expected the SHA-256 of a plugin file, 64 digits 0-9 and a-f, found \"" + pin + "\"",
           false);
    } else if (!components.contains(name)) {
      plan.notices.push_back(origin.where(pointer_child("/pins", name), true) + " /pins: no trial uses " +
                             name + ". " + suggestion(name, {components.begin(), components.end()}));
    }
  }
  problems.throw_if_any();
  for (const auto& [name, text] : faults(plan.rules, components, catalogue)) fail(name, text, false);
  problems.throw_if_any();
}

void check_pins(const Rules& rules, const std::set<std::string>& components, const Catalogue& catalogue) {
  std::string text;
  for (const auto& [name, fault] : faults(rules, components, catalogue))
    text += (text.empty() ? "" : "\n") + fault;
  if (!text.empty()) throw Error(text);
}

DiscoverOptions discover_for(const Rules& rules) {
  DiscoverOptions options;
  if (!rules.pins_required) return options;
  options.only.emplace();
  for (const auto& [component, pin] : rules.pins) options.only->insert(pin);
  return options;
}

void check_pinned_files(const Rules& rules, const Catalogue& catalogue) {
  if (!rules.pins_required) return;
  std::string text;
  for (const auto& [name, pin] : rules.pins)
    if (is_component(name) && find(catalogue, name) == nullptr)
      text += (text.empty() ? "" : "\n") + not_opened(name, pin, catalogue);
  if (!text.empty()) throw Error(text);
}

Rules rules_of(const std::filesystem::path& grid, const std::vector<std::string>& sets) {
  Problems ignored;
  return read_spec(Source::read(grid), sets, ignored)->rules;
}

}  // namespace saddle
