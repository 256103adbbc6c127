#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <check/fabricate.hpp>
#include <check/fork_server.hpp>
#include <check/report.hpp>

// Rules that are the same for every kind: whatever an instance does, it is made, used and destroyed.
namespace saddle::worker {

// An instance at work. `run` gives what comes out; that may depend on nothing but how it was made.
class Usage {
 public:
  virtual ~Usage() = default;
  virtual NamedTensors run() = 0;
};
// Throws saddle::Error when the component refuses.
using Maker = std::function<std::unique_ptr<Usage>(const Making&)>;

struct Usages {
  Maker make;
  std::vector<Making> accepted;  // one a role, each of which could be made
  std::vector<Making> others;    // more ways of making, some of which may be refused
};

// A process in which none of them was ever made. To be made first.
class Pristine {
 public:
  explicit Pristine(const Usages& usages);
  // The digest of what an instance gives there; "" when it cannot be told.
  std::string digest_of(const Making& making) const;

 private:
  ForkServer server_;
};

// Makes an instance for each role at each case: those accepted, in Usages, and what is worth saying of it.
// Throws Broken when a role takes none of them.
std::string try_to_create(const Subject& subject, const std::vector<std::string>& roles, Usages& usages);

// Uses an instance made in each of the ways that try_to_create found. What `body` throws as Broken is a
// fault; any other error is a refusal, which each role may utter for all trials but one. Afterwards `usages`
// holds what works, changed as `body` has changed it. Returns what is worth saying of the rest.
std::string try_to_use(const Subject& subject, Usages& usages, const std::function<void(Making&)>& body);

std::string check_seed(const Usages& usages);
std::string check_instances(const Usages& usages, const Pristine& pristine);
// Each operator that is called fails once.
std::string check_failing_calls(const Usages& usages);
std::string check_handles_released(const Usages& usages);

// Runs `body`, which is to fail. Throws Broken when it fails without saying why; returns the text, or "" when
// it does not fail.
std::string error_text(const std::function<void()>& body);

}  // namespace saddle::worker
