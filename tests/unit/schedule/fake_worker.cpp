// A worker without LibTorch: it speaks the frame protocol and does what its
// trial's config says under "fake", to be whatever a scheduler must survive.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include <common/forks.hpp>
#include <common/frames.hpp>
#include <common/sha256.hpp>

using nlohmann::json;
using namespace saddle;

namespace {

volatile sig_atomic_t stop = 0;

struct Arguments {
  std::string trial, folder, resume;
  int frames_fd = -1;
};

Arguments parse(const std::vector<std::string>& words) {
  Arguments a;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& name = words[i];
    if (name == "--trial") a.trial = words[i + 1];
    if (name == "--folder") a.folder = words[i + 1];
    if (name == "--resume") a.resume = words[i + 1];
    if (name == "--frames-fd") a.frames_fd = std::stoi(words[i + 1]);
  }
  return a;
}

void finished(FrameWriter& frames, const char* reason, std::int64_t step, const char* message = "") {
  frames.event(json{{"type", "finished"}, {"reason", reason}, {"message", message}, {"step", step}}.dump());
}

void save_checkpoint(FrameWriter& frames, const Arguments& a, const json& fake, std::int64_t step) {
  const std::string path = a.folder + "/checkpoint.safetensors";
  std::error_code none_before;
  std::filesystem::rename(path, a.folder + "/checkpoint.previous.safetensors", none_before);
  std::ofstream(path) << step;
  if (step == fake.value("kill_before_announcing", -1)) ::raise(SIGKILL);
  frames.artifact(json{{"kind", "checkpoint"},
                       {"name", "checkpoint"},
                       {"step", step},
                       {"path", "checkpoint.safetensors"},
                       {"sha256", sha256_file(path)},
                       {"bytes", std::filesystem::file_size(path)},
                       {"media_type", "application/octet-stream"}}
                      .dump());
  frames.event(json{{"type", "checkpoint"}, {"step", step}, {"path", "checkpoint.safetensors"}}.dump());
}

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

// What it measures the n-th time: of a list of levels that one, else always the same.
double level(const json& fake, std::int64_t n) {
  const json levels = fake.value("levels", json::array());
  if (n >= static_cast<std::int64_t>(levels.size())) return fake.value("level", 0.0);
  const json& value = levels[static_cast<std::size_t>(n)];
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

// Rounds as a real worker counts them: continues, checkpoints, stops on SIGTERM.
int train(FrameWriter& frames, const Arguments& a, const json& fake, std::int64_t start) {
  const std::int64_t rounds = fake.value("rounds", 5);
  const std::int64_t every = fake.value("checkpoint_every", 0);
  if (fake.value("level_every", 0) > 0)
    frames.key(
        json{{"id", 2}, {"name", "level"}, {"protocol", {{"features", fake.value("features", "fake")}}}}
            .dump());
  for (std::int64_t step = start + 1; step <= rounds; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(fake.value("round_ms", 0)));
    frames.metric(0, step, 1.0 / static_cast<double>(step));
    if (const std::int64_t n = fake.value("level_every", 0); n > 0 && step % n == 0) {
      frames.metric(2, step, level(fake, step / n - 1));
      frames.flush();
    }
    frames.progress(step, rounds, 10);
    if (every > 0 && step % every == 0) save_checkpoint(frames, a, fake, step);
    if (step == fake.value("kill_at", -1) && start == 0) ::raise(SIGKILL);
    if (stop != 0) {
      save_checkpoint(frames, a, fake, step);
      finished(frames, "cancelled", step);
      return 0;
    }
  }
  if (const double score = fake.value("score", 0.0); score != 0) {
    frames.key(R"({"id":1,"name":"score","protocol":{"features":"fake"}})");
    frames.metric(1, rounds, score);
  }
  std::ofstream(a.folder + "/samples-end.png") << "not a picture";
  frames.artifact(json{
      {"kind", "samples"},
      {"name", "samples-end"},
      {"step", rounds},
      {"path", "samples-end.png"},
      {"sha256", std::string(64, 'a')},
      {"bytes", 13},
      {"media_type",
       "image/png"}}.dump());
  finished(frames, "ok", rounds);
  return 0;
}

// Components for a whole grid. The content of the "plugin" is their version.
json component(const char* kind, const std::string& version, json roles, json properties = json::object()) {
  return {{"kind", kind},
          {"name", "fake"},
          {"version", version},
          {"doc", "a fake"},
          {"parameters",
           {{"type", "object"},
            {"additionalProperties", false},
            {"properties", properties},
            {"required", json::array()}}},
          {"roles", roles}};
}

// A transform named after its file, so that no two have one name.
json bundled(const std::filesystem::path& file) {
  json one = component("transform", "1", json::object());
  one["name"] = file.stem().string();
  return one;
}

int describe(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    std::string version;
    std::ifstream(argv[i]) >> version;
    if (version.starts_with("\x7f"
                            "ELF")) {
      // A bundled plugin: the search path always ends with those beside the program. Not ours to use.
      std::cout << json{{"file", argv[i]},
                        {"sha256", sha256_file(argv[i])},
                        {"ok", true},
                        {"plugin", {{"name", "bundled"}, {"version", "1"}, {"abi", 1}}},
                        {"components", {bundled(argv[i])}}}
                       .dump()
                << '\n';
      continue;
    }
    const json model_roles = {{"generator", {{"inputs", {"z"}}, {"outputs", {"image"}}}},
                              {"discriminator", {{"inputs", {"image"}}, {"outputs", {"logit"}}}}};
    const json loss_roles = {{"discriminator", {{"needs", {"discriminator.logit"}}}},
                             {"generator", {{"needs", {"discriminator.logit"}}}}};
    const json behaviour = {
        {"do", {{"type", "string"}, {"default", "succeed"}}},
        {"rounds", {{"type", "integer"}, {"default", 5}}},
        {"round_ms", {{"type", "integer"}, {"default", 0}}},
        {"checkpoint_every", {{"type", "integer"}, {"default", 0}}},
        {"score", {{"type", "number"}, {"default", 0.0}}},
        {"kill_at", {{"type", "integer"}, {"default", -1}}},
        {"level", {{"type", "number"}, {"default", 0.0}}},
        {"level_every", {{"type", "integer"}, {"default", 0}}},
        {"levels", {{"type", "array"}, {"items", {{"type", "number"}}}, {"default", json::array()}}},
        {"deaf", {{"type", "boolean"}, {"default", false}}}};
    std::cout << json{{"file", argv[i]},
                      {"sha256", sha256_file(argv[i])},
                      {"ok", true},
                      {"plugin", {{"name", "fake"}, {"version", version}, {"abi", 1}}},
                      {"components",
                       {component("model", version, model_roles), component("loss", version, loss_roles),
                        component("dataset", version, json::object(), behaviour)}}}
                     .dump()
              << '\n';
  }
  return 0;
}

int prove() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << json{{"id", json::parse(line).at("id")}, {"ok", true}, {"models", json::object()}}.dump()
              << std::endl;
  return 0;
}

void print_info() {
  std::cout << R"({"libtorch":"0.0.0","libtorch_folder":"/fake/lib","cxx_abi":1,"isa":"none",)"
            << R"("cuda":{"available":false,"reason":"fake"},"threads":1})" << std::endl;
}

int attempt(const Arguments& a);

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "info") return print_info(), 0;
  if (command == "describe") return describe(argc, argv);
  if (command == "prove") return prove();
  if (command == "train") return attempt(parse({argv + 2, argv + argc}));
  if (command != "serve") return 2;
  const auto forked = serve_forks(kWorkerFd);
  return forked ? attempt(parse({forked->begin() + 1, forked->end()})) : 0;
}

namespace {

int attempt(const Arguments& a) {
  const json trial = json::parse(std::ifstream(a.trial));
  const json fake =
      trial.at("config").contains("fake") ? trial["config"]["fake"] : trial["config"].at("dataset");
  const std::string what = fake.value("do", "succeed");
  const std::string plugin = trial.value("plugins", json::object()).value("loss/fake", "/fake.so");

  if (what == "exit") {
    std::cout << "first words on stdout\n" << std::flush;
    std::cerr << "cannot open the data\n";
    return 1;
  }
  struct sigaction action {};
  action.sa_handler = what == "ignore_sigterm" || fake.value("deaf", false) ? SIG_IGN : [](int) { stop = 1; };
  ::sigaction(SIGTERM, &action, nullptr);

  FrameWriter frames(a.frames_fd);
  std::ofstream(a.folder + "/worker.pid") << ::getpid();
  std::int64_t start = 0;
  if (!a.resume.empty()) std::ifstream(a.resume) >> start;
  frames.event(
      json{{"type", "started"},
           {"pid", ::getpid()},
           {"libtorch", "0.0.0"},
           {"threads", std::atoi(std::getenv("OMP_NUM_THREADS") ? std::getenv("OMP_NUM_THREADS") : "-1")},
           {"device", "cpu"},
           {"isa", "none"},
           {"parameters", {{"generator", 10}}},
           {"plugins", json::array({{{"component", "loss/fake"},
                                     {"version", "1"},
                                     {"file", plugin},
                                     {"sha256", std::filesystem::exists(plugin) ? sha256_file(plugin)
                                                                                : std::string(64, 'b')}}})},
           {"resumed_from_step", a.resume.empty() ? -1 : start}}
          .dump());
  frames.key(R"({"id":0,"name":"generator/total","protocol":null})");

  if (what == "succeed" || what == "train") return train(frames, a, fake, start);
  if (what == "signal") {
    frames.metric(0, 1, 0.25);
    frames.flush();
    std::cerr << "about to crash\n";
    ::signal(fake.at("signal").get<int>(), SIG_DFL);
    ::raise(fake.at("signal").get<int>());
  }
  if (what == "hang" || what == "ignore_sigterm") {
    if (what == "ignore_sigterm") sleep_for_ever();
    while (stop == 0) ::usleep(1000);
    save_checkpoint(frames, a, fake, 1);
    return finished(frames, "cancelled", 1), 0;
  }
  if (what == "nan") {
    frames.metric(0, 1, std::numeric_limits<double>::quiet_NaN());
    frames.metric(0, 2, std::numeric_limits<double>::infinity());
    frames.metric(0, 3, -std::numeric_limits<double>::infinity());
    return finished(frames, "ok", 3), 0;
  }
  if (what == "diverge") {
    frames.metric(0, 7, std::numeric_limits<double>::quiet_NaN());
    return finished(frames, "diverged", 7, "generator/total is nan"), 0;
  }
  if (what == "error") return finished(frames, "error", 0, "the loss threw: no"), 0;
  if (what == "give_up") {
    frames.event(R"({"type":"progress","component":"files","what":"reading","done":3,"total":10})");
    return finished(frames, "cancelled", 0, "dataset 'files': enough"), 0;
  }
  if (what == "babble") {
    const std::string line(1023, 'x');
    for (int i = 0; i < 4096; ++i) std::cout << line << '\n';
    return finished(frames, "ok", 0), 0;
  }
  if (what == "flood") {
    const std::int64_t rows = fake.at("rows").get<std::int64_t>();
    const std::uint32_t keys = fake.value("keys", 8);
    for (std::uint32_t key = 1; key < keys; ++key)
      frames.key(json{{"id", key}, {"name", "term/" + std::to_string(key)}, {"protocol", nullptr}}.dump());
    for (std::int64_t i = 0; i < rows; ++i)
      frames.metric(static_cast<std::uint32_t>(i % keys), i / keys, static_cast<double>(i));
    return finished(frames, "ok", rows), 0;
  }
  if (what == "garbage") {
    (void)!::write(a.frames_fd, "this is no frame at all", 23);
    sleep_for_ever();
  }
  if (what == "unknown_key") {
    frames.metric(99, 1, 1);
    frames.flush();
    sleep_for_ever();
  }
  if (what == "allocate") {
    try {
      std::vector<char> much(fake.at("mb").get<std::size_t>() << 20, 'x');
      return finished(frames, "ok", much[much.size() / 2] == 'x' ? 1 : 0), 0;
    } catch (const std::exception& e) {
      return finished(frames, "error", 0, e.what()), 0;
    }
  }
  if (what == "leave_without_a_word") return 0;
  if (what == "leave_a_child") {
    const pid_t child = ::fork();
    if (child == 0) sleep_for_ever();
    std::ofstream(a.folder + "/child.pid") << child;
    return finished(frames, "ok", 0), 0;
  }
  return 3;
}

}  // namespace
