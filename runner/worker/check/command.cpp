#include <check/command.hpp>

#include <ATen/Parallel.h>

#include <iostream>
#include <set>

#include <bridge/handle.hpp>
#include <bridge/watch.hpp>
#include <check/calls.hpp>
#include <check/child.hpp>
#include <check/kinds.hpp>
#include <check/opening.hpp>
#include <check/rules.hpp>
#include <commands/one_shot.hpp>
#include <common/error.hpp>
#include <grid/schema.hpp>

namespace saddle::worker {
namespace {

using nlohmann::json;

struct Counts {
  int ok = 0, failed = 0, skipped = 0;
};

// Of one file or component.
struct Section {
  std::string title;
  json head;
  std::vector<Outcome> outcomes;
};

void print(const Outcome& o) {
  const std::string word = o.result == "failed" ? "FAILED " : o.result == "ok" ? "ok     " : "skipped";
  std::string rule = o.rule;
  rule.resize(std::max<size_t>(12, rule.size()), ' ');
  const std::string why = o.result == "skipped" ? "because " + o.message : o.message;
  std::cout << "  " << word << "  " << (why.empty() ? o.rule : rule + " " + why) << '\n' << std::flush;
}

json rules_json() {
  json list = json::array();
  for (const Rule& rule : rules())
    list.push_back({{"rule", rule.id}, {"kinds", rule.kinds}, {"text", rule.text}});
  return list;
}

void print_rules(bool as_json) {
  if (as_json) {
    std::cout << rules_json().dump(1) << '\n';
    return;
  }
  std::cout << "| rule | of | what must hold |\n|---|---|---|\n";
  for (const Rule& rule : rules())
    std::cout << "| `" << rule.id << "` | " << rule.kinds << " | " << rule.text << " |\n";
}

void prepare() {
  at::set_num_threads(1);
  watch_components();
  check_handles();
  set_warnings([](const std::string&) {});  // what the bridge warns of, rules find
  watch_host_calls();
}

// The component's parameters: defaults, and of `set` those that it has. Throws NotApplied when that is not
// enough to make it.
Subject subject_of(const Component& component, const Request& request) {
  Subject subject;
  subject.component = &component;
  subject.facts = request.at("facts");
  for (const auto& [name, shape] : request.at("inputs").items())
    subject.shapes[name] = shape.get<std::vector<int64_t>>();
  const json& schema = component.description.at("parameters");
  json given = json::object();
  for (const auto& [key, value] : request.at("set").items())
    if (properties_of(component).contains(key)) {
      given[key] = value;
      subject.given.insert(key);
    }
  std::string fault;
  subject.parameters =
      apply_schema(schema, given, "", [&](const std::string& at, const std::string& text, bool) {
        fault += (fault.empty() ? "" : "; ") + (at.empty() ? "" : at.substr(1) + ": ") + text;
      });
  if (!fault.empty()) throw NotApplied(fault + ". Parameters are given with --set KEY=VALUE");
  return subject;
}

void check_component_of(const std::string& file, const std::string& kind, const std::string& name,
                        const Request& request, Report& report) {
  prepare();
  const Component& component = find_component(file, kind, name);
  Subject subject;
  try {
    subject = subject_of(component, request);
  } catch (const NotApplied& e) {
    const std::string why = e.what();
    for (const Rule* rule : rules_of(kind))
      report.rule(rule->id, {}, [&]() -> std::string { throw NotApplied(why); });
    return;
  }
  if (kind == "model") return check_model(subject, report);
  if (kind == "transform") return check_transform(subject, report);
  if (kind == "loss") return check_loss(subject, report);
  if (kind == "dataset") return check_dataset(subject, report);
  check_metric(subject, report);
}

class Run {
 public:
  explicit Run(const Request& request)
      : request_(request),
        json_(request.at("json").get<bool>()),
        timeout_s_(request.at("timeout_s").get<double>()) {}

  int run() {
    std::vector<std::pair<Section, json>> files;  // and the components of each
    for (const json& entry : request_.at("files")) files.push_back(open(entry));
    check_set_is_used(files);
    json answer = json::array();
    for (auto& [section, components] : files) {
      if (!json_) {
        std::cout << section.title << '\n';
        for (const Outcome& o : section.outcomes) print(o);
      }
      json entry = section.head;
      entry["rules"] = as_json(section);
      entry["components"] = json::array();
      for (const json& c : components) entry["components"].push_back(check(section.head.at("file"), c));
      answer.push_back(std::move(entry));
    }
    finish(answer);
    return counts_.failed ? kNegative : kOk;
  }

 private:
  std::pair<Section, json> open(const json& entry) {
    const std::string file = entry.at("file");
    Section section{file, {{"file", file}}, {}};
    json components = json::array();
    check_in_child(
        "file", timeout_s_,
        [&](Report& report) {
          prepare();
          check_file(file, report);
        },
        [&](const Outcome& o) {
          count(o);
          section.outcomes.push_back(o);
        },
        [&](const json& line) {
          for (const json& c : line.at("components"))
            if (entry.at("only").is_null() || wanted(entry.at("only"), c)) components.push_back(c);
        });
    return {std::move(section), std::move(components)};
  }
  static bool wanted(const json& only, const json& component) {
    for (const json& pair : only)
      if (pair[0] == component.at("kind") && pair[1] == component.at("name")) return true;
    return false;
  }

  json check(const std::string& file, const json& component) {
    const std::string kind = component.at("kind"), name = component.at("name");
    Section section{kind + " " + name, {{"kind", kind}, {"name", name}}, {}};
    if (!json_) std::cout << section.title << '\n';
    check_in_child(
        kind, timeout_s_, [&](Report& report) { check_component_of(file, kind, name, request_, report); },
        [&](const Outcome& o) {
          count(o);
          if (!json_) print(o);
          section.outcomes.push_back(o);
        },
        [](const json&) {});
    json entry = section.head;
    entry["rules"] = as_json(section);
    return entry;
  }

  void check_set_is_used(const std::vector<std::pair<Section, json>>& files) const {
    for (const auto& [key, value] : request_.at("set").items()) {
      bool known = false, any = false;
      std::set<std::string> names;
      for (const auto& [section, components] : files)
        for (const json& c : components) {
          any = true;
          for (const json& name : c.at("parameters")) names.insert(name.get<std::string>());
        }
      known = names.contains(key);
      if (any && !known)
        throw Error("--set " + key +
                    ": none of the components to be checked has such a parameter; they have " +
                    list_text({names.begin(), names.end()}));
    }
  }

  static json as_json(const Section& section) {
    json list = json::array();
    for (const Outcome& o : section.outcomes)
      list.push_back({{"rule", o.rule}, {"result", o.result}, {"message", o.message}});
    return list;
  }

  void count(const Outcome& o) {
    ++(o.result == "ok" ? counts_.ok : o.result == "failed" ? counts_.failed : counts_.skipped);
  }

  void finish(const json& files) const {
    if (json_) {
      std::cout << json{{"ok", counts_.failed == 0},
                        {"files", files},
                        {"counts",
                         {{"ok", counts_.ok}, {"failed", counts_.failed}, {"skipped", counts_.skipped}}}}
                       .dump(1, ' ', false, json::error_handler_t::replace)
                << '\n';
      return;
    }
    std::cout << counts_.ok << " ok, " << counts_.failed << (counts_.failed ? " FAILED, " : " failed, ")
              << counts_.skipped << " skipped\n";
  }

  const Request& request_;
  bool json_;
  double timeout_s_;
  Counts counts_;
};

}  // namespace

int check_command() {
  int code = kOk;
  const int failure = one_shot([&](const Request& request) {
    if (request.value("rules", false)) return print_rules(request.at("json").get<bool>());
    code = Run(request).run();
  });
  return failure != kOk ? failure : code;
}

}  // namespace saddle::worker
