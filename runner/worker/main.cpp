// saddle-worker: the program that opens plugins and holds LibTorch. Every attempt
// is one process of it, so that what goes wrong in one costs that one.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include <bridge/handle.hpp>
#include <bridge/fingerprint.hpp>
#include <bridge/loader.hpp>
#include <bridge/watch.hpp>
#include <check/command.hpp>
#include <commands/commands.hpp>
#include <common/error.hpp>
#include <game/attempt.hpp>
#include <game/cuda.hpp>
#include <game/prove.hpp>
#include <serve/serve.hpp>

namespace saddle::worker {
namespace {

// Bytes that are not UTF-8 in somebody's message must not end the answer.
void print_line(const nlohmann::json& json) {
  std::cout << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

// Answers go where stdout was; what plugins print joins stderr, so that nobody takes it for an answer.
class Answers {
 public:
  Answers() : fd_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10)) {
    if (fd_ < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
      throw Error(std::string("cannot keep stdout for answers: ") + std::strerror(errno), kEnvironment);
  }
  void give(const nlohmann::json& json) const {
    const std::string line = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    for (size_t done = 0; done < line.size();) {
      const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
      if (n < 0 && errno != EINTR)
        throw Error(std::string("nobody reads the answers: ") + std::strerror(errno));
      if (n > 0) done += static_cast<size_t>(n);
    }
  }

 private:
  int fd_;
};

int describe(const std::vector<std::string>& files) {
  const Answers answers;
  for (const auto& file : files) {
    answers.give({{"opening", file}});
    answers.give(describe_plugin(file));
  }
  return 0;
}

int prove_lines() {
  const Answers answers;
  check_handles();
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    const nlohmann::json request = nlohmann::json::parse(line);
    answers.give({{"proving", request.at("id")}});
    answers.give(prove(request));
  }
  return 0;
}

int info() {
  print_line({{"libtorch", libtorch_version()},
              {"libtorch_folder", libtorch_folder().string()},
              {"cxx_abi", _GLIBCXX_USE_CXX11_ABI},
              {"isa", at::get_cpu_capability()},
              {"cuda", cuda_report()},
              {"threads", at::get_num_threads()}});
  return 0;
}

int train(const std::vector<std::string>& args) {
  std::string trial;
  AttemptOptions options;
  for (size_t i = 0; i + 1 < args.size(); i += 2) {
    if (args[i] == "--trial")
      trial = args[i + 1];
    else if (args[i] == "--folder")
      options.folder = args[i + 1];
    else if (args[i] == "--frames-fd")
      options.frames_fd = std::stoi(args[i + 1]);
    else if (args[i] == "--resume")
      options.checkpoint = args[i + 1];
    else
      throw Error("train: unknown option " + args[i]);
  }
  if (trial.empty() || options.folder.empty() || options.frames_fd < 0)
    throw Error("usage: saddle-worker train --trial FILE --folder DIR --frames-fd N [--resume CHECKPOINT]");
  run_attempt(Trial::read(trial), options);
#ifndef __SANITIZE_ADDRESS__
  // Taking LibTorch's registries apart takes 30 ms, and forked from a server more: all its pages are copied.
  std::cout.flush();
  std::fflush(nullptr);
  ::_exit(0);
#else
  return 0;
#endif
}

int dispatch(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  const std::vector<std::string> rest(argv + std::min(argc, 2), argv + argc);
  watch_components();
  if (command == "serve") {
    const auto forked = serve(rest);
    return forked && !forked->empty() ? train({forked->begin() + 1, forked->end()}) : 0;
  }
  if (command == "describe") return describe(rest);
  if (command == "prove") return prove_lines();
  if (command == "train") return train(rest);
  if (command == "info") return info();
  if (command == "probe") return probe_command(argc - 1, argv + 1);
  if (command == "eval") return eval_command(argc - 1, argv + 1);
  if (command == "check") return check_command();
  if (command == "sample") return sample_command(argc - 1, argv + 1);
  throw Error(
      "saddle-worker is started by saddle; its commands are describe, prove, train, serve, info, probe, "
      "eval, check, sample");
}

}  // namespace
}  // namespace saddle::worker

int main(int argc, char** argv) {
  try {
    return saddle::worker::dispatch(argc, argv);
  } catch (const saddle::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.exit_code;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", saddle::worker::message_of(e).c_str());
    return 1;
  }
}
