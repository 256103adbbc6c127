#include <cli/labels.hpp>

#include <algorithm>
#include <cctype>
#include <set>

#include <cli/names.hpp>
#include <cli/table.hpp>

namespace saddle::cli {
namespace {

constexpr std::string_view kUse = ".use";

bool ends_with_use(const std::string& path) { return path.size() > kUse.size() && path.ends_with(kUse); }

bool is_index(std::string_view part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); });
}

// "losses" for "losses.1.weight" if losses.1 is a component in any config.
std::string list_of(const ConfigTable& configs, const std::string& path) {
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    const std::size_t end = path.find('.', dot + 1);
    if (end == std::string::npos) return "";
    if (is_index(std::string_view(path).substr(dot + 1, end - dot - 1)) &&
        configs.find(path.substr(0, end) + std::string(kUse)) != ConfigTable::kAbsent)
      return path.substr(0, dot);
  }
  return "";
}

// The place in a list of components: columns of its name and its parameters.
struct Slot {
  std::size_t use = 0;
  std::vector<std::pair<std::string, std::size_t>> params;  // name in the component, column; by name
};

std::vector<Slot> slots_of(const ConfigTable& configs, const std::string& list) {
  std::vector<Slot> slots;
  for (std::size_t i = 0;; ++i) {
    const std::string prefix = list + "." + std::to_string(i) + ".";
    const int use = configs.find(prefix + "use");
    if (use == ConfigTable::kAbsent) return slots;
    Slot& slot = slots.emplace_back();
    slot.use = static_cast<std::size_t>(use);
    for (std::size_t path = 0; path < configs.paths(); ++path)
      if (path != slot.use && configs.path(path).starts_with(prefix))
        slot.params.emplace_back(configs.path(path).substr(prefix.size()), path);
    std::sort(slot.params.begin(), slot.params.end());
  }
}

// Of a list of components one text a config; empty if they are all the same.
std::vector<std::string> list_cells(const ConfigTable& configs, const std::string& list) {
  const std::vector<Slot> slots = slots_of(configs, list);
  // (use, parameter) -> its values, wherever in the list the component stands.
  std::map<std::pair<int, std::string>, std::set<int>> values;
  const auto each = [&](std::size_t config, const auto& entry, const auto& param) {
    for (const Slot& slot : slots) {
      const int use = configs.value(config, slot.use);
      if (use == ConfigTable::kAbsent) return;
      entry(use);
      for (const auto& [name, path] : slot.params)
        if (const int value = configs.value(config, path); value != ConfigTable::kAbsent)
          param(use, name, value);
    }
  };
  // Thousands of configs have a few lists: each is looked at once.
  std::map<std::vector<int>, std::string> texts;
  std::vector<const std::vector<int>*> own;
  for (std::size_t config = 0; config < configs.size(); ++config) {
    std::vector<int> key;
    for (const Slot& slot : slots) {
      key.push_back(configs.value(config, slot.use));
      for (const auto& [name, path] : slot.params) key.push_back(configs.value(config, path));
    }
    const auto [at, is_new] = texts.try_emplace(std::move(key));
    own.push_back(&at->first);
    if (!is_new) continue;
    each(
        config, [](int) {},
        [&](int use, const std::string& name, int value) {
          values[{use, name}].insert(value);
        });
  }
  std::set<std::string> distinct;
  std::vector<std::string> cells;
  for (std::size_t config = 0; config < configs.size(); ++config) {
    std::string& text = texts.at(*own[config]);
    if (text.empty()) {
      std::string inner;
      const auto close = [&] {
        if (!inner.empty()) text += "(" + inner + ")";
        inner.clear();
      };
      each(
          config,
          [&](int use) {
            close();
            text += (text.empty() ? "" : "+") + configs.text(use);
          },
          [&](int use, const std::string& name, int value) {
            if (values[{use, name}].size() > 1)
              inner += (inner.empty() ? "" : ",") + name + "=" + configs.text(value);
          });
      close();
      if (text.empty()) text = "none";
      distinct.insert(text);
    }
    cells.push_back(text);
  }
  return distinct.size() > 1 ? cells : std::vector<std::string>{};
}

// Columns of the names of the components around a path, the innermost first.
std::vector<std::size_t> components_around(const ConfigTable& configs, const std::string& path) {
  std::vector<std::size_t> around;
  for (std::size_t dot = path.rfind('.'); dot != std::string::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const std::string use = path.substr(0, dot) + std::string(kUse);
    if (const int found = configs.find(use); found != ConfigTable::kAbsent && use != path)
      around.push_back(static_cast<std::size_t>(found));
  }
  return around;
}

bool differs(const ConfigTable& configs, std::size_t path) {
  const std::vector<std::size_t> around = components_around(configs, configs.path(path));
  std::map<int, int> by_component;  // its name -> the value of the first config that has it
  bool absent = false;
  for (std::size_t config = 0; config < configs.size(); ++config) {
    const int value = configs.value(config, path);
    if (value == ConfigTable::kAbsent) {
      absent = true;
      continue;
    }
    int component = ConfigTable::kAbsent;
    for (const std::size_t use : around)
      if (component = configs.value(config, use); component != ConfigTable::kAbsent) break;
    if (by_component.try_emplace(component, value).first->second != value) return true;
  }
  // A component that only some configs have, a classifier for instance, tells them apart.
  return absent && ends_with_use(configs.path(path));
}

// The shortest endings of the paths that still tell them apart: of
// "models.generator.use" it is "generator", of "train.batch" it is "batch".
std::vector<std::string> titles_of(const std::vector<std::string>& paths) {
  std::vector<std::string> names = paths;
  for (std::string& name : names)
    if (ends_with_use(name)) name.resize(name.size() - kUse.size());
  const auto ending = [&](const std::string& name, std::size_t parts) {
    std::size_t dot = name.size();
    for (std::size_t i = 0; i < parts; ++i) {
      dot = name.rfind('.', dot - 1);
      if (dot == std::string::npos || dot == 0) return name;
    }
    return name.substr(dot + 1);
  };
  std::vector<std::string> titles;
  for (std::size_t i = 0; i < names.size(); ++i) {
    // A player's parameter keeps the player's name.
    const auto dots = std::count(paths[i].begin(), paths[i].end(), '.');
    std::size_t parts = dots >= 2 && names[i] == paths[i] ? 2 : 1;
    const auto clash = [&] {
      for (std::size_t j = 0; j < names.size(); ++j)
        if (j != i && ending(names[j], parts) == ending(names[i], parts)) return true;
      return false;
    };
    while (clash() && ending(names[i], parts) != names[i]) ++parts;
    titles.push_back(ending(names[i], parts));
  }
  return titles;
}

// Of thousands of configs with some sixty parameters each, those that can matter
// to distinguish(): what differs anywhere in the database, with the names of the
// components around it, and the lists of components that it is in.
std::vector<std::string> telling_paths(db::Reader& reader) {
  const std::vector<ParamPath> all = param_paths(reader);
  std::set<std::string> lists, wanted;
  for (const auto& [path, differs] : all) {
    // These only say how a run is recorded.
    if (!differs || path == "name" || path.starts_with("record.") || path.starts_with("checkpoint."))
      continue;
    if (const std::string list = list_of(all, path); !list.empty()) lists.insert(list + ".");
    wanted.insert(path);
    for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1))
      wanted.insert(path.substr(0, dot) + std::string(kUse));
  }
  for (const auto& [path, differs] : all)
    for (const std::string& list : lists)
      if (path.starts_with(list)) wanted.insert(path);
  // An empty list is the leaf "losses" with the value [].
  for (const std::string& list : lists) wanted.insert(list.substr(0, list.size() - 1));
  return {wanted.begin(), wanted.end()};
}

void collect(const Json& node, const std::string& path, std::map<std::string, std::string>& leaves) {
  if (!node.is_object()) {
    leaves[path] = node.is_string() ? node.get<std::string>() : node.dump();
    return;
  }
  for (const auto& [key, value] : node.items()) collect(value, path.empty() ? key : path + "." + key, leaves);
}

}  // namespace

std::string Distinctions::label(const std::string& config_hash) const {
  const auto found = cells.find(config_hash);
  std::string text;
  if (found != cells.end())
    for (std::size_t i = 0; i < titles.size(); ++i)
      if (!found->second[i].empty())
        text += (text.empty() ? "" : " ") + (paths[i].empty() ? "" : titles[i] + "=") + found->second[i];
  return text.empty() ? config_hash.substr(0, 8) : text;
}

Distinctions distinguish(const ConfigTable& configs) {
  std::set<std::string> lists;
  std::map<std::string, std::size_t> leaves;
  for (std::size_t path = 0; path < configs.paths(); ++path) {
    const std::string list = list_of(configs, configs.path(path));
    if (list.empty())
      leaves.emplace(configs.path(path), path);
    else
      lists.insert(list);
  }
  // A list that is empty in one config is the leaf "[]" there.
  for (const std::string& list : lists) leaves.erase(list);

  Distinctions result;
  std::vector<std::vector<std::string>> columns;
  for (const std::string& list : lists)
    if (auto cells = list_cells(configs, list); !cells.empty()) {
      result.paths.push_back(list);
      columns.push_back(std::move(cells));
    }
  for (const auto& [name, path] : leaves)
    if (differs(configs, path)) {
      result.paths.push_back(name);
      auto& column = columns.emplace_back();
      for (std::size_t config = 0; config < configs.size(); ++config)
        column.push_back(configs.text(configs.value(config, path)));
    }
  result.titles = titles_of(result.paths);
  for (std::size_t config = 0; config < configs.size(); ++config) {
    auto& cells = result.cells[configs.hash(config)];
    for (auto& column : columns) cells.push_back(std::move(column[config]));
  }
  return result;
}

Distinctions distinguish(db::Reader& reader, const Scope& scope) {
  return distinguish(read_configs(reader, scope, telling_paths(reader)));
}

std::map<std::string, std::string> protocol_labels(const std::vector<std::string>& protocols) {
  std::map<std::string, std::map<std::string, std::string>> leaves;
  for (const std::string& protocol : protocols) {
    const Json json = Json::parse(protocol, nullptr, false);
    if (json.is_object())
      collect(json, "", leaves[protocol]);
    else
      leaves[protocol]["protocol"] = protocol.empty() ? "none" : protocol;
  }
  std::map<std::string, std::set<std::string>> values;
  for (const auto& [protocol, own] : leaves)
    for (const auto& [path, value] : own) values[path].insert(value);
  std::map<std::string, std::string> labels;
  for (const auto& [protocol, own] : leaves) {
    std::string& label = labels[protocol];
    for (const auto& [path, all] : values) {
      const auto at = own.find(path);
      const auto with = std::count_if(leaves.begin(), leaves.end(),
                                      [&](const auto& l) { return l.second.count(path) > 0; });
      const bool same = all.size() == 1 && with == static_cast<std::ptrdiff_t>(leaves.size());
      if (same || at == own.end()) continue;
      label += (label.empty() ? "" : ", ") + path + "=" + at->second;
    }
    if (label.empty() && leaves.size() > 1) label = "no more";
  }
  return labels;
}

}  // namespace saddle::cli
