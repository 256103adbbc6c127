#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include <db/reader.hpp>
#include <grid/rules.hpp>
#include <schedule/observer.hpp>
#include <schedule/prune.hpp>

namespace saddle::cli {

// The pruner that a grid asks for, told of what the experiment's trials measured
// before and of the promotions that were made; of trials that begin anew, nothing.
std::unique_ptr<schedule::Pruner> make_pruner(const Prune& rule, db::Reader& reader, std::int64_t experiment,
                                              const std::vector<schedule::Job>& jobs);

}  // namespace saddle::cli
