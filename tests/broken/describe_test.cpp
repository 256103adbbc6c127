// Files that cannot be used are a line each of `saddle plugins ls`, and no more.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include <common/paths.hpp>

#include "program.hpp"

using namespace saddle::test;
namespace fs = std::filesystem;

namespace {

// A folder of plugins, a cache of its own, and a worker that counts its starts.
class Shop {
 public:
  Shop() {
    fs::create_directories(plugins());
    ::setenv("XDG_CACHE_HOME", (place / "cache").c_str(), 1);
    const fs::path worker = fs::path(SADDLE_PROGRAM).parent_path() / "saddle-worker";
    const std::string script =
        place.write("worker", "#!/bin/sh\necho >>" + log() + "\nexec " + worker.string() + " \"$@\"\n");
    fs::permissions(script, fs::perms::owner_all);
    ::setenv("SADDLE_WORKER", script.c_str(), 1);
  }
  ~Shop() { ::unsetenv("SADDLE_WORKER"); }

  fs::path plugins() const { return place / "plugins"; }
  std::string log() const { return (place / "log").string(); }
  std::ptrdiff_t worker_starts() const {
    const std::string text = fs::exists(log()) ? saddle::read_file(log()) : "";
    return std::count(text.begin(), text.end(), '\n');
  }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(plugins() / name, std::ios::binary) << bytes;
    return name;
  }

  // What `plugins ls` says of each file that cannot be used, by its name; what it says of others under "".
  std::map<std::string, std::string> list(const Arguments& more = {}) const {
    Arguments arguments = {"--plugins", plugins(), "plugins", "ls"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto answer = place.saddle(arguments);
    INFO(answer.out << answer.err);
    REQUIRE(answer.code == 0);
    std::map<std::string, std::string> lines;
    std::istringstream out(answer.out);
    const std::string start = "broken: " + plugins().string() + "/";
    for (std::string line; std::getline(out, line);) {
      if (!line.starts_with(start)) {
        lines[""] += line + "\n";
        continue;
      }
      const size_t end = line.find(": ", start.size());
      std::string text = line.substr(end + 2);
      for (size_t at; (at = text.find(plugins().string() + "/")) != std::string::npos;)
        text.replace(at, plugins().string().size() + 1, "");
      lines[line.substr(start.size(), end - start.size())] = text;
    }
    return lines;
  }

  Place place;
};

}  // namespace

TEST_CASE("plugins ls survives every broken file, says what is wrong with each, and opens none twice") {
  const Shop shop;
  for (const auto& entry : fs::directory_iterator(BROKEN_PLUGINS))
    fs::copy_file(entry.path(), shop.plugins() / entry.path().filename());
  const std::string sound = saddle::read_file(shop.plugins() / "sound.so");
  shop.write("not_elf.so", "#!/bin/sh\necho I am a shell script\n");
  shop.write("empty.so", "");
  std::string foreign = sound;
  foreign.replace(18, 2, std::string("\xF3\x00", 2));  // e_machine: RISC-V
#if defined(__riscv)
  foreign.replace(18, 2, std::string("\x3E\x00", 2));
#endif
  shop.write("wrong_architecture.so", foreign);
  shop.write("truncated.so", sound.substr(0, sound.size() / 2));
  shop.write("nearly_whole.so", sound.substr(0, sound.size() - 1));
  fs::create_directory(shop.plugins() / "folder.so");

  const std::string size = std::to_string(sound.size() / 2), nearly = std::to_string(sound.size() - 1);
  const std::map<std::string, std::string> expected = {
      {"bad_schema.so", "loss \"bad_schema\": parameter \"margin\": no type is called \"float\""},
      {"duplicate_name.so", "has two components loss/duplicate_name"},
      {"empty.so", "not a shared library: it has no ELF header"},
      {"exit_at_load.so",
       "the worker that opened it left with code 1; it wrote: exit_at_load.so called exit(0) in dlopen"},
      {"folder.so", "not a regular file"},
      {"hang_at_load.so",
       "the worker that opened it gave no answer for 3 s and was stopped; it wrote: asked to stop in "
       "hang_at_load.so, in dlopen"},
      {"missing_symbol.so", "does not export saddle_plugin_v1, so it is not a Saddle plugin"},
      {"nearly_whole.so", "cut short: its own tables speak of more than its " + nearly + " bytes"},
      {"not_elf.so", "not a shared library: it has no ELF header"},
      {"null_entry.so", "this machine has no quantum unit"},
      {"null_entry_silent.so", "failed without saying why (it did not call set_error)"},
      {"segfault_at_load.so",
       "the worker that opened it was ended by signal 11 (Segmentation fault); it wrote: signal 11 in "
       "segfault_at_load.so, in dlopen"},
      {"short_struct.so",
       "loss 'short_struct': its interface has struct_size 24, less than the 32 of ABI version 1"},
      {"truncated.so", "cut short: its own tables speak of more than its " + size + " bytes"},
      {"truncated_description.so",
       "loss 'truncated_description': its description is not JSON: parse error at line 1, column 32: syntax "
       "error while parsing value - invalid string: missing closing quote; last read: '\"trunc'"},
      {"undefined_symbol.so", "cannot be opened: undefined symbol: no_such_function"},
      {"wrong_abi.so", "speaks ABI version 99; this host speaks version 1"},
      {"wrong_architecture.so", std::string("built for ") +
#if defined(__riscv)
                                    "x86-64; this machine is RISC-V"
#elif defined(__aarch64__)
                                    "RISC-V; this machine is AArch64"
#else
                                    "RISC-V; this machine is x86-64"
#endif
      }};
  auto found = shop.list();
  // What is sound, or breaks later, is there; so are those that come with the program.
  for (const char* name : {"sound", "prints_at_load", "segfault_in_forward", "hinge", "gaussians"})
    CHECK_THAT(found[""], Catch::Contains(name));
  CHECK(found.erase("") == 1);
  CHECK(saddle::Json(found) == saddle::Json(expected));

  // Known from now on, hangs and crashes too.
  const auto starts = shop.worker_starts();
  auto again = shop.list();
  CHECK(shop.worker_starts() == starts);
  again.erase("");
  CHECK(again.size() == expected.size());
  for (const auto& [name, text] : expected) CHECK_THAT(again[name], Catch::StartsWith(text));
  CHECK_THAT(again["hang_at_load.so"], Catch::EndsWith("(0 min ago; saddle plugins ls --again tries anew)"));
  CHECK_THAT(again["wrong_abi.so"], Catch::EndsWith("version 1"));
}

TEST_CASE("plugins ls --again tries anew what crashed or hung") {
  const Shop shop;
  fs::copy_file(fs::path(BROKEN_PLUGINS) / "segfault_at_load.so", shop.plugins() / "segfault_at_load.so");
  const auto first = shop.list();
  const auto starts = shop.worker_starts();
  CHECK(saddle::Json(shop.list({"--again"})) == saddle::Json(first));
  CHECK(shop.worker_starts() == starts + 1);
}
