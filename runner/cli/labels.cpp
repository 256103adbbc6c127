#include <cli/labels.hpp>

#include <algorithm>
#include <cctype>
#include <set>

#include <cli/table.hpp>

namespace saddle::cli {
namespace {

using Configs = std::map<std::string, ConfigParams>;

constexpr std::string_view kUse = ".use";

bool ends_with_use(const std::string& path) { return path.size() > kUse.size() && path.ends_with(kUse); }

bool is_index(const std::string& part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::string text_at(const ConfigParams& params, const std::string& path) {
  const auto found = params.find(path);
  return found == params.end() ? "" : value_text(found->second);
}

// "models.generator" for "models.generator.width": the innermost prefix at which
// this config names a component; empty if there is none.
std::string component_of(const ConfigParams& params, const std::string& path) {
  for (std::size_t dot = path.rfind('.'); dot != std::string::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const std::string prefix = path.substr(0, dot);
    if (path != prefix + std::string(kUse) && params.count(prefix + std::string(kUse)) > 0) return prefix;
  }
  return "";
}

// "losses" for "losses.1.weight" if losses.1 is a component.
std::string list_of(const ConfigParams& params, const std::string& path) {
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    const std::size_t end = path.find('.', dot + 1);
    if (end == std::string::npos) return "";
    if (is_index(path.substr(dot + 1, end - dot - 1)) &&
        params.count(path.substr(0, end) + std::string(kUse)) > 0)
      return path.substr(0, dot);
  }
  return "";
}

// One component of a list: "kdd" and its parameters.
struct Entry {
  std::string use;
  std::map<std::string, std::string> params;
};

std::vector<Entry> entries_of(const ConfigParams& params, const std::string& list) {
  std::vector<Entry> entries;
  for (std::size_t i = 0;; ++i) {
    const std::string prefix = list + "." + std::to_string(i);
    const auto use = params.find(prefix + std::string(kUse));
    if (use == params.end()) return entries;
    Entry entry{value_text(use->second), {}};
    for (auto at = params.lower_bound(prefix + ".");
         at != params.end() && at->first.starts_with(prefix + "."); ++at)
      if (at != use) entry.params[at->first.substr(prefix.size() + 1)] = value_text(at->second);
    entries.push_back(std::move(entry));
  }
}

// Of a list of components one text a config; empty if they are all the same.
std::map<std::string, std::string> list_cells(const Configs& configs, const std::string& list) {
  std::map<std::string, std::vector<Entry>> entries;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> values;  // (use, parameter) -> values
  for (const auto& [hash, params] : configs) {
    entries[hash] = entries_of(params, list);
    for (const Entry& entry : entries[hash])
      for (const auto& [name, value] : entry.params) values[{entry.use, name}].insert(value);
  }
  std::map<std::string, std::string> cells;
  std::set<std::string> distinct;
  for (const auto& [hash, list_entries] : entries) {
    std::string text;
    for (const Entry& entry : list_entries) {
      std::string inner;
      for (const auto& [name, value] : entry.params)
        if (values[{entry.use, name}].size() > 1) inner += (inner.empty() ? "" : ",") + name + "=" + value;
      text += (text.empty() ? "" : "+") + entry.use + (inner.empty() ? "" : "(" + inner + ")");
    }
    cells[hash] = text.empty() ? "none" : text;
    distinct.insert(cells[hash]);
  }
  return distinct.size() > 1 ? cells : std::map<std::string, std::string>{};
}

bool differs(const Configs& configs, const std::string& path) {
  std::map<std::string, std::set<std::string>> by_component;
  bool absent = false;
  for (const auto& [hash, params] : configs) {
    const auto found = params.find(path);
    if (found == params.end()) {
      absent = true;
      continue;
    }
    const std::string component = component_of(params, path);
    const std::string use = component.empty() ? "" : text_at(params, component + std::string(kUse));
    by_component[use].insert(exact_text(found->second));
  }
  if (std::any_of(by_component.begin(), by_component.end(),
                  [](const auto& e) { return e.second.size() > 1; }))
    return true;
  // A component that only some configs have, a classifier for instance, tells them apart.
  return absent && ends_with_use(path);
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
      if (!found->second[i].empty()) text += (text.empty() ? "" : " ") + titles[i] + "=" + found->second[i];
  return text.empty() ? config_hash.substr(0, 8) : text;
}

Distinctions distinguish(const Configs& configs) {
  std::set<std::string> lists, leaves;
  for (const auto& [hash, params] : configs)
    for (const auto& [path, value] : params) {
      const std::string list = list_of(params, path);
      if (list.empty())
        leaves.insert(path);
      else
        lists.insert(list);
    }
  // A list that is empty in one config is the leaf "[]" there.
  for (const std::string& list : lists) leaves.erase(list);

  std::vector<std::string> paths;
  std::vector<std::map<std::string, std::string>> columns;
  for (const std::string& list : lists)
    if (auto cells = list_cells(configs, list); !cells.empty()) {
      paths.push_back(list);
      columns.push_back(std::move(cells));
    }
  for (const std::string& path : leaves)
    if (differs(configs, path)) {
      paths.push_back(path);
      auto& column = columns.emplace_back();
      for (const auto& [hash, params] : configs) column[hash] = text_at(params, path);
    }

  Distinctions result;
  result.titles = titles_of(paths);
  for (const auto& [hash, params] : configs)
    for (const auto& column : columns) result.cells[hash].push_back(column.at(hash));
  return result;
}

Distinctions distinguish(db::Reader& reader, std::optional<std::int64_t> experiment) {
  Configs configs;
  const db::Rows rows = reader.named("params_of", {experiment ? db::Value{*experiment} : db::Value{}});
  for (const auto& row : rows.rows)
    configs[std::get<std::string>(row[0])][std::get<std::string>(row[1])] = row[2];
  return distinguish(configs);
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
