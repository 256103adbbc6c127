#pragma once
#include <optional>
#include <string>
#include <vector>

namespace saddle::worker {

// `saddle-worker serve PLUGIN...`: loads the plugins, then forks a process for each
// request that comes on kWorkerFd (common/forks.hpp). Gives the arguments of what a
// forked process is to do, and nothing in the server itself once saddle has left.
std::optional<std::vector<std::string>> serve(const std::vector<std::string>& plugins);

}  // namespace saddle::worker
