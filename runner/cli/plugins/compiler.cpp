#include <cli/plugins/compiler.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include <cli/plugins/kit.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>

extern char** environ;

namespace saddle::cli {
namespace fs = std::filesystem;
namespace {

using Words = std::vector<std::string>;

bool is_c(const fs::path& file) { return file.extension() == ".c"; }
bool is_cpp(const fs::path& file) {
  const std::string end = file.extension().string();
  return end == ".cpp" || end == ".cc" || end == ".cxx" || end == ".C";
}

// A variable as make reads it: words separated by blanks.
Words words_of(const char* variable, const char* otherwise = "") {
  const char* value = std::getenv(variable);
  std::istringstream text(value != nullptr && *value != '\0' ? value : otherwise);
  Words words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

void append(Words& to, const Words& more) { to.insert(to.end(), more.begin(), more.end()); }

// The compiler of one language with the flags of all its calls.
Words compiler(bool c) {
  Words call = c ? words_of("CC", "cc") : words_of("CXX", "c++");
  append(call, {c ? "-std=c11" : "-std=c++20", "-O2", "-fPIC", "-fvisibility=hidden", "-Wall",
                "-I" + include_folder().string()});
  append(call, words_of("CPPFLAGS"));
  append(call, words_of(c ? "CFLAGS" : "CXXFLAGS"));
  return call;
}

void append_linking(Words& call, const fs::path& library) {
  // Every symbol found now, not in the middle of a run; never unloaded; one symbol exported.
  append(call, {"-shared", "-Wl,-z,defs", "-Wl,-z,nodelete",
                "-Wl,--version-script=" + exports_file().string(), "-o", library.string()});
  append(call, words_of("LDFLAGS"));
}

// A native plugin, which includes LibTorch's own headers.
bool is_native(const std::vector<fs::path>& sources) {
  return std::any_of(sources.begin(), sources.end(), [](const fs::path& source) {
    std::ifstream in(source);
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("#include") && line.find("<saddle/torch.hpp>") != std::string::npos) return true;
    return false;
  });
}

// The LibTorch to build native plugins with: $LIBTORCH, or the worker's own.
fs::path libtorch() {
  fs::path folder;
  if (const char* given = std::getenv("LIBTORCH"); given && *given) {
    folder = given;
  } else {
    const ChildResult answer = run_child({worker_path().string(), "info"}, "", 30);
    if (answer.ok()) folder = Json::parse(answer.out).at("libtorch_folder").get<std::string>();
  }
  if (!fs::exists(folder / "include/torch/csrc/api/include/torch/torch.h"))
    throw Error("a native plugin needs LibTorch's headers, and there are none in " +
                    (folder / "include").string() + ". LIBTORCH=FOLDER names a LibTorch " +
                    "of the worker's version that has them",
                kEnvironment);
  return folder;
}

// NDEBUG, as LibTorch itself was built: the layout of some of its classes depends on it.
Words libtorch_headers(const fs::path& folder) {
  const fs::path include = folder / "include";
  return {"-DNDEBUG", "-isystem", include.string(), "-isystem",
          (include / "torch/csrc/api/include").string()};
}
// No run path: the worker that opens the plugin has these loaded.
Words libtorch_libraries(const fs::path& folder) {
  const fs::path lib = folder / "lib";
  return {(lib / "libtorch_cpu.so").string(), (lib / "libc10.so").string(),
          "-Wl,-rpath-link," + lib.string()};
}

void run(const Words& call, const std::string& what) {
  std::vector<char*> argv;
  for (const std::string& word : call) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw Error("cannot start the compiler " + call[0] + ": " + std::strerror(error) +
                    ". Install one, or name yours in CXX (C++) or CC (C)",
                kEnvironment);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) throw Error("cannot wait for " + call[0] + ": " + std::strerror(errno), kEnvironment);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error(what + ": " + call[0] + " failed (above); nothing was installed", kNegative);
}

}  // namespace

std::vector<fs::path> plugin_sources(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error))
    throw Error(path.string() + ": there is no such file or folder. " + command_name() +
                " plugins new KIND NAME writes one to start from");
  if (!fs::is_directory(path, error)) {
    if (is_c(path) || is_cpp(path)) return {path};
    throw Error(path.string() + ": is neither a folder nor a source file (.cpp, .cc, .cxx, .c)");
  }
  std::vector<fs::path> sources;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_regular_file() && (is_c(entry.path()) || is_cpp(entry.path())))
      sources.push_back(entry.path());
  if (sources.empty()) throw Error(path.string() + ": there is no .cpp, .cc, .cxx or .c file in this folder");
  std::sort(sources.begin(), sources.end());
  return sources;
}

void compile_plugin(const std::vector<fs::path>& sources, const fs::path& library, const fs::path& scratch) {
  const bool some_c = std::any_of(sources.begin(), sources.end(), is_c);
  const bool some_cpp = std::any_of(sources.begin(), sources.end(), is_cpp);
  const std::string what = sources.size() == 1 ? sources[0].string() : sources[0].parent_path().string();
  const fs::path torch = is_native(sources) ? libtorch() : fs::path();
  Words call = compiler(!some_cpp);
  if (!torch.empty()) append(call, libtorch_headers(torch));
  Words inputs;
  for (const fs::path& source : sources) {
    if (!(some_c && some_cpp)) {
      inputs.push_back(source.string());
      continue;
    }
    inputs.push_back((scratch / (source.filename().string() + ".o")).string());
    Words one = compiler(is_c(source));
    if (!torch.empty() && !is_c(source)) append(one, libtorch_headers(torch));
    append(one, {"-c", source.string(), "-o", inputs.back()});
    run(one, source.string());
  }
  append(call, inputs);
  append_linking(call, library);
  if (!torch.empty()) append(call, libtorch_libraries(torch));
  append(call, words_of("LDLIBS"));
  if (some_c) call.push_back("-lm");
  run(call, what);
}

}  // namespace saddle::cli
