#pragma once
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

// What a child that checks tells its parent, line by line, so that whatever ends it leaves a trace.
namespace saddle::worker {

// Ends a rule: it does not hold, or it cannot be applied.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct NotApplied : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Report {
 public:
  explicit Report(int fd);

  // Applies a rule: ok if `body` returns (what it returns is a remark), skipped for NotApplied, else broken.
  // It is skipped when one of the rules in `after` did not hold.
  void rule(const std::string& id, const std::vector<std::string>& after,
            const std::function<std::string()>& body);
  bool held(const std::string& id) const;
  // A line to the parent that is not about a rule.
  void tell(const nlohmann::json& line) const;

 private:
  void result(const std::string& id, const char* what, const std::string& message);
  int fd_;
  std::map<std::string, bool> held_;
};

// Within a rule, between two of many calls: tells the parent that it goes on. What takes longer than the time
// allowed is then one call, whatever the rule, the machine and its load.
void going_on();

}  // namespace saddle::worker
