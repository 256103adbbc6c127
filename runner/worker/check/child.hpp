#pragma once
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <check/report.hpp>

namespace saddle::worker {

// What became of one rule.
struct Outcome {
  std::string rule, result, message;  // result: ok, failed, skipped
};

// Applies rules in a child process. Whatever ends it, or keeps it silent for `timeout_s` seconds, is the
// failure of the rule that was being applied; the rules after that are skipped. `kind` says which rules are
// due ("file", "loss"). `say` is called for each as it comes, and `other` for lines that are not about rules.
// What the child prints goes to stderr, as far as it is short.
void check_in_child(const std::string& kind, double timeout_s, const std::function<void(Report&)>& apply,
                    const std::function<void(const Outcome&)>& say,
                    const std::function<void(const nlohmann::json&)>& other);

}  // namespace saddle::worker
