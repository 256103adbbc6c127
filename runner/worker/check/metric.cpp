#include <cmath>
#include <set>
#include <utility>

#include <check/kinds.hpp>
#include <check/small.hpp>
#include <check/usage.hpp>
#include <common/better.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

using Numbers = std::vector<std::pair<std::string, double>>;

struct Set {
  at::Tensor features, labels;
};

// 48 samples: near the modes that a toy set states, else normal. `other` is another distribution.
Set make_set(const Making& making, const std::string& name, bool other = false) {
  constexpr int64_t kCount = 48;
  const auto shape = sample_shape(making.trial);
  int64_t n = 1;
  for (const int64_t size : shape) n *= size;
  at::Tensor x = normal({kCount, n}, name);
  if (making.trial.facts.contains("dataset.modes")) {
    const at::Tensor modes =
        at::tensor(making.trial.facts["dataset.modes"].get<std::vector<double>>(), at::kDouble).view({-1, n});
    x = modes.index_select(0, at::arange(kCount, at::kLong).remainder_(modes.size(0))) + 0.1 * x;
  }
  if (other) x = x * 0.5 + 3;
  return {x.to(at::kFloat), make_input("label", making.trial, kCount, at::kFloat, {})};
}

Set shuffled(const Set& set) {
  const at::Tensor order = at::randperm(set.features.size(0), train::make_generator(11, "order"),
                                        at::TensorOptions().dtype(at::kLong));
  return {set.features.index_select(0, order),
          set.labels.defined() ? set.labels.index_select(0, order) : at::Tensor()};
}

Numbers measure(const Metric& metric, const Set& fake) {
  train::seed_default_generators(5);
  return metric.measure(fake.features, fake.labels);
}
void reference(const Metric& metric, const Set& real) {
  train::seed_default_generators(4);
  metric.reference(real.features, real.labels);
}

NamedTensors tensors(const Numbers& numbers) {
  NamedTensors list;
  for (const auto& [name, value] : numbers) list.emplace_back(name, at::scalar_tensor(value, at::kDouble));
  return list;
}

// How two measurements differ, beyond `tolerance` of their size.
std::string apart(const Numbers& a, const Numbers& b, double tolerance) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (i >= b.size() || a[i].first != b[i].first) return "other numbers are given";
    const double by = std::abs(a[i].second - b[i].second);
    if (by > tolerance * std::max({1.0, std::abs(a[i].second), std::abs(b[i].second)}))
      return difference(tensors({a[i]}), tensors({b[i]}));
  }
  return "";
}

class MetricUsage : public Usage {
 public:
  MetricUsage(const Subject& subject, const Making& making)
      : making_(making), metric_(*subject.component, making.parameters, making.trial.facts) {}
  NamedTensors run() override {
    reference(metric_, make_set(making_, "real"));
    return tensors(measure(metric_, make_set(making_, "fake", true)));
  }

 private:
  Making making_;
  Metric metric_;
};

void check_names(const Making& making, const Numbers& numbers) {
  std::set<std::string> names;
  for (const auto& [name, value] : numbers)
    if (!names.insert(name).second)
      throw Broken(making.text() + ", the number \"" + name + "\" is given twice");
  if (numbers.empty()) throw Broken(making.text() + ", it gives no number");
}

void check_finite(const Making& making, const Numbers& numbers, const std::string& of) {
  for (const auto& [name, value] : numbers)
    if (!std::isfinite(value))
      throw Broken(making.text() + ", the number \"" + name + "\" of " + of + " is not finite");
}

// Ways to make it with another choice of each of its parameters that offer some.
std::vector<Making> choices(const Subject& subject, const Making& making) {
  std::vector<Making> list;
  for (const auto& [name, schema] : properties_of(*subject.component).items())
    for (const auto& choice : schema.value("enum", nlohmann::json::array())) {
      list.push_back(making);
      list.back().parameters[name] = choice;
    }
  return list;
}

// Of one measurement; rules make a hundred of them.
constexpr double kSeconds = 0.03;

class MetricCheck {
 public:
  MetricCheck(const Subject& subject, Report& report)
      : subject_(subject),
        report_(report),
        usages_{[this](const Making& m) {
                  train::seed_default_generators(3);
                  return std::make_unique<MetricUsage>(subject_, m);
                },
                {},
                {}},
        pristine_(usages_) {}

  void run() {
    report_.rule("create", {}, [&] { return try_to_create(subject_, {""}, usages_); });
    report_.rule("numbers", {"create"}, [&] { return numbers(); });
    report_.rule("borrowed", {"numbers"}, [&] { return borrowed(); });
    report_.rule("seed", {"numbers"}, [&] { return check_seed(usages_); });
    report_.rule("order", {"numbers", "seed"}, [&] { return order(); });
    report_.rule("instances", {"numbers", "seed"}, [&] { return check_instances(usages_, pristine_); });
    report_.rule("errors", {"numbers"}, [&] { return errors(); });
    report_.rule("handles", {"numbers"}, [&] { return check_handles_released(usages_); });
  }

 private:
  Metric made(const Making& making) const {
    return Metric(*subject_.component, making.parameters, making.trial.facts);
  }

  std::string numbers() {
    const Usages made = usages_;
    const std::string remark = use(subject_, usages_);
    check_higher();
    const std::string small = make_small(
        subject_, usages_, made, kSeconds, [&](const auto& p) { return seconds_of(p); },
        [&](const Subject& subject, Usages& usages) { use(subject, usages); });
    return remark + (remark.empty() || small.empty() ? "" : "; ") + small;
  }

  std::string use(const Subject& subject, Usages& usages) const {
    return try_to_use(subject, usages, [&](Making& making) {
      const Metric metric = made(making);
      const Set real = make_set(making, "real"), same = make_set(making, "fake"),
                other = make_set(making, "fake", true);
      reference(metric, real);
      const Numbers own = measure(metric, real), near = measure(metric, same), far = measure(metric, other);
      check_names(making, own);
      check_finite(making, own, "the real set against itself");
      check_finite(making, near, "a set of the same distribution");
      check_finite(making, far, "a set of another distribution");
      if (apart(own, far, 1e-9).empty())
        throw Broken(making.text() + ", all numbers of the real set itself are those of a set far from it");
      reference(metric, other);
      (void)measure(metric, same);
      reference(metric, real);
      if (const std::string fault = apart(near, measure(metric, same), 1e-9); !fault.empty())
        throw Broken(making.text() + ", after another reference and the first one again: " + fault);
    });
  }

  std::optional<double> seconds_of(const nlohmann::json& parameters) const {
    double seconds = 0;
    const std::string refusal = error_text([&] {
      Making making = usages_.accepted.front();
      making.parameters = parameters;
      const auto usage = usages_.make(making);
      seconds = cpu_seconds([&] { usage->run(); });
    });
    return refusal.empty() ? std::optional(seconds) : std::nullopt;
  }

  // Every name in "higher" is that of one of its numbers, if not with these parameters then with others.
  void check_higher() {
    const auto names = subject_.component->description.value("higher", std::set<std::string>());
    std::vector<Making> makings = usages_.accepted;
    for (const Making& making : usages_.accepted)
      for (Making& other : choices(subject_, making)) makings.push_back(std::move(other));
    makings.insert(makings.end(), usages_.others.begin(), usages_.others.end());
    std::set<std::string> missing = names, given;
    bool all = true;  // were tried
    for (const Making& making : makings) {
      if (missing.empty()) return;
      const std::string refusal = error_text([&] {
        const Metric metric = made(making);
        reference(metric, make_set(making, "real"));
        for (const auto& [name, value] : measure(metric, make_set(making, "fake"))) {
          given.insert(name);
          missing.erase(name);
        }
      });
      all = all && refusal.empty();
    }
    const std::vector<std::string> known(given.begin(), given.end());
    for (const std::string& name : missing)
      if (const std::string meant = meant_as_higher(name, names, given); !meant.empty() || all)
        throw Broken("its description lists \"" + name +
                     "\" in \"higher\", and it gives no number of that name. " +
                     (meant.empty() ? suggestion(name, known) : "Nearest: \"" + meant + "\"."));
  }

  std::string borrowed() {
    for (const Making& making : usages_.accepted) {
      const Metric metric = made(making);
      const Set real = make_set(making, "real"), fake = make_set(making, "fake", true);
      reference(metric, real);
      measure(metric, fake);
      if (!at::equal(real.features, make_set(making, "real").features) ||
          !at::equal(fake.features, make_set(making, "fake", true).features))
        throw Broken(making.text() + ", it changes the features it was lent");
    }
    return "";
  }

  std::string order() {
    if (subject_.claims("ordered")) throw NotApplied("its description says that the order counts");
    for (const Making& making : usages_.accepted) {
      const Metric metric = made(making);
      const Set real = make_set(making, "real"), fake = make_set(making, "fake");
      reference(metric, real);
      const Numbers before = measure(metric, fake);
      if (const std::string fault = apart(before, measure(metric, shuffled(fake)), 1e-4); !fault.empty())
        throw Broken(making.text() + ", with the same samples in another order " + fault);
      reference(metric, shuffled(real));
      if (const std::string fault = apart(before, measure(metric, fake), 1e-4); !fault.empty())
        throw Broken(making.text() + ", with the same real samples in another order " + fault);
    }
    return "";
  }

  std::string errors() {
    for (const Making& making : usages_.accepted) {
      const Metric metric = made(making);
      const Set real = make_set(making, "real");
      reference(metric, real);
      // Whatever it makes of these, it must come back from them.
      (void)error_text([&] { measure(metric, {real.features.narrow(1, 0, 1).contiguous(), real.labels}); });
      (void)error_text([&] {
        measure(metric, {real.features.narrow(0, 0, 1),
                         real.labels.defined() ? real.labels.narrow(0, 0, 1) : real.labels});
      });
      (void)error_text([&] { measure(metric, {at::full_like(real.features, NAN), real.labels}); });
      (void)error_text([&] { reference(metric, {at::full_like(real.features, NAN), real.labels}); });
    }
    return check_failing_calls(usages_);
  }

  Subject subject_;
  Report& report_;
  Usages usages_;
  Pristine pristine_;
};

}  // namespace

void check_metric(const Subject& subject, Report& report) { MetricCheck(subject, report).run(); }

}  // namespace saddle::worker
