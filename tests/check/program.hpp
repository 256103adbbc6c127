#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <common/json.hpp>

namespace saddle::test {

using Arguments = std::vector<std::string>;

struct Answer {
  int code = 0;
  std::string out, err;
};

// A folder that is a home of its own: the user's plugins lie in it. Gone when the test ends.
class Home {
 public:
  Home();
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }
  std::string plugins() const { return *this / "data/saddle/plugins"; }
  // A file; its path.
  std::string write(const std::string& name, const std::string& text) const;

  // Runs the program to its end. `environment`: "CXX=clang++".
  Answer saddle(const Arguments& arguments, const Arguments& environment = {}) const;
  // Another program.
  Answer run(Arguments command, const Arguments& environment = {}) const;

 private:
  std::filesystem::path folder_;
};

// {"gradient": "failed", ...} for each component of the answer of `plugins check --json`, with the rules of
// the file, and what it says of each.
struct Checked {
  std::map<std::string, std::string> result, message;
  std::vector<std::string> failed() const;
};
std::map<std::string, Checked> checked(const Answer& answer);

}  // namespace saddle::test
