#include <serve/serve.hpp>

#include <cstdio>
#include <filesystem>

#include <bridge/loader.hpp>
#include <common/forks.hpp>

namespace saddle::worker {
namespace {

int threads_of_this_process() {
  int threads = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    threads += !entry.path().empty();
  return threads;
}

}  // namespace

std::optional<std::vector<std::string>> serve(const std::vector<std::string>& plugins) {
  for (const auto& file : plugins) {
    try {
      load_plugin(file);
    } catch (const std::exception& e) {
      // Whoever uses it will be told by its attempt, as without a server.
      std::fprintf(stderr, "%s\n", e.what());
    }
  }
  // A fork takes only the thread that asks for it along; what the others held stays locked in the copy.
  if (const int threads = threads_of_this_process(); threads != 1) {
    refuse_to_serve(kWorkerFd, "loading the plugins started " + std::to_string(threads - 1) + " thread(s)");
    return std::nullopt;
  }
  return serve_forks(kWorkerFd);
}

}  // namespace saddle::worker
