#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <db/reader.hpp>

namespace saddle::cli {

// The numbers of the trials for which a condition (common/condition.hpp) holds.
// Its names:
//   params.PATH    a hyper-parameter by its path or the end of one; params.losses
//                  is the names of the losses, "hinge+r1"
//   finals.METRIC  what a metric came to (also of a running trial); .min .max
//                  .argmin .argmax .last_step .n .n_nan behind it: of its curve
//   trial name experiment state (or status) reason message seed attempts step
//   seconds started ended host device threads libtorch isa exit_code signal
//   config_hash trial_hash git_commit
// A comparison with something a trial has not is false. A metric that was
// measured in several ways compares as any of them does.
// Values only ever reach the database as bound parameters. Throws Error with the
// place and the nearest name.
std::vector<std::int64_t> trials_where(db::Reader& reader, const std::string& condition,
                                       const std::string& option = "--where");

}  // namespace saddle::cli
