// Random grids, always the same ones: what a plan holds is compared with a literal,
// slow expansion of the same text, and with itself under other spellings.
#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <random>
#include <set>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

using Ordered = nlohmann::ordered_json;
using Point = std::map<std::string, Json>;  // path -> value

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return below(100) < percent; }

 private:
  std::mt19937 engine_;
};

// Paths that may be varied, with values each of them takes.
const std::vector<std::pair<std::string, std::vector<Json>>>& pool() {
  static const std::vector<std::pair<std::string, std::vector<Json>>> paths = {
      {"models.generator.width", {1, 2, 8, 16, 64, 200}},
      {"models.generator.slope", {0.1, 0.25, 0.2, 1e-3}},
      {"models.generator.init", {"normal", "orthogonal", "zeros"}},
      {"models.discriminator.width", {4, 64, 128}},
      {"losses.0.margin", {0.5, 1, 2, 1.5}},
      {"optimizers.generator.lr", {1e-4, 2e-4, 1e-3, 0.5}},
      {"optimizers.discriminator.betas", {{0, 0.9}, {0.5, 0.999}, {0.9, 0.999}}},
      {"train.rounds", {1, 5, 1000, 7}},
      {"train.batch", {1, 64, 32}},
      {"train.ema.decay", {0.0, 0.5, 0.99}},
      {"train.pass", {"separate", "joint"}},
      {"record.every", {1, 10}}};
  return paths;
}

// Writes a grid; each path is varied at one place only, but for the branches of a oneOf.
class Grids {
 public:
  explicit Grids(unsigned seed) : dice_(seed) {}

  Ordered grid() {
    Ordered grid = Ordered::parse(base().dump());
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < pool().size(); ++i) free.push_back(i);
    grid["sweep"] = sweep(free, 1 + dice_.below(3), 2);
    if (dice_.chance(50)) {
      grid["seeds"] = {{"count", 1 + dice_.below(3)}, {"from", dice_.below(5)}};
    } else {
      grid["seeds"] = Ordered::array();
      for (int i = 0, n = 1 + dice_.below(3); i < n; ++i) grid["seeds"].push_back(dice_.below(4));
    }
    grid["exclude"] = Ordered::array();
    for (int i = dice_.below(3); i > 0; --i) {
      Ordered pattern = Ordered::object();
      for (int k = 1 + dice_.below(2); k > 0; --k) {
        const auto& [path, values] = pool()[pick(pool().size())];
        pattern[path] = values[pick(values.size())];
      }
      if (dice_.chance(20)) pattern["seed"] = dice_.below(4);
      grid["exclude"].push_back(pattern);
    }
    return grid;
  }

 private:
  std::size_t pick(std::size_t n) { return static_cast<std::size_t>(dice_.below(static_cast<int>(n))); }
  std::size_t take(std::vector<std::size_t>& free) {
    const std::size_t at = pick(free.size()), path = free[at];
    free.erase(free.begin() + static_cast<std::ptrdiff_t>(at));
    return path;
  }

  Ordered values_of(std::size_t path, std::size_t n) {
    Ordered list = Ordered::array();
    for (std::size_t i = 0; i < n; ++i) {
      const std::vector<Json>& values = pool()[path].second;
      list.push_back(Ordered(values[pick(values.size())]));
    }
    return list;
  }

  Ordered sweep(std::vector<std::size_t>& free, int axes, int depth) {
    Ordered sweep = Ordered::object();
    for (int i = 0; i < axes && free.size() > 3; ++i) {
      const int form = dice_.below(depth > 0 ? 4 : 3);
      if (form == 0 || form == 1) {
        const std::size_t path = take(free);
        sweep[pool()[path].first]["values"] = values_of(path, 1 + pick(4));
      } else if (form == 2) {
        const std::size_t length = 1 + pick(3);
        Ordered zip = Ordered::object();
        for (int k = 1 + dice_.below(3); k > 0; --k) {
          const std::size_t path = take(free);
          zip[pool()[path].first] = values_of(path, length);
        }
        sweep["zip" + std::to_string(i)]["zip"] = zip;
      } else {
        Ordered branches = Ordered::array();
        std::set<std::size_t> used;
        for (int b = 1 + dice_.below(3); b > 0; --b) {
          std::vector<std::size_t> own = free;
          Ordered branch = Ordered::object();
          for (int k = dice_.below(3); k > 0; --k) {
            const std::size_t path = take(own);
            branch["set"][pool()[path].first] = values_of(path, 1)[0];
          }
          if (!branch.contains("set") || dice_.chance(60))
            branch["sweep"] = sweep_of(own, 1 + dice_.below(2), depth - 1);
          for (const std::size_t path : free)
            if (std::find(own.begin(), own.end(), path) == own.end()) used.insert(path);
          branches.push_back(branch);
        }
        std::erase_if(free, [&](std::size_t path) { return used.contains(path); });
        sweep["game" + std::to_string(i)]["oneOf"] = branches;
      }
    }
    return sweep;
  }
  Ordered sweep_of(std::vector<std::size_t>& free, int axes, int depth) { return sweep(free, axes, depth); }

  Dice dice_;
};

// The literal meaning of "sweep": every point, in order.
std::vector<Point> points_of(const Ordered& sweep) {
  std::vector<Point> points = {{}};
  for (const auto& [label, entry] : sweep.items()) {
    std::vector<Point> axis;
    if (entry.contains("values")) {
      for (const Ordered& value : entry["values"]) axis.push_back({{label, Json::parse(value.dump())}});
    } else if (entry.contains("zip")) {
      for (std::size_t i = 0; i < entry["zip"].begin()->size(); ++i) {
        Point together;
        for (const auto& [path, list] : entry["zip"].items()) together[path] = Json::parse(list[i].dump());
        axis.push_back(together);
      }
    } else {
      for (const Ordered& branch : entry["oneOf"]) {
        Point set;
        if (branch.contains("set"))
          for (const auto& [path, value] : branch["set"].items()) set[path] = Json::parse(value.dump());
        for (Point nested : points_of(branch.contains("sweep") ? branch["sweep"] : Ordered::object())) {
          nested.insert(set.begin(), set.end());
          axis.push_back(nested);
        }
      }
    }
    std::vector<Point> product;
    for (const Point& before : points) {
      for (const Point& value : axis) {
        Point both = before;
        both.insert(value.begin(), value.end());
        product.push_back(both);
      }
    }
    points = product;
  }
  return points;
}

// The formula: products of axes, sums of branches.
std::size_t count_of(const Ordered& sweep) {
  std::size_t count = 1;
  for (const auto& [label, entry] : sweep.items()) {
    if (entry.contains("values")) {
      count *= entry["values"].size();
    } else if (entry.contains("zip")) {
      count *= entry["zip"].begin()->size();
    } else {
      std::size_t sum = 0;
      for (const Ordered& branch : entry["oneOf"])
        sum += count_of(branch.contains("sweep") ? branch["sweep"] : Ordered::object());
      count *= sum;
    }
  }
  return count;
}

// The values of a config at all paths of the pool.
Point values_of(const Json& resolved) {
  Point values;
  for (const auto& [path, ignored] : pool()) {
    std::string pointer = "/" + path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    values[path] = resolved.at(Json::json_pointer(pointer));
  }
  return values;
}

struct Expected {
  Point values;
  std::int64_t seed;
};

struct Expansion {
  std::size_t product = 0, excluded = 0, merged = 0;
  std::vector<Expected> trials;
};

Expansion expansion_of(const Ordered& grid) {
  static const Point standard = values_of(plan_of(base()).trials[0].config->resolved());
  std::vector<std::int64_t> seeds;
  if (grid["seeds"].is_array()) {
    seeds = grid["seeds"].get<std::vector<std::int64_t>>();
  } else {
    for (int i = 0; i < grid["seeds"]["count"]; ++i) seeds.push_back(grid["seeds"]["from"].get<int>() + i);
  }
  Expansion result;
  std::set<std::pair<std::string, std::int64_t>> seen;
  for (const Point& point : points_of(grid["sweep"])) {
    Point values = standard;
    for (const auto& [path, value] : point) values[path] = value;
    for (const std::int64_t seed : seeds) {
      ++result.product;
      bool gone = false;
      for (const Ordered& pattern : grid["exclude"]) {
        bool all = true;
        for (const auto& [path, value] : pattern.items())
          all = all && (path == "seed" ? value == seed : Json::parse(value.dump()) == values[path]);
        gone = gone || all;
      }
      // What is only recorded is no part of a trial's identity.
      std::string key;
      for (const auto& [path, value] : values)
        if (path != "record.every")
          key += path + (value.is_number() ? std::to_string(value.get<double>()) : value.dump());
      if (gone) {
        ++result.excluded;
      } else if (!seen.emplace(key, seed).second) {
        ++result.merged;
      } else {
        result.trials.push_back({values, seed});
      }
    }
  }
  return result;
}

// The same grid in other words: keys in another order (but for those whose order is
// that of the trials), and numbers spelled in another way.
std::string respelled(const Ordered& value, Dice& dice, bool keep_order = false) {
  if (value.is_object()) {
    std::vector<std::string> entries;
    for (const auto& [key, entry] : value.items()) {
      const bool order = key == "sweep" || key == "zip" || key == "set";
      const std::string text = Json(key).dump() + ": " + respelled(entry, dice, order);
      const auto at =
          keep_order ? entries.end() : entries.begin() + dice.below(static_cast<int>(entries.size()) + 1);
      entries.insert(at, text);
    }
    std::string text;
    for (const std::string& entry : entries) text += (text.empty() ? "" : ",\n ") + entry;
    return "{" + text + "}";
  }
  if (value.is_array()) {
    std::string text;
    for (const Ordered& entry : value) text += (text.empty() ? "" : ", ") + respelled(entry, dice);
    return "[" + text + "]";
  }
  if (!value.is_number()) return value.dump();
  char text[64];
  const double number = value.get<double>();
  switch (dice.below(4)) {
    case 0:
      return value.dump();
    case 1:
      std::snprintf(text, sizeof text, "%.17e", number);
      return text;
    case 2:
      std::snprintf(text, sizeof text, "%.17g%s", number * 10, number * 10 / 10 == number ? "E-1" : "?");
      return std::string(text).find('?') == std::string::npos ? text : value.dump();
    default:
      return value.is_number_integer() ? value.dump() + ".0" : value.dump();
  }
}

std::multiset<std::string> hashes(const Plan& plan) {
  std::multiset<std::string> result;
  for (const PlannedTrial& trial : plan.trials) result.insert(trial.trial_hash);
  return result;
}

}  // namespace

TEST_CASE("a plan is the literal expansion of its grid: count, order, values and arithmetic") {
  std::size_t trials = 0, branched = 0, excluded = 0, merged = 0;
  Grids grids(20240611);
  for (int i = 0; i < 250; ++i) {
    const Ordered grid = grids.grid();
    INFO(grid.dump());
    const Expansion expected = expansion_of(grid);
    if (expected.trials.empty()) {
      CHECK(refusal_of_text(grid.dump()).find("every trial is excluded") != std::string::npos);
      continue;
    }
    const Plan plan = plan_text(grid.dump());
    const std::size_t seeds =
        grid["seeds"].is_array() ? grid["seeds"].size() : grid["seeds"]["count"].get<std::size_t>();
    CHECK(expected.product == count_of(grid["sweep"]) * seeds);
    REQUIRE(plan.trials.size() == expected.product - expected.excluded - expected.merged);
    REQUIRE(plan.trials.size() == expected.trials.size());
    std::set<std::string> names;
    for (std::size_t t = 0; t < plan.trials.size(); ++t) {
      CHECK(plan.trials[t].seed == expected.trials[t].seed);
      CHECK(values_of(plan.trials[t].config->resolved()) == expected.trials[t].values);
      names.insert(plan.trials[t].name);
    }
    CHECK(names.size() == plan.trials.size());
    if (expected.excluded > 0)
      CHECK(plan.arithmetic.find(" - " + std::to_string(expected.excluded) + " excluded") !=
            std::string::npos);
    if (expected.merged > 0)
      CHECK(plan.arithmetic.find(" - " + std::to_string(expected.merged) + " merged") != std::string::npos);
    CHECK(plan.arithmetic.ends_with("= " + std::to_string(plan.trials.size()) +
                                    (plan.trials.size() == 1 ? " trial" : " trials")));
    trials += plan.trials.size();
    branched += grid.dump().find("oneOf") != std::string::npos;
    excluded += expected.excluded > 0;
    merged += expected.merged > 0;
  }
  // The generator reaches what it is for.
  CHECK(trials > 2000);
  CHECK(branched > 50);
  CHECK(excluded > 20);
  CHECK(merged > 20);
}

TEST_CASE("neither the order of keys nor the spelling of numbers changes a plan") {
  Grids grids(7);
  Dice dice(11);
  for (int i = 0; i < 120; ++i) {
    const Ordered grid = grids.grid();
    if (expansion_of(grid).trials.empty()) continue;
    const std::string text = respelled(grid, dice);
    INFO(grid.dump() << "\n" << text);
    const Plan plain = plan_text(grid.dump()), other = plan_text(text);
    REQUIRE(plain.trials.size() == other.trials.size());
    for (std::size_t t = 0; t < plain.trials.size(); ++t) {
      CHECK(plain.trials[t].trial_hash == other.trials[t].trial_hash);
      CHECK(plain.trials[t].name == other.trials[t].name);
      CHECK(plain.trials[t].config->resolved().dump() == other.trials[t].config->resolved().dump());
    }
    // Axes in another order: other turns, the same trials.
    Ordered turned = grid;
    turned["sweep"] = Ordered::object();
    for (auto axis = grid["sweep"].rbegin(); axis != grid["sweep"].rend(); ++axis)
      turned["sweep"][axis.key()] = *axis;
    if (expansion_of(grid).merged == 0) CHECK(hashes(plan_text(turned.dump())) == hashes(plain));
  }
}

TEST_CASE("every misspelled key has its place, its pointer and the name that was meant") {
  const std::string text = R"({
 "name": "t", "seeds": {"count": 2, "from": 1},
 "dataset": {"use": "digits", "test_share": 0.25},
 "models": {"generator": {"use": "dcgan", "width": 32, "slope": 0.1, "norm": "default"},
            "discriminator": {"use": "mlp", "activation": "relu", "init": "normal"}},
 "losses": [{"use": "hinge", "margin": 1.0, "weight": 2}],
 "optimizers": {"generator": {"use": "adam", "lr": 0.001, "betas": [0, 0.9], "schedule": {"use": "linear", "final": 0.5}},
                "discriminator": {"use": "sgd", "momentum": 0.5}},
 "train": {"rounds": 100, "ema": {"decay": 0.9, "start": 5}, "latent": {"size": 8}, "augment": [{"use": "flip", "chance": 0.5}]},
 "metrics": [{"use": "frechet", "every": 50, "samples": 100}],
 "record": {"every": 3, "samples": {"grid": 2}}, "checkpoint": {"every": 9}, "limits": {"time_s": 4},
 "sweep": {"train.rounds": {"range": {"from": 1, "to": 3, "step": 2}},
           "models.generator.width": {"logspace": {"from": 8, "to": 32, "n": 3}},
           "draws": {"random": {"n": 1, "seed": 2, "draw": {"optimizers.generator.lr": {"uniform": {"from": 0, "to": 1}}}}},
           "together": {"zip": {"losses.0.margin": [1, 2], "train.batch": [3, 4]}},
           "game": {"oneOf": [{"set": {"train.pass": "joint"}, "sweep": {"train.threads": {"values": [1, 2]}}}]}}
})";
  REQUIRE(refusal_of_text(text) == "accepted");
  const Document document = Document::parse(text, "g.json");
  const std::set<std::string> labels = {
      "use",   "name", "generator", "discriminator",
      "draws", "game", "together"};  // chosen by the user, or needed for what follows
  std::size_t keys = 0;
  const std::function<void(const Json&, const std::string&)> walk = [&](const Json& value,
                                                                        const std::string& pointer) {
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) walk(value[i], pointer_child(pointer, i));
    }
    if (!value.is_object()) return;
    for (const auto& [key, entry] : value.items()) {
      const std::string at = pointer_child(pointer, key);
      walk(entry, at);
      if (labels.contains(key)) continue;
      // The last word of a path, with its last two letters swapped or its only one doubled.
      const std::string meant = key.substr(key.rfind('.') == std::string::npos ? 0 : key.rfind('.') + 1);
      std::string wrong = key;
      if (meant.size() == 1)
        wrong += meant;
      else
        std::swap(wrong[wrong.size() - 1], wrong[wrong.size() - 2]);
      if (wrong == key) continue;
      ++keys;
      const std::string where = document.where(at, true);
      std::size_t place = document.offset(at);
      place = document.text().rfind("\"" + key + "\"", place);
      std::string faulty = text;
      faulty.replace(place + 1, key.size(), wrong);
      const std::string message = refusal_of_text(faulty);
      INFO(at << "\n" << message);
      // One of the lines is about the key.
      bool told = false;
      for (std::size_t start = 0; start < message.size();) {
        const std::size_t end = std::min(message.find('\n', start), message.size());
        const std::string line = message.substr(start, end - start);
        told = told || (line.starts_with(where + " /") &&
                        line.find(wrong.substr(wrong.size() - meant.size())) != std::string::npos &&
                        line.find("Nearest: \"" + meant + "\"") != std::string::npos);
        start = end + 1;
      }
      CHECK(told);
    }
  };
  walk(document.root(), "");
  CHECK(keys > 60);
}
