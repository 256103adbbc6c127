#include <grid/source.hpp>

#include <algorithm>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <grid/schema.hpp>

namespace saddle {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> written_keys(const Document& document, const Json& object,
                                      const std::string& pointer) {
  std::vector<std::pair<std::size_t, std::string>> keys;
  for (const auto& [key, value] : object.items())
    keys.push_back({document.offset(pointer_child(pointer, key)), key});
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> result;
  for (auto& [offset, key] : keys) result.push_back(std::move(key));
  return result;
}

bool names_another_component(const Json& before, const Json& after) {
  const auto old_use = before.find("use"), new_use = after.find("use");
  return old_use != before.end() && new_use != after.end() && *old_use != *new_use;
}

std::string no_such_file(const fs::path& file) {
  std::vector<std::string> names;
  std::error_code error;
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json") names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  return "no file " + file.string() + " (paths are relative to this file). " +
         suggestion(file.filename().string(), names);
}

// The merged object as text, keys in the order in which they are written.
nlohmann::ordered_json in_order(const Source& source, const Json& value, const std::string& pointer) {
  if (value.is_object()) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const std::string& key : source.keys_in_order(pointer))
      object[key] = in_order(source, value.at(key), pointer_child(pointer, key));
    return object;
  }
  if (!value.is_array()) return value;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < value.size(); ++i)
    list.push_back(in_order(source, value[i], pointer_child(pointer, i)));
  return list;
}

}  // namespace

class Merger {
 public:
  explicit Merger(Source& source) : source_(source) {}

  void read(const fs::path& file) {
    chain_.push_back({fs::weakly_canonical(file), file.string()});
    const Document document = Document::read(file);
    if (document.root().is_object() && document.root().contains("extends")) {
      const Json& extends = document.root()["extends"];
      if (extends.is_string()) {
        extend(document, extends, "/extends");
      } else if (extends.is_array() && !extends.empty()) {
        for (std::size_t i = 0; i < extends.size(); ++i)
          extend(document, extends[i], pointer_child("/extends", i));
      } else {
        throw Error(document.where("/extends") +
                    " /extends: expected the name of a grid file or a list of names, found " +
                    describe_value(extends));
      }
    }
    chain_.pop_back();
    source_.documents_.push_back(document);
    const std::size_t index = source_.documents_.size() - 1;
    if (!document.root().is_object())
      throw Error(document.where("") + ": a grid file holds one object, found " +
                  describe_value(document.root()));
    if (index == 0) source_.root_ = Json::object();
    merge(source_.root_, document.root(), "", index);
  }

  void finish() {
    source_.root_.erase("extends");
    if (source_.documents_.size() == 1) {
      source_.text_ = source_.documents_[0].text();
      source_.places_.clear();
    } else {
      forget("/extends");
      source_.text_ = in_order(source_, source_.root_, "").dump(1) + "\n";
    }
  }

 private:
  struct Link {
    fs::path file;  // by which circles are known
    std::string as_written;
  };

  void extend(const Document& document, const Json& name, const std::string& pointer) {
    const std::string place = document.where(pointer) + " " + pointer + ": ";
    if (!name.is_string() || name.get_ref<const std::string&>().empty())
      throw Error(place + "expected the name of a grid file, found " + describe_value(name));
    const fs::path file = fs::path(document.file()).parent_path() / name.get<std::string>();
    std::error_code error;
    if (!fs::exists(file, error)) throw Error(place + no_such_file(file));
    const fs::path known = fs::weakly_canonical(file);
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      if (chain_[i].file != known) continue;
      std::string circle;
      for (std::size_t j = i; j < chain_.size(); ++j) circle += chain_[j].as_written + " -> ";
      throw Error(place + "files extend each other in a circle: " + circle + file.string() +
                  ". Take one of the steps out");
    }
    read(file);
  }

  // Objects are merged key by key; everything else, an entry of the sweep, and an
  // object that names another component, is replaced as a whole. null takes away.
  void merge(Json& into, const Json& from, const std::string& pointer, std::size_t index) {
    const Document& document = source_.documents_[index];
    for (const std::string& key : written_keys(document, from, pointer)) {
      const std::string at = pointer_child(pointer, key);
      const Json& value = from[key];
      const auto found = into.find(key);
      if (found == into.end()) {
        into[key] = value;
        take(value, at, index);
      } else if (value.is_null() && index > 0) {
        into.erase(found);
        forget(at);
      } else if (found->is_object() && value.is_object() && pointer != "/sweep" &&
                 !names_another_component(*found, value)) {
        source_.places_[at].document = index;
        merge(*found, value, at, index);
      } else {
        const std::size_t rank = source_.places_[at].rank;
        forget(at);
        *found = value;
        take(value, at, index);
        source_.places_[at].rank = rank;
      }
    }
    source_.places_[pointer].document = index;
  }

  void take(const Json& value, const std::string& pointer, std::size_t index) {
    source_.places_[pointer] = {index, next_rank_++};
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) take(value[i], pointer_child(pointer, i), index);
    } else if (value.is_object()) {
      for (const std::string& key : written_keys(source_.documents_[index], value, pointer))
        take(value[key], pointer_child(pointer, key), index);
    }
  }

  void forget(const std::string& pointer) {
    std::erase_if(source_.places_,
                  [&](const auto& entry) { return (entry.first + "/").starts_with(pointer + "/"); });
  }

  Source& source_;
  std::vector<Link> chain_;
  std::size_t next_rank_ = 0;
};

Source Source::read(const fs::path& file) {
  Source source;
  Merger merger(source);
  merger.read(file);
  merger.finish();
  return source;
}

std::string Source::where(std::string_view pointer, bool key) const {
  if (places_.empty()) return documents_.back().where(pointer, key);
  std::string at(pointer);
  auto found = places_.find(at);
  for (; found == places_.end() && !at.empty(); key = false) {
    at = pointer_parent(at);
    found = places_.find(at);
  }
  return found == places_.end() ? documents_.back().file()
                                : documents_[found->second.document].where(at, key);
}

bool Source::has(const std::string& pointer) const {
  return places_.empty() ? documents_.back().offset(pointer) != std::string::npos : places_.contains(pointer);
}

std::vector<std::string> Source::keys_in_order(const std::string& pointer) const {
  const Json& object = root_.at(Json::json_pointer(pointer));
  if (places_.empty()) return written_keys(documents_.back(), object, pointer);
  std::vector<std::pair<std::size_t, std::string>> keys;
  for (const auto& [key, value] : object.items())
    keys.push_back({places_.at(pointer_child(pointer, key)).rank, key});
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> result;
  for (auto& [rank, key] : keys) result.push_back(std::move(key));
  return result;
}

}  // namespace saddle
