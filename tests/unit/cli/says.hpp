#pragma once
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/table.hpp>

#include "fixture.hpp"

namespace saddle::cli::test {

// Standard output of one command.
inline std::string saddle_says(const std::filesystem::path& database, std::vector<std::string> arguments,
                               int* exit_code = nullptr) {
  CLI::App app;
  Globals globals;
  globals.database = database;
  app.require_subcommand(1);
  for (const auto add : {add_ls, add_show, add_best, add_compare, add_pivot, add_importance, add_curve,
                         add_sql, add_queries, add_export})
    add(app, globals);
  std::ostringstream out;
  struct Redirect {
    std::streambuf* before;
    ~Redirect() { std::cout.rdbuf(before); }
  } const redirect{std::cout.rdbuf(out.rdbuf())};
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  if (exit_code) *exit_code = globals.exit_code;
  return out.str();
}

inline OrderedJson saddle_json(const std::filesystem::path& database, std::vector<std::string> arguments) {
  arguments.push_back("--json");
  return OrderedJson::parse(saddle_says(database, arguments));
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline void expect_error(const std::string& text, const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    INFO(error.what());
    CHECK(has(error.what(), text));
    return;
  }
  FAIL("no error");
}

}  // namespace saddle::cli::test
