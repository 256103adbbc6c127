#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include <db/reader.hpp>
#include <db/store.hpp>
#include <grid/rules.hpp>
#include <schedule/observer.hpp>
#include <schedule/prune.hpp>

namespace saddle::cli {

// The pruner that a grid asks for, told of what the experiment's trials measured
// before and of the promotions that were made; of trials that begin anew, nothing.
std::unique_ptr<schedule::Pruner> make_pruner(const Prune& rule, db::Reader& reader, std::int64_t experiment,
                                              const std::vector<schedule::Job>& jobs);

// A run that was cut off may have decided to prune a trial and not lived to see it
// stop: what was decided stands. Gives how many these were.
std::size_t settle_decisions(db::Store& store, std::int64_t experiment);

}  // namespace saddle::cli
