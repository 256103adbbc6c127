#include <check/usage.hpp>

#include <algorithm>
#include <map>
#include <set>

#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/results.hpp>
#include <check/calls.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

constexpr const char* kMute = "without saying why";

std::string describe(const Making& made, const Making& first) {
  if (made.role != first.role || made.trial.name != first.trial.name) return made.text();
  std::vector<std::string> changed;
  for (const auto& [key, value] : made.parameters.items())
    if (first.parameters.value(key, nlohmann::json()) != value) changed.push_back(key + "=" + value.dump());
  return listed(changed);
}

// Refusals of trials, those of the same words together: "points of 2 and 3x8x8: it needs ...".
class Refusals {
 public:
  // The component's own name, which every error begins with, is left out.
  void add(const std::string& trial, std::string why, const Subject& subject) {
    const std::string who = subject.component->kind + " '" + subject.component->name + "': ";
    if (why.starts_with(who)) why = why.substr(who.size());
    for (auto& [trials, text] : list_)
      if (text == why) return trials.push_back(trial);
    list_.push_back({{trial}, why});
  }
  std::string text() const {
    std::string all;
    for (const auto& [trials, why] : list_) all += (all.empty() ? "" : "; ") + listed(trials) + ": " + why;
    return all;
  }

 private:
  std::vector<std::pair<std::vector<std::string>, std::string>> list_;
};

constexpr int64_t kLargeSide = 80;

std::string handles(int64_t n) { return std::to_string(n) + (n == 1 ? " handle" : " handles"); }

std::set<std::string> names_of(const NamedTensors& tensors) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) names.insert(name);
  return names;
}

std::string to_question(const Making& making) {
  return nlohmann::json{{"role", making.role},         {"case", making.trial.name},
                        {"facts", making.trial.facts}, {"parameters", making.parameters},
                        {"shapes", making.shapes},     {"maps", making.maps}}
      .dump();
}

Making from_question(const std::string& question) {
  const auto q = nlohmann::json::parse(question);
  return {q.at("role"), {q.at("case"), q.at("facts")}, q.at("parameters"), q.at("shapes"), q.at("maps")};
}

}  // namespace

Pristine::Pristine(const Usages& usages)
    : server_([&usages](const std::string& q) { return digest(usages.make(from_question(q))->run()); }) {}

std::string Pristine::digest_of(const Making& making) const { return server_.ask(to_question(making)); }

std::string error_text(const std::function<void()>& body) {
  try {
    body();
  } catch (const Broken&) {
    throw;
  } catch (const NotApplied&) {
    throw;
  } catch (const BadResult& e) {  // it refused nothing, but gave something wrong
    throw Broken(e.what());
  } catch (const Error& e) {
    const std::string text = e.what();
    if (text.find(kMute) != std::string::npos) throw Broken("it failed without a text: call set_error first");
    return text;
  } catch (const std::exception& e) {
    return message_of(e);
  }
  return "";
}

std::string try_to_create(const Subject& subject, const std::vector<std::string>& roles, Usages& usages) {
  std::set<std::string> taken;
  for (const std::string& role : roles) {
    Refusals refusals;
    bool first = true;
    const auto try_all = [&](const nlohmann::json& facts) {
      for (const Case& trial : cases(facts)) {
        const Making making{role, trial, subject.parameters, subject.shapes, false};
        const std::string refusal = error_text([&] { usages.make(making); });
        if (!refusal.empty()) {
          refusals.add(trial.name, refusal, subject);
          continue;
        }
        (first ? usages.accepted : usages.others).push_back(making);
        first = false;
        taken.insert(trial.name);
      }
    };
    try_all(subject.facts);
    // Some networks want pictures that would cost the others too much time.
    if (nlohmann::json facts = subject.facts; first && !facts.contains("sample_shape")) {
      facts.update({{"sample_shape", {3, kLargeSide, kLargeSide}}, {"classes", 0}});
      try_all(facts);
    }
    if (!first) continue;
    throw Broken((role.empty() ? "" : "as " + role + " ") + "it can be made for none of the trials. For " +
                 refusals.text());
  }
  return "for " + listed({taken.begin(), taken.end()});
}

std::string try_to_use(const Subject& subject, Usages& usages, const std::function<void(Making&)>& body) {
  std::vector<Making> all = usages.accepted, first, more;
  all.insert(all.end(), usages.others.begin(), usages.others.end());
  std::map<std::string, Refusals> refusals;
  for (Making& making : all) {
    going_on();
    const std::string refusal = error_text([&] { body(making); });
    if (!refusal.empty()) {
      refusals[making.role].add(making.trial.name, refusal, subject);
      continue;
    }
    const bool known =
        std::any_of(first.begin(), first.end(), [&](const Making& m) { return m.role == making.role; });
    (known ? more : first).push_back(making);
  }
  std::string remark;
  for (const auto& [role, list] : refusals) {
    const bool works =
        std::any_of(first.begin(), first.end(), [&, &r = role](const Making& m) { return m.role == r; });
    const std::string text = (role.empty() ? "" : "as " + role + " ") +
                             (works ? "not for " : "it works for none of the trials. For ") + list.text();
    if (!works) throw Broken(text);
    remark += (remark.empty() ? "" : "; ") + text;
  }
  // The nearest relatives first: the same trial with another parameter.
  usages.accepted = first;
  usages.others.clear();
  for (const nlohmann::json& changed : variations(subject))
    for (const Making& made : first) {
      usages.others.push_back(made);
      usages.others.back().parameters = changed;
    }
  usages.others.insert(usages.others.end(), more.begin(), more.end());
  return remark;
}

std::string check_seed(const Usages& usages) {
  for (const Making& making : usages.accepted) {
    const auto one = usages.make(making), two = usages.make(making);
    const NamedTensors first = one->run();
    if (const std::string fault = difference(first, one->run()); !fault.empty())
      throw Broken(making.text() + ", the second time: " + fault);
    if (const std::string fault = difference(first, two->run()); !fault.empty())
      throw Broken(making.text() + ", another instance: " + fault);
  }
  return "";
}

std::string check_instances(const Usages& usages, const Pristine& pristine) {
  constexpr int kOthers = 8;
  int used = 0;
  std::vector<Making> others = usages.others;
  others.insert(others.end(), usages.accepted.begin(), usages.accepted.end());
  const Making& made = usages.accepted.front();
  const auto first = usages.make(made);
  const NamedTensors alone = first->run();
  for (const Making& making : others) {
    if (used == kOthers) break;
    going_on();
    std::unique_ptr<Usage> other;
    if (!error_text([&] { other = usages.make(making); }).empty()) continue;
    ++used;
    const std::string what = describe(making, made), with = what == "nothing" ? "the same" : what;
    const auto still = [&](const std::string& when) {
      if (const std::string fault = difference(alone, first->run()); !fault.empty())
        throw Broken("the first instance (" + made.text() + ") changed when " + when + " (" + with +
                     "): " + fault);
    };
    still("another was made");
    NamedTensors result;
    if (!error_text([&] { result = other->run(); }).empty()) continue;
    still("another was used");
    if (const std::string there = pristine.digest_of(making); !there.empty() && there != digest(result))
      throw Broken("an instance (" + with +
                   ") gives another result than alone in a process: something of an earlier instance is "
                   "left in it");
    if (const std::string fault = difference(result, other->run()); !fault.empty())
      throw Broken("the second instance (" + with + ") changed when the first was used: " + fault);
    other.reset();
    still("another was destroyed");
  }
  return "beside " + std::to_string(used) + " others";
}

std::string check_failing_calls(const Usages& usages) {
  constexpr int64_t kTried = 12;
  int64_t failed = 0;
  for (const Making& making : usages.accepted) {
    const auto usage = usages.make(making);
    usage->run();
    const int64_t before = host_calls();
    const std::set<std::string> names = names_of(usage->run());
    const int64_t calls = host_calls() - before;
    for (int64_t i = 0; i < std::min(calls, kTried); ++i) {
      going_on();
      fail_host_call(1 + i * calls / std::min(calls, kTried));
      NamedTensors result;
      const std::string text = error_text([&] { result = usage->run(); });
      const std::string which = failed_host_call();
      fail_host_call(0);
      if (which.empty()) continue;
      ++failed;
      // It may have another way to the same end.
      if (text.empty() && names_of(result) != names)
        throw Broken(making.text() + " it reports success although " + which + " failed");
    }
  }
  return failed ? std::to_string(failed) + " failing calls reported" : "";
}

std::string check_handles_released(const Usages& usages) {
  constexpr int kCalls = 10;
  for (const Making& making : usages.accepted) {
    const auto cycle = [&] {
      const auto usage = usages.make(making);
      usage->run();
      usage->run();  // what an instance keeps for itself, it has by now
      const int64_t before = handle_count();
      note_handles();
      for (int i = 0; i < kCalls; ++i, going_on()) usage->run();
      const std::string left = noted_handles();
      const int64_t more = handle_count() - before;
      if (more > 0)
        throw Broken(making.text() + ", " + std::to_string(kCalls) + " calls leave " + handles(more) +
                     " unreleased: " + left);
      if (more < 0)
        throw Broken(making.text() + ", " + std::to_string(kCalls) + " calls release " + handles(-more) +
                     " too many");
      // The same where an operator fails.
      const int64_t start = host_calls();
      usage->run();
      const int64_t calls = host_calls() - start;
      for (int64_t k = 1; k <= calls; k += std::max<int64_t>(1, calls / 8)) {
        int64_t held = 0;
        std::string which;
        for (int turn = 0; turn < 2; ++turn) {
          going_on();
          held = handle_count();
          fail_host_call(k);
          (void)error_text([&] { usage->run(); });
          which = failed_host_call();
          fail_host_call(0);
        }
        if (handle_count() != held)
          throw Broken(making.text() + ", a call in which " + which + " fails leaves " +
                       handles(handle_count() - held) + " unreleased");
      }
    };
    cycle();
    const int64_t before = handle_count();
    cycle();
    if (const int64_t more = handle_count() - before; more != 0)
      throw Broken(making.text() + ", an instance that is destroyed leaves " + handles(more) + " unreleased");
  }
  return "";
}

}  // namespace saddle::worker
