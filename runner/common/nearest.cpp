#include <common/nearest.hpp>

#include <algorithm>

namespace saddle {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> cost(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = static_cast<int>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int replace = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  if (word.empty() || word.size() > 100) return {};
  const std::string* best = nullptr;
  int best_distance = 0;
  for (const std::string& name : names) {
    const int distance = edit_distance(word, name);
    const int allowed = std::max(1, static_cast<int>(std::max(word.size(), name.size())) / 3);
    const bool prefix = word.size() >= 3 && name.starts_with(word);
    if (distance > allowed && !prefix) continue;
    if (!best || distance < best_distance) best = &name, best_distance = distance;
  }
  return best ? *best : std::string();
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names, std::size_t shown) {
  if (names.empty()) return "None are known here.";
  std::string text;
  const std::string near = nearest(word, names);
  if (!near.empty()) text += "Nearest: \"" + near + "\". ";
  text += "Known: ";
  const std::size_t count = std::min(shown, names.size());
  for (std::size_t i = 0; i < count; ++i) text += (i ? ", " : "") + names[i];
  if (count < names.size()) text += ", and " + std::to_string(names.size() - count) + " more";
  return text + ".";
}

}  // namespace saddle
