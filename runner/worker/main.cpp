// saddle-worker: the program that opens plugins and holds LibTorch. Every attempt
// is one process of it, so that what goes wrong in one costs that one.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include <bridge/loader.hpp>
#include <commands/commands.hpp>
#include <common/error.hpp>
#include <game/attempt.hpp>
#include <game/cuda.hpp>
#include <game/prove.hpp>

namespace saddle::worker {
namespace {

// Bytes that are not UTF-8 in somebody's message must not end the answer.
void print_line(const nlohmann::json& json) {
  std::cout << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

int describe(const std::vector<std::string>& files) {
  for (const auto& file : files) print_line(describe_plugin(file));
  return 0;
}

int prove_lines() {
  for (std::string line; std::getline(std::cin, line);)
    if (!line.empty()) print_line(prove(nlohmann::json::parse(line)));
  return 0;
}

int info() {
  print_line({{"libtorch", libtorch_version()},
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
  return 0;
}

int dispatch(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  const std::vector<std::string> rest(argv + std::min(argc, 2), argv + argc);
  if (command == "describe") return describe(rest);
  if (command == "prove") return prove_lines();
  if (command == "train") return train(rest);
  if (command == "info") return info();
  if (command == "probe") return probe_command(argc - 1, argv + 1);
  if (command == "eval") return eval_command(argc - 1, argv + 1);
  if (command == "sample") return sample_command(argc - 1, argv + 1);
  throw Error(
      "saddle-worker is started by saddle; its commands are describe, prove, train, info, probe, eval, "
      "sample");
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
