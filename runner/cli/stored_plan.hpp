#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include <db/store.hpp>
#include <grid/plan.hpp>

// Plans on their way into the store and back.
namespace saddle::cli {

db::NewExperiment describe(const Plan& plan);
std::vector<db::PlannedTrial> frozen(const Plan& plan);

// Stores the plan, and what the grid's text alone does not say. The experiment's number.
std::int64_t store_plan(db::Store& store, const Plan& plan);

// The rules of a stored experiment as they were noted: --set may have changed what the file says.
Rules rules_of(const std::filesystem::path& database, std::int64_t experiment);

}  // namespace saddle::cli
