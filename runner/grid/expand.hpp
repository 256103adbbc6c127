#pragma once
#include <memory>

#include <grid/plan.hpp>
#include <grid/problems.hpp>
#include <grid/spec.hpp>

namespace saddle {

// Fills in the trials of a plan, its arithmetic and notices: every point of the
// spec's axes, resolved, without those that are excluded, each config once for
// each seed. What is wrong is added to `problems`.
void expand(std::shared_ptr<const Spec> spec, const Catalogue& catalogue, std::size_t most_trials, Plan& plan,
            Problems& problems);

}  // namespace saddle
