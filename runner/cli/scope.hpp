#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cli/select.hpp>
#include <db/reader.hpp>

namespace CLI {
class App;
}

namespace saddle::cli {

// Which trials a command is about: those of an experiment, those that a
// condition holds for, both, or all.
struct Scope {
  Scope() = default;
  Scope(std::int64_t of) : experiment(of) {}
  Scope(std::optional<std::int64_t> of) : experiment(of) {}

  std::optional<std::int64_t> experiment;
  std::optional<std::vector<std::int64_t>> trials;

  // ?1 and ?2 of the queries in db/queries/commands that are about some trials,
  // and what comes after.
  std::vector<db::Value> binds(std::vector<db::Value> more = {}) const;
};

// The options -e, --all and --where, which mean the same in every command.
struct ScopeOptions {
  std::string experiment, where;
  bool all = false;
};

enum class WithoutOptions { all, latest_experiment };

void add_scope_options(CLI::App& command, ScopeOptions& options, WithoutOptions without);

struct Scoped {
  Scope scope;
  ExperimentRef experiment;  // its name is empty where the scope is not one experiment
};

Scoped resolve(db::Reader& reader, const ScopeOptions& options, WithoutOptions without);

}  // namespace saddle::cli
