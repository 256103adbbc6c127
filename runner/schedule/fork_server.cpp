#include <schedule/fork_server.hpp>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <common/error.hpp>

namespace saddle::schedule {
namespace {

constexpr int kMostFailures = 3;

// While it lives, children whose parent ends become ours. Not longer: what a
// worker leaves behind shall not gather here.
class Subreaper {
 public:
  Subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL); }
  ~Subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 0UL, 0UL, 0UL, 0UL); }
};

}  // namespace

std::string file_state(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return "";
  const auto ns = [](const timespec& t) {
    return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
  };
  return std::to_string(info.st_dev) + " " + std::to_string(info.st_ino) + " " +
         std::to_string(info.st_size) + " " + ns(info.st_mtim) + " " + ns(info.st_ctim);
}

ForkServer::ForkServer(std::filesystem::path worker, std::vector<std::filesystem::path> plugins,
                       std::function<void(const std::string&)> notice, Patience patience)
    : worker_(std::move(worker)),
      plugins_(std::move(plugins)),
      notice_(std::move(notice)),
      patience_(patience) {}

std::optional<Process> ForkServer::start(const Command& command) {
  // A second try: it may have been killed since the last attempt.
  for (int i = 0; i < 2 && ensure_server(); ++i)
    if (auto process = ask(command)) return process;
  return std::nullopt;
}

bool ForkServer::ensure_server() {
  std::vector<std::string> now;
  for (const auto& plugin : plugins_) now.push_back(file_state(plugin));
  if (server_ && now != loaded_) server_.reset();
  if (server_) return true;
  if (failures_ >= kMostFailures) {
    if (!std::exchange(gave_up_, true))
      notice_("workers are started one by one from now on, which takes longer: no server of them (" + why_ +
              ")");
    return false;
  }
  loaded_ = std::move(now);
  // A plugin may do what a server must not, such as start a thread.
  if (launch(plugins_) || (!plugins_.empty() && launch({}))) return true;
  failures_ = kMostFailures;
  return ensure_server();
}

bool ForkServer::launch(const std::vector<std::filesystem::path>& plugins) {
  output_ = Fd(::memfd_create("saddle-worker serve", MFD_CLOEXEC));
  Command command;
  command.argv = {worker_.string(), "serve"};
  for (const auto& plugin : plugins) command.argv.push_back(plugin.string());
  // An attempt sets its own number when it is forked.
  command.environment = {{"OMP_NUM_THREADS", "1"}, {"MKL_NUM_THREADS", "1"}};
  command.output = output_.open() ? "/proc/self/fd/" + std::to_string(output_.get()) : "/dev/null";
  command.talks = true;
  server_.emplace(Process::start(command));
  const auto answer = receive_message(server_->frames_fd(), static_cast<int>(patience_.loading.count()));
  if (answer && answer->value("ready", false)) return true;
  stop(answer ? answer->value("reason", "it gave no reason") : "it did not answer");
  return false;
}

void ForkServer::stop(const std::string& why) {
  server_.reset();
  ++failures_;
  const std::string printed =
      output_.open() ? last_lines("/proc/self/fd/" + std::to_string(output_.get()), 2) : "";
  why_ = why + (printed.empty() ? "" : "; it printed last: " + printed);
}

std::optional<Process> ForkServer::ask(const Command& command) {
  Fd output = open_output(command.output);
  auto [frames_read, frames_write] = make_pipe();
  auto [go_read, go_write] = make_pipe();
  ForkRequest request;
  request.id = ++asked_;
  request.arguments.assign(command.argv.begin() + 1, command.argv.end());
  request.environment = command.environment;
  request.data_limit_bytes = command.data_limit_bytes;

  const Subreaper subreaper;
  std::string why = "it is gone";
  if (send_request(server_->frames_fd(), request, {output.get(), frames_write.get(), go_read.get()})) {
    while (const auto answer =
               receive_message(server_->frames_fd(), static_cast<int>(patience_.forking.count()))) {
      if (answer->value("id", std::uint64_t{0}) != request.id) continue;  // of one that we gave up
      if (!answer->contains("pid")) {
        why = answer->value("error", "it answered nothing of use");
        break;
      }
      Process process = Process::adopt(answer->at("pid").get<pid_t>(), std::move(frames_read));
      if (::write(go_write.get(), "g", 1) != 1) break;
      failures_ = 0;
      return process;
    }
  }
  stop(why);
  return std::nullopt;
}

}  // namespace saddle::schedule
