#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <cli/command.hpp>
#include <cli/plugins/commands.hpp>
#include <cli/plugins/compiler.hpp>
#include <cli/plugins/kit.hpp>
#include <common/error.hpp>
#include <common/paths.hpp>
#include <grid/catalogue.hpp>

namespace saddle::cli {
namespace {
namespace fs = std::filesystem;

struct Arguments {
  std::string path, out;
};

// A folder beside the plugins to be, gone at the end: what is in it can be renamed into place.
class Aside {
 public:
  explicit Aside(const fs::path& folder) {
    std::string name = (folder / ".build-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw Error(folder.string() + ": cannot be written to: " + std::strerror(errno), kEnvironment);
    path_ = name;
  }
  ~Aside() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The folder for the result. One that is made here is for its owner alone: who may write to it, may run
// code as the user.
fs::path out_folder(const std::string& given) {
  const fs::path folder = given.empty() ? user_plugin_folder() : fs::absolute(given).lexically_normal();
  if (folder.empty())
    throw Error("neither XDG_DATA_HOME nor HOME says where your plugins are: name a folder with --out",
                kEnvironment);
  const mode_t before = ::umask(077);
  std::error_code error;
  fs::create_directories(folder, error);
  ::umask(before);
  if (error) throw Error(folder.string() + ": " + error.message(), kEnvironment);
  struct stat info {};
  if (::stat(folder.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) != 0)
    throw Error(folder.string() +
                ": anyone on this machine may write to this folder, so plugins are not loaded from it. Take "
                "that away (chmod o-w), or name another with --out");
  return folder;
}

// The file's or folder's own name, unless the folder holds just one source.
std::string plugin_name(const fs::path& path, const std::vector<fs::path>& sources) {
  if (sources.size() == 1) return sources[0].stem().string();
  return fs::canonical(path).filename().string();
}

// How a grid names a component.
std::string usage(const Component& c) {
  const std::string use = "{\"use\": \"" + c.name + "\"}";
  if (c.kind == "loss") return "\"losses\": [" + use + "]";
  if (c.kind == "metric") return "\"metrics\": [" + use + "]";
  if (c.kind == "transform") return "\"train\": {\"augment\": [" + use + "]}";
  if (c.kind == "dataset") return "\"dataset\": " + use;
  std::string players;
  for (const auto& [role, entry] : c.roles().items())
    players += (players.empty() ? "\"" : ", \"") + role + "\": " + use;
  return "\"models\": {" + players + "}";
}

// What the file holds and whether a search finds it there.
void report(const fs::path& file, const Catalogue& built, const Globals& globals, bool on_path) {
  std::vector<fs::path> folders = plugin_search_path(globals.plugin_folders);
  if (!on_path) folders.insert(folders.begin(), file.parent_path());
  const Catalogue all = Catalogue::discover(folders);
  const std::string saddle = command_name() + (on_path ? "" : " --plugins " + file.parent_path().string());
  for (const Component* c : built.components()) {
    std::cout << c->kind << ' ' << c->name << ": " << c->doc << "\n  in a grid  " << usage(*c)
              << "\n  check it   " << saddle << " plugins check " << c->name << '\n';
    const Component* found = all.find(c->kind, c->name);
    if (found != nullptr && found->file != file)
      std::cout << "  hidden     " << found->file.string()
                << " comes first on the search path and has this name too\n";
    for (const ShadowedComponent& other : all.shadowed())
      if (other.by == file && other.kind == c->kind && other.name == c->name)
        std::cout << "  hides      " << other.file.string() << ", which has this name too\n";
  }
}

void build(const Arguments& a, Globals& globals) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<fs::path> sources = plugin_sources(a.path);
  const fs::path folder = out_folder(a.out);
  const std::string name = plugin_name(a.path, sources) + ".so";
  const fs::path target = folder / name;
  const Aside aside(folder);
  compile_plugin(sources, aside.path() / name, aside.path());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  // Opened by the worker in a process of its own before it takes the place of one that works.
  const Catalogue built = Catalogue::discover({aside.path()});
  for (const BrokenPlugin& broken : built.broken()) {
    std::error_code error;
    throw Error(
        a.path + " compiles, but the plugin cannot be used: " + broken.error + ". " +
            (fs::exists(target, error) ? target.string() + " was left as it is" : "It was not installed"),
        kNegative);
  }
  fs::permissions(aside.path() / name, fs::perms::owner_all);
  if (std::rename((aside.path() / name).c_str(), target.c_str()) != 0)
    throw Error(target.string() + ": " + std::strerror(errno), kEnvironment);
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  std::cout << target.string() << ", compiled in " << text << '\n';

  bool on_path = false;
  for (const fs::path& one : plugin_search_path(globals.plugin_folders)) on_path |= one == folder;
  Catalogue renamed;
  for (const Component* c : built.components())
    renamed.add({{"ok", true}, {"components", {c->description}}}, target, c->sha256);
  report(target, renamed, globals, on_path);
}

}  // namespace

void add_plugins_build(CLI::App& plugins, Globals& globals) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = plugins.add_subcommand(
      "build", "Compile a plugin and put it on the search path, once it can be described");
  command->add_option("path", a->path, "A .cpp or .c file, or a folder of them")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--out", a->out,
                   "Folder for the library [$XDG_DATA_HOME/saddle/plugins or ~/.local/share/saddle/plugins]")
      ->type_name("FOLDER");
  command->footer("CXX, CC, CPPFLAGS, CXXFLAGS, CFLAGS, LDFLAGS and LDLIBS are honoured.");
  command->callback([a, &globals] { build(*a, globals); });
}

}  // namespace saddle::cli
