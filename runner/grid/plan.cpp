#include <grid/plan.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include <common/error.hpp>
#include <common/sha256.hpp>
#include <grid/identity.hpp>
#include <grid/problems.hpp>
#include <grid/resolve.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

constexpr std::size_t kMostTrials = 100000;
constexpr std::size_t kLongestName = 60;

// Whether the value has all that the pattern has. Numbers agree by value, lists
// entry by entry, objects in the keys that the pattern names.
bool matches(const Json& pattern, const Json& value) {
  if (pattern.is_object()) {
    if (!value.is_object()) return false;
    for (const auto& [key, entry] : pattern.items()) {
      if (!value.contains(key) || !matches(entry, value[key])) return false;
    }
    return true;
  }
  if (pattern.is_array() && value.is_array()) {
    return std::equal(pattern.begin(), pattern.end(), value.begin(), value.end(), matches);
  }
  return pattern == value;
}

std::string trial_name(int ordinal, const std::string& label, std::int64_t seed) {
  char number[16];
  std::snprintf(number, sizeof number, "%04d", ordinal);
  const std::string end = "-s" + std::to_string(seed);
  const std::size_t room = kLongestName - std::string(number).size() - end.size() - 1;
  std::string middle = label.substr(0, room);
  while (!middle.empty() && std::string("-.+_").find(middle.back()) != std::string::npos) middle.pop_back();
  return number + (middle.empty() ? "" : "-" + middle) + end;
}

class Planner {
 public:
  Planner(std::shared_ptr<const Spec> spec, const Catalogue& catalogue, Problems& problems)
      : spec_(std::move(spec)),
        catalogue_(catalogue),
        problems_(problems),
        matched_(spec_->exclude.size()),
        possible_(spec_->exclude.size()) {}

  void expand(Plan& plan) {
    if (points() * spec_->seeds.size() > kMostTrials) {
      problems_.add(spec_->source.where("/sweep", true), "/sweep",
                    "more than " + std::to_string(kMostTrials) +
                        " trials; sweep fewer values, or split the experiment");
      return;
    }
    plan.notices = spec_->notices;
    std::vector<std::size_t> point(spec_->axes.size(), 0);
    do {
      add_point(plan, point);
    } while (!problems_.many() && advance(point));
    if (problems_.any()) return;
    check_exclusions(plan);
    if (plan.trials.empty()) {
      problems_.add(spec_->source.where("/exclude"), "/exclude",
                    "every trial is excluded; nothing is left to run");
    }
    if (duplicates_ > 0) {
      plan.notices.push_back(std::to_string(duplicates_) +
                             (duplicates_ == 1 ? " trial was" : " trials were") +
                             " merged with an equal one (the same config and seed): " + example_);
    }
    plan.arithmetic = arithmetic(plan.trials.size());
  }

 private:
  // Saturates instead of overflowing.
  std::size_t points() const {
    std::size_t count = 1;
    for (const Axis& axis : spec_->axes) count = std::min(count * axis.points.size(), kMostTrials + 1);
    return count;
  }

  // The next point; the last axis turns fastest. False after the last one.
  bool advance(std::vector<std::size_t>& point) const {
    for (std::size_t axis = point.size(); axis-- > 0;) {
      if (++point[axis] < spec_->axes[axis].points.size()) return true;
      point[axis] = 0;
    }
    return false;
  }

  void add_point(Plan& plan, const std::vector<std::size_t>& point) {
    auto config = std::make_shared<PlannedConfig>();
    const auto origin = std::make_shared<Origin>(spec_, point);
    struct Fault {
      std::string pointer, text;
      bool at_key;
    };
    std::vector<Fault> faults;
    Problems misplaced;
    const Json raw = origin->compose(misplaced);
    Resolution resolution =
        resolve(raw, catalogue_, [&](const std::string& pointer, const std::string& text, bool at_key) {
          faults.push_back({pointer, text, at_key});
        });
    // Before the faults: leaving out what cannot work together is what exclusions are for.
    if (excluded(resolution.config)) return;
    for (const Fault& fault : faults)
      problems_.add(origin->where(fault.pointer, fault.at_key), fault.pointer, fault.text);
    problems_.add(misplaced);
    if (problems_.any()) return;

    config->hash = config_hash(resolution.identity);
    config->resolved = std::move(resolution.config);
    config->origin = origin;
    for (std::size_t axis = 0; axis < point.size(); ++axis) {
      const AxisPoint& here = spec_->axes[axis].points[point[axis]];
      config->swept.emplace_back(spec_->axes[axis].label, here.text);
      if (!here.slug.empty()) config->label += (config->label.empty() ? "" : "-") + here.slug;
    }
    for (const std::int64_t seed : spec_->seeds) add_trial(plan, config, seed);
  }

  void add_trial(Plan& plan, const std::shared_ptr<const PlannedConfig>& config, std::int64_t seed) {
    PlannedTrial trial;
    trial.trial_hash = trial_hash(config->hash, seed);
    trial.seed = seed;
    trial.config = config;
    trial.ordinal = static_cast<int>(plan.trials.size()) + 1;
    trial.name = trial_name(trial.ordinal, config->label, seed);
    const auto [first, added] = seen_.try_emplace(trial.trial_hash, trial.name);
    if (added) {
      plan.trials.push_back(std::move(trial));
    } else if (duplicates_++ == 0) {
      example_ = (config->label.empty() ? "" : config->label + " ") + "seed " + std::to_string(seed) +
                 " is " + first->second;
    }
  }

  bool excluded(const Json& config) {
    bool any = false;
    for (std::size_t i = 0; i < spec_->exclude.size(); ++i) {
      bool all = true, exists = true;
      for (const auto& [key, value] : spec_->exclude[i].items()) {
        const Json* found = value_at(config, split_path(key));
        exists = exists && found != nullptr;
        all = all && found != nullptr && matches(value, *found);
      }
      possible_[i] = possible_[i] || exists;
      matched_[i] += all;
      any = any || all;
    }
    excluded_ += any;
    return any;
  }

  void check_exclusions(Plan& plan) {
    for (std::size_t i = 0; i < spec_->exclude.size(); ++i) {
      const std::string pointer = pointer_child("/exclude", i);
      if (!possible_[i]) {
        problems_.add(spec_->source.where(pointer), pointer,
                      "no trial has all these paths, so nothing can be excluded; check them against saddle "
                      "plan --json");
      } else if (matched_[i] == 0) {
        plan.notices.push_back(spec_->source.where(pointer) + " " + pointer + ": matches no trial");
      }
    }
  }

  // "3 x 2 x 3 - 2 excluded = 16 trials"
  std::string arithmetic(std::size_t total) const {
    std::string text;
    for (const Axis& axis : spec_->axes) text += axis.count + " x ";
    if (!text.empty() || excluded_ + duplicates_ > 0) text += std::to_string(spec_->seeds.size());
    if (excluded_ > 0) text += " - " + std::to_string(excluded_ * spec_->seeds.size()) + " excluded";
    if (duplicates_ > 0) text += " - " + std::to_string(duplicates_) + " merged";
    return text + (text.empty() ? "" : " = ") + std::to_string(total) + (total == 1 ? " trial" : " trials");
  }

  std::shared_ptr<const Spec> spec_;
  const Catalogue& catalogue_;
  Problems& problems_;
  std::map<std::string, std::string> seen_;  // trial hash -> name
  std::vector<std::size_t> matched_;         // of each exclusion: the points that it took out
  std::vector<bool> possible_;               // of each exclusion: whether some config has its paths at all
  std::size_t excluded_ = 0, duplicates_ = 0;
  std::string example_;
};

void leaves(const Json& value, const std::string& path, std::vector<Param>& into) {
  if (value.is_structured() && !value.empty()) {
    const std::string prefix = path.empty() ? "" : path + ".";
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) leaves(value[i], prefix + std::to_string(i), into);
    } else {
      for (const auto& [key, entry] : value.items()) leaves(entry, prefix + key, into);
    }
    return;
  }
  const char* type = value.is_number_float() ? "number"
                     : value.is_number()     ? "integer"
                     : value.is_string()     ? "string"
                     : value.is_boolean()    ? "boolean"
                     : value.is_array()      ? "list"
                     : value.is_object()     ? "object"
                                             : "null";
  into.push_back({path, type, value});
}

void add_file(Json& files, const Catalogue& catalogue, const std::string& kind, const Json& entry) {
  const std::string use = entry.at("use");
  const Component* component = catalogue.find(kind, use);
  if (component == nullptr) {
    throw Error("no " + kind + " \"" + use +
                "\" is known any more. Look for it with saddle plugins ls --kind " + kind +
                ", and name its folder with --plugins or SADDLE_PLUGIN_PATH.");
  }
  files[kind + "/" + use] = component->file.string();
}

}  // namespace

Plan load_plan(const std::filesystem::path& file, const std::vector<std::string>& sets,
               const Catalogue& catalogue) {
  Source source = Source::read(file);
  Plan plan;
  plan.file = file;
  plan.spec_text = source.text();
  plan.spec_sha256 = sha256(plan.spec_text);
  plan.sets = sets;
  Problems problems;
  const std::shared_ptr<const Spec> spec = read_spec(std::move(source), sets, problems);
  plan.name = spec->name;
  plan.limits = spec->limits;
  Planner(spec, catalogue, problems).expand(plan);
  problems.throw_if_any();
  return plan;
}

Json plan_json(const Plan& plan) {
  Json trials = Json::array();
  for (const PlannedTrial& trial : plan.trials) {
    trials.push_back({{"name", trial.name},
                      {"config_hash", trial.config->hash},
                      {"trial_hash", trial.trial_hash},
                      {"seed", trial.seed},
                      {"config", trial.config->resolved}});
  }
  return {{"trials", std::move(trials)}};
}

std::vector<Param> config_params(const Json& resolved) {
  std::vector<Param> params;
  leaves(resolved, "", params);
  return params;
}

Json plugin_files(const Json& resolved, const Catalogue& catalogue) {
  Json files = Json::object();
  add_file(files, catalogue, "dataset", resolved.at("dataset"));
  for (const Json& model : resolved.at("models")) add_file(files, catalogue, "model", model);
  for (const Json& loss : resolved.at("losses")) add_file(files, catalogue, "loss", loss);
  for (const Json& metric : resolved.at("metrics")) add_file(files, catalogue, "metric", metric);
  for (const Json& transform : resolved.at("train").at("augment"))
    add_file(files, catalogue, "transform", transform);
  return files;
}

}  // namespace saddle
