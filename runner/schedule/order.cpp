#include <schedule/order.hpp>

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>

namespace saddle::schedule {
namespace {

void flatten(const Json& value, const std::string& path, std::map<std::string, std::string>& leaves) {
  if (!value.is_structured() || value.empty()) {
    leaves[path] = value.dump();
    return;
  }
  std::size_t index = 0;
  for (const auto& [key, inner] : value.items())
    flatten(inner, path + "/" + (value.is_array() ? std::to_string(index++) : key), leaves);
}

// By config: which of its values an axis has there, as a number from 0; kAbsent
// where there is no such leaf, in another branch.
using Axis = std::vector<int>;
constexpr int kAbsent = -1;

// The leaves that are not the same in all configs; those that vary together once.
std::vector<Axis> axes_of(const std::vector<const Json*>& configs) {
  std::map<std::string, Axis> by_path;
  std::map<std::string, std::map<std::string, int>> numbers;
  std::map<std::string, std::string> leaves;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    leaves.clear();
    flatten(*configs[i], "", leaves);
    for (const auto& [path, text] : leaves) {
      auto& known = numbers[path];
      const int number = known.try_emplace(text, static_cast<int>(known.size())).first->second;
      by_path.try_emplace(path, configs.size(), kAbsent).first->second[i] = number;
    }
  }
  std::set<Axis> distinct;
  for (auto& [path, axis] : by_path) {
    // Values are numbered by first appearance, so axes that vary together are equal.
    if (std::any_of(axis.begin(), axis.end(), [&](int value) { return value != axis.front(); }))
      distinct.insert(std::move(axis));
  }
  return {distinct.begin(), distinct.end()};
}

// How often the values of each config have been taken so far, those of an axis
// with many values weighing more: there each one's turn comes more rarely.
class Taken {
 public:
  explicit Taken(std::vector<Axis> axes) : axes_(std::move(axes)) {
    for (const Axis& axis : axes_)
      counts_.emplace_back(static_cast<std::size_t>(*std::max_element(axis.begin(), axis.end())) + 1, 0);
  }
  std::size_t score(std::size_t config) const {
    std::size_t sum = 0;
    for (std::size_t a = 0; a < axes_.size(); ++a)
      if (const int value = axes_[a][config]; value != kAbsent)
        sum += counts_[a][static_cast<std::size_t>(value)] * counts_[a].size();
    return sum;
  }
  void take(std::size_t config) {
    for (std::size_t a = 0; a < axes_.size(); ++a)
      if (const int value = axes_[a][config]; value != kAbsent) ++counts_[a][static_cast<std::size_t>(value)];
  }

 private:
  std::vector<Axis> axes_;
  std::vector<std::vector<std::size_t>> counts_;
};

// By config: its place in the order.
std::vector<std::size_t> rank_configs(const std::vector<const Json*>& configs) {
  Taken taken(axes_of(configs));
  using Entry = std::pair<std::size_t, std::size_t>;  // score when it was looked at, config
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> least;
  for (std::size_t i = 0; i < configs.size(); ++i) least.emplace(0, i);
  std::vector<std::size_t> ranks(configs.size());
  for (std::size_t next = 0; !least.empty();) {
    const auto [score, config] = least.top();
    least.pop();
    // Scores only rise: one that is still what it was is the least.
    if (const std::size_t now = taken.score(config); now != score) {
      least.emplace(now, config);
      continue;
    }
    taken.take(config);
    ranks[config] = next++;
  }
  return ranks;
}

}  // namespace

std::vector<std::size_t> spread_order(const std::vector<Place>& all) {
  std::unordered_map<std::string, std::size_t> config_of;
  std::vector<const Json*> configs;
  std::vector<std::size_t> seeds;  // of each config, so far
  struct Key {
    std::size_t seed, config, index;
  };
  std::vector<Key> keys;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [found, added] = config_of.try_emplace(all[i].config_hash, configs.size());
    if (added) {
      configs.push_back(all[i].config);
      seeds.push_back(0);
    }
    keys.push_back({seeds[found->second]++, found->second, i});
  }
  const std::vector<std::size_t> ranks = rank_configs(configs);
  std::stable_sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    return std::pair(a.seed, ranks[a.config]) < std::pair(b.seed, ranks[b.config]);
  });
  std::vector<std::size_t> order;
  for (const Key& key : keys) order.push_back(key.index);
  return order;
}

}  // namespace saddle::schedule
