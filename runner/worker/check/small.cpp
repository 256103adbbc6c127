#include <check/small.hpp>

#include <ctime>
#include <vector>

#include <grid/schema.hpp>

namespace saddle::worker {
namespace {

using nlohmann::json;

constexpr int64_t kLeast = 4;
constexpr double kSaves = 1.2;  // the least that makes a size of a parameter

// With half of one integer; null where that is too little or the schema forbids it.
json halved(const Subject& subject, const json& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || !found->is_number_integer() || subject.given.contains(name)) return {};
  const int64_t half = found->get<int64_t>() / 2;
  if (half < kLeast) return {};
  json changed = parameters;
  changed[name] = half;
  bool allowed = true;
  changed = apply_schema(subject.component->description.at("parameters"), changed, "",
                         [&](const auto&, const auto&, bool) { allowed = false; });
  return allowed ? changed : json();
}

// The smallest last.
std::vector<json> smaller(const Subject& subject, double most,
                          const std::function<std::optional<double>(const json&)>& cost) {
  std::vector<json> steps;
  json now = subject.parameters;
  std::optional<double> cost_now = cost(now);
  while (cost_now && *cost_now > most) {
    std::string best;
    double least = *cost_now / kSaves;
    for (const auto& [name, schema] : properties_of(*subject.component).items())
      if (const json tried = halved(subject, now, name); !tried.is_null()) {
        going_on();
        if (const auto c = cost(tried); c && *c <= least) best = name, least = *c;
      }
    if (best.empty()) break;
    for (json next = halved(subject, now, best); !next.is_null() && *cost_now > most;
         next = halved(subject, now, best)) {
      const auto c = cost(next);
      if (!c || *c >= *cost_now) break;
      now = next;
      cost_now = c;
      steps.push_back(now);
    }
  }
  return steps;
}

// "width=4 and depth=2"
std::string changes(const json& from, const json& to) {
  std::vector<std::string> list;
  for (const auto& [name, value] : to.items())
    if (from.value(name, json()) != value) list.push_back(name + "=" + value.dump());
  return listed(list);
}

}  // namespace

std::string make_small(Subject& subject, Usages& usages, const Usages& made, double most,
                       const std::function<std::optional<double>(const json&)>& cost,
                       const std::function<void(const Subject&, Usages&)>& use) {
  const std::vector<json> steps = smaller(subject, most, cost);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    Subject small = subject;
    small.parameters = *step;
    Usages tried = made;
    for (auto* list : {&tried.accepted, &tried.others})
      for (Making& making : *list) making.parameters = *step;
    try {
      use(small, tried);
    } catch (const std::exception&) {
      continue;  // too small for it
    }
    const std::string text = "as it is, from here on with " + changes(subject.parameters, *step);
    subject = small;
    usages = tried;
    return text;
  }
  return "";
}

double cpu_seconds(const std::function<void()>& body) {
  const auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double before = now();
  body();
  return now() - before;
}

}  // namespace saddle::worker
