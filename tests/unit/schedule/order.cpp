#include <schedule/order.hpp>

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <set>

using namespace saddle;
using saddle::schedule::Place;
using saddle::schedule::spread_order;

namespace {

struct Grid {
  std::deque<Json> configs;
  std::vector<Place> places;
  std::vector<std::string> labels;

  void add(const std::string& label, const Json& config) {
    configs.push_back(config);
    places.push_back({config.dump(), &configs.back()});
    labels.push_back(label);
  }
  std::vector<std::string> ordered() const {
    std::vector<std::string> result;
    for (const std::size_t i : spread_order(places)) result.push_back(labels[i]);
    return result;
  }
};

// How many trials it takes until `sees` is true of what was seen.
std::size_t until(const std::vector<std::string>& order, std::size_t from, std::size_t length,
                  std::size_t values) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < order.size(); ++i) {
    seen.insert(order[i].substr(from, length));
    if (seen.size() == values) return i + 1;
  }
  return order.size() + 1;
}

}  // namespace

TEST_CASE("every config comes once before any seed comes again") {
  Grid grid;
  for (const char* config : {"a", "b", "c"})
    for (const char* seed : {"1", "2"}) grid.add(config + std::string(seed), {{"x", config}});
  CHECK(grid.ordered() == std::vector<std::string>{"a1", "b1", "c1", "a2", "b2", "c2"});
}

TEST_CASE("every value of every axis is seen in as few trials as it has values") {
  Grid grid;
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 4; ++b)
      for (int c = 0; c < 2; ++c)
        grid.add(std::to_string(a) + std::to_string(b) + std::to_string(c),
                 {{"a", a}, {"deep", {{"b", b}, {"same", 7}}}, {"c", Json::array({{{"c", c}}})}});
  const auto order = grid.ordered();
  CHECK(order.front() == "000");
  CHECK(until(order, 0, 1, 3) <= 4);
  CHECK(until(order, 1, 1, 4) == 4);
  CHECK(until(order, 2, 1, 2) == 2);
  // After every four trials the values of the largest axis are balanced.
  for (std::size_t n = 4; n <= order.size(); n += 4)
    for (char b = '0'; b < '4'; ++b)
      CHECK(std::count_if(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n),
                          [&](const auto& label) { return label[1] == b; }) ==
            static_cast<std::ptrdiff_t>(n / 4));
  std::vector<std::string> sorted = order, all = grid.labels;
  std::sort(sorted.begin(), sorted.end());
  std::sort(all.begin(), all.end());
  CHECK(sorted == all);
}

TEST_CASE("what varies together is one axis, and a branch with many parameters outweighs nothing") {
  // A zip of three parameters against one single parameter: 2 x 2, whatever the zip's breadth.
  Grid grid;
  for (int z = 0; z < 2; ++z)
    for (int s = 0; s < 2; ++s)
      grid.add(std::to_string(z) + std::to_string(s), {{"p", z}, {"q", z * 10}, {"r", 5 - z}, {"s", s}});
  CHECK(grid.ordered() == std::vector<std::string>{"00", "11", "01", "10"});

  Grid branches;  // "a" has an own parameter with three values, "b" and "c" have none
  for (int w = 0; w < 3; ++w) branches.add("a" + std::to_string(w), {{"use", "a"}, {"w", w}});
  branches.add("b-", {{"use", "b"}});
  branches.add("c-", {{"use", "c"}});
  CHECK(until(branches.ordered(), 0, 1, 3) == 3);
}

TEST_CASE("the order does not depend on how many trials are asked for at once, and 10,000 are quick") {
  Grid grid;
  for (int a = 0; a < 100; ++a)
    for (int b = 0; b < 100; ++b)
      grid.add(std::to_string(100 + a) + std::to_string(100 + b), {{"a", a}, {"b", b}});
  const auto order = grid.ordered();
  CHECK(until(order, 0, 3, 100) == 100);
  CHECK(until(order, 3, 3, 100) == 100);
  CHECK(order == grid.ordered());
}
