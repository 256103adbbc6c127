#include <grid/spec.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

#include <common/nearest.hpp>
#include <grid/host_schema.hpp>
#include <grid/schema.hpp>
#include <grid/sweep.hpp>

namespace saddle {
namespace {

constexpr std::int64_t kMostSeeds = 100000;

bool is_grid_key(const std::string& key) { return host_schema()["grid"]["properties"].contains(key); }

class SpecReader {
 public:
  SpecReader(Spec& spec, Problems& problems) : spec_(spec), problems_(problems) {}

  void read(const std::vector<std::string>& arguments) {
    Json own = Json::object();
    spec_.base = Json::object();
    for (const auto& [key, value] : spec_.source.root().items())
      (is_grid_key(key) ? own : spec_.base)[key] = value;
    for (const std::string& argument : arguments) take_set(own, argument);

    const auto report = [&](const std::string& pointer, const std::string& text, bool key) {
      fail(pointer, text, key);
    };
    own = apply_schemas({&host_schema()["grid"]}, own, "", "the grid file", report);
    spec_.name = own.contains("name") && own["name"].is_string() ? own["name"].get<std::string>() : "";
    own["prune"] = checked_prune(own.value("prune", Json()), report);
    if (!problems_.any()) spec_.rules = rules_from(own);
    read_seeds(own["seeds"]);
    if (own["exclude"].is_array()) read_exclude(own["exclude"]);
    spec_.axes = read_sweep(spec_.source, problems_);
    drop_settled_axes();
  }

 private:
  void fail(const std::string& pointer, const std::string& text, bool key = false) {
    for (auto set = own_sets_.rbegin(); set != own_sets_.rend(); ++set) {
      if ((pointer + "/").starts_with(set->pointer + "/")) return problems_.add(set->set, pointer, text);
    }
    problems_.add(spec_.source.where(pointer, key), pointer, text);
  }

  // An axis whose every path is put by --set has one value left, which is the
  // argument's: it is swept no more, nor named in trials.
  void drop_settled_axes() {
    const auto settled = [&](const Override& entry) {
      return std::any_of(spec_.sets.begin(), spec_.sets.end(), [&](const Override& set) {
        return (entry.pointer + "/").starts_with(set.pointer + "/");
      });
    };
    std::erase_if(spec_.axes, [&](const Axis& axis) {
      const bool gone = std::all_of(axis.points.begin(), axis.points.end(), [&](const AxisPoint& point) {
        return std::all_of(point.overrides.begin(), point.overrides.end(), settled);
      });
      if (gone) spec_.notices.push_back("--set takes the place of the sweep \"" + axis.label + "\"");
      return gone;
    });
  }

  void take_set(Json& own, const std::string& argument) {
    std::optional<Override> set = parse_set(argument, problems_);
    if (!set) return;
    if (set->path[0] == "sweep" || set->path[0] == "exclude" || set->path[0] == "extends") {
      problems_.add(
          set->set, set->pointer,
          "\"" + set->path[0] +
              "\" cannot be set; set the paths themselves, which then have one value in every trial");
    } else if (is_grid_key(set->path[0])) {
      if (std::string why = set_at(own, set->path, set->value); !why.empty())
        problems_.add(set->set, set->pointer, why);
      own_sets_.push_back(std::move(*set));
    } else {
      spec_.sets.push_back(std::move(*set));
    }
  }

  void read_seeds(const Json& seeds) {
    static const Json list = {
        {"type", "array"}, {"minItems", 1}, {"items", {{"type", "integer"}, {"minimum", 0}}}};
    static const Json count = {{"type", "object"},
                               {"properties",
                                {{"count", {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostSeeds}}},
                                 {"from", {{"type", "integer"}, {"minimum", 0}, {"default", 0}}}}},
                               {"required", {"count"}}};
    bool good = true;
    const auto report = [&](const std::string& pointer, const std::string& text, bool key) {
      good = false;
      fail(pointer, text, key);
    };
    if (seeds.is_object()) {
      const Json range = apply_schemas({&count}, seeds, "/seeds", "seeds", report);
      if (!good) return;
      const std::int64_t from = range["from"], n = range["count"];
      if (from > std::numeric_limits<std::int64_t>::max() - n)
        return fail("/seeds/from", "the last seed does not fit in 63 bits");
      for (std::int64_t i = 0; i < n; ++i) spec_.seeds.push_back(from + i);
    } else if (seeds.is_array()) {
      const Json values = apply_schema(list, seeds, "/seeds", report);
      if (good) spec_.seeds = values.get<std::vector<std::int64_t>>();
    } else {
      fail("/seeds",
           "expected a list of integers or {\"count\": n, \"from\": k}, found " + describe_value(seeds));
    }
  }

  void read_exclude(const Json& patterns) {
    std::vector<std::string> excludable = config_sections();
    excludable.push_back("seed");
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      const std::string pointer = pointer_child("/exclude", i);
      bool good = true;
      if (patterns[i].is_string()) {
        try {
          const std::string place = spec_.source.where(pointer) + " " + pointer;
          spec_.exclude.push_back({Pattern::parse(patterns[i], place, excludable), pointer});
        } catch (const Error& error) {
          problems_.add_line(error.what());
        }
        continue;
      }
      if (!patterns[i].is_object() || patterns[i].empty()) {
        fail(pointer,
             "expected an object of paths and the values that are left out together, or a condition, as "
             "\"models.*.width > 64 and losses.0.use = hinge\", found " +
                 describe_value(patterns[i]));
        continue;
      }
      for (const auto& [key, value] : patterns[i].items()) {
        const std::vector<std::string> path = split_path(key);
        if (path.empty() || std::find(excludable.begin(), excludable.end(), path[0]) == excludable.end()) {
          good = false;
          fail(pointer_child(pointer, key),
               "\"" + key + "\" is no path in a config. " +
                   suggestion(path.empty() ? key : path[0], excludable),
               true);
        }
      }
      if (good) spec_.exclude.push_back({Pattern::all_of(patterns[i]), pointer});
    }
  }

  Spec& spec_;
  Problems& problems_;
  std::vector<Override> own_sets_;  // of the grid's own keys
};

}  // namespace

const std::vector<std::string>& config_sections() {
  static const std::vector<std::string> sections = {"dataset", "models",  "losses", "optimizers",
                                                    "train",   "metrics", "record", "checkpoint"};
  return sections;
}

std::optional<Override> parse_set(const std::string& argument, Problems& problems) {
  Override result;
  result.set = "--set " + argument;
  const std::size_t equals = argument.find('=');
  result.path =
      equals == std::string::npos ? std::vector<std::string>{} : split_path(argument.substr(0, equals));
  if (result.path.empty()) {
    problems.add(result.set, "", "expected PATH=VALUE, as train.rounds=100 or losses.0.use=hinge");
    return std::nullopt;
  }
  for (const std::string& part : result.path) result.pointer = pointer_child(result.pointer, part);
  const std::string text = argument.substr(equals + 1);
  const std::size_t first = text.find_first_not_of(" \t\n");
  const bool must_parse =
      first != std::string::npos && std::string("{[\"").find(text[first]) != std::string::npos;
  if (must_parse || !Json::parse(text, nullptr, false).is_discarded()) {
    try {
      result.value = Document::parse(text, "--set " + argument.substr(0, equals)).root();
    } catch (const Error& error) {
      problems.add(error.what(), "", "write JSON here, or a plain word for a string");
      return std::nullopt;
    }
  } else {
    result.value = text;
    try {
      (void)result.value.dump();
    } catch (const Json::exception&) {
      problems.add(result.set, "", "the value is no UTF-8 text");
      return std::nullopt;
    }
  }
  return result;
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    if (end == start) return {};
    parts.push_back(path.substr(start, end - start));
    if (end == path.size()) return parts;
    start = end + 1;
  }
}

std::string set_at(Json& root, const std::vector<std::string>& path, const Json& value) {
  Json* node = &root;
  for (const std::string& part : path) {
    if (node->is_array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
      if (error != std::errc() || end != part.data() + part.size() || index >= node->size()) {
        return "the list has " + std::to_string(node->size()) + (node->size() == 1 ? " entry" : " entries") +
               " (counted from 0); there is no \"" + part + "\"";
      }
      node = &(*node)[index];
    } else if (node->is_object() || node->is_null()) {
      node = &(*node)[part];
    } else {
      return describe_value(*node) + " has no \"" + part + "\" in it";
    }
  }
  *node = value;
  return {};
}

std::shared_ptr<const Spec> read_spec(Source source, const std::vector<std::string>& sets,
                                      Problems& problems) {
  auto spec = std::make_shared<Spec>();
  spec->source = std::move(source);
  SpecReader(*spec, problems).read(sets);
  return spec;
}

std::vector<const Override*> Origin::overrides() const {
  std::vector<const Override*> result;
  for (std::size_t axis = 0; axis < points_.size(); ++axis) {
    for (const Override& entry : spec_->axes[axis].points[points_[axis]].overrides) result.push_back(&entry);
  }
  for (const Override& entry : spec_->sets) result.push_back(&entry);
  return result;
}

Json Origin::compose(Problems& problems) const {
  Json config = spec_->base;
  for (const Override* entry : overrides()) {
    const std::string why = set_at(config, entry->path, entry->value);
    if (why.empty()) continue;
    problems.add(entry->set.empty() ? spec_->source.where(entry->key_source, true) : entry->set,
                 entry->pointer, why);
  }
  return config;
}

std::string Origin::where(const std::string& pointer, bool key) const {
  const std::vector<const Override*> all = overrides();
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    const Override& o = **entry;
    if (!(pointer + "/").starts_with(o.pointer + "/")) continue;
    if (!o.set.empty()) return o.set;
    const std::string rest = pointer.substr(o.pointer.size());
    return rest.empty() && key ? spec_->source.where(o.key_source, true)
                               : spec_->source.where(o.source + rest, key);
  }
  if (!spec_->source.has(pointer)) {
    for (const Override* entry : all) {  // made on the way to an override's path
      if (!(entry->pointer + "/").starts_with(pointer + "/")) continue;
      return entry->set.empty() ? spec_->source.where(entry->key_source, true) : entry->set;
    }
  }
  return spec_->source.where(pointer, key);
}

}  // namespace saddle
