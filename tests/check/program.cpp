#include "program.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

#include <common/process.hpp>

namespace saddle::test {
namespace fs = std::filesystem;

Home::Home() {
  std::string name = (fs::temp_directory_path() / "saddle-check-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
}
Home::~Home() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string Home::write(const std::string& name, const std::string& text) const {
  fs::create_directories((folder_ / name).parent_path());
  std::ofstream(folder_ / name) << text;
  return *this / name;
}

Answer Home::run(Arguments command, const Arguments& environment) const {
  Arguments all = {"/usr/bin/env",
                   "-u",
                   "SADDLE_PLUGIN_PATH",
                   "-u",
                   "SADDLE_COMMAND",
                   "XDG_DATA_HOME=" + *this / "data",
                   std::string("XDG_CACHE_HOME=") + SADDLE_TEST_CACHE,
                   "SADDLE=" SADDLE_PROGRAM};
  all.insert(all.end(), environment.begin(), environment.end());
  all.insert(all.end(), command.begin(), command.end());
  const ChildResult result = run_child(all, "", 120);
  INFO(result.failure());
  REQUIRE_FALSE(result.timed_out);
  REQUIRE(result.signal == 0);
  return {result.exit_code, result.out, result.err};
}

Answer Home::saddle(const Arguments& arguments, const Arguments& environment) const {
  Arguments command = {SADDLE_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command, environment);
}

std::vector<std::string> Checked::failed() const {
  std::vector<std::string> rules;
  for (const auto& [rule, what] : result)
    if (what == "failed") rules.push_back(rule);
  return rules;
}

std::map<std::string, Checked> checked(const Answer& answer) {
  INFO(answer.out << answer.err);
  REQUIRE((answer.code == 0 || answer.code == 1));
  const Json json = Json::parse(answer.out);
  CHECK(json["ok"].get<bool>() == (answer.code == 0));
  std::map<std::string, Checked> all;
  const auto add = [](Checked& to, const Json& rules) {
    for (const Json& rule : rules) {
      to.result[rule["rule"]] = rule["result"];
      to.message[rule["rule"]] = rule["message"];
    }
  };
  for (const Json& file : json["files"]) {
    add(all["file"], file["rules"]);
    for (const Json& c : file["components"]) add(all[c["name"]], c["rules"]);
  }
  return all;
}

}  // namespace saddle::test
