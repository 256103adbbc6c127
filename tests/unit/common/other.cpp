#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <common/error.hpp>
#include <common/nearest.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <common/sha256.hpp>

using namespace saddle;
namespace fs = std::filesystem;

namespace {

// A folder of its own for one test.
struct Scratch {
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "saddle-common-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(path); }
  fs::path path;
};

}  // namespace

TEST_CASE("nearest finds slips of the pen and nothing else") {
  const std::vector<std::string> names = {"hinge", "least_squares", "minimax", "ns", "wasserstein"};
  CHECK(nearest("hing", names) == "hinge");
  CHECK(nearest("higne", names) == "hinge");
  CHECK(nearest("waserstien", names) == "wasserstein");
  CHECK(nearest("least", names) == "least_squares");
  CHECK(nearest("sn", names) == "ns");
  CHECK(nearest("kullback", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(edit_distance("higne", "hinge") == 1);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("a suggestion lists what is known") {
  CHECK(suggestion("hing", {"hinge", "ns"}) == "Nearest: \"hinge\". Known: hinge, ns.");
  CHECK(suggestion("zzzz", {"a", "b", "c"}, 2) == "Known: a, b, and 1 more.");
  CHECK(suggestion("x", {}) == "None are known here.");
}

TEST_CASE("SHA-256 is that of FIPS 180-4's examples") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Scratch scratch;
  std::ofstream(scratch.path / "million") << std::string(1000000, 'a');
  CHECK(sha256_file(scratch.path / "million") ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK_THROWS_AS(sha256_file(scratch.path / "missing"), Error);
}

TEST_CASE("the plugin search path: given, then the variable's, then the bundled, each once") {
  ::setenv("SADDLE_PLUGIN_PATH", "/opt/b:/opt/a/::/opt/c", 1);
  const auto folders = plugin_search_path({"/opt/a"});
  ::unsetenv("SADDLE_PLUGIN_PATH");
  REQUIRE(folders.size() == 4);
  CHECK(folders[0] == "/opt/a");
  CHECK(folders[1] == "/opt/b");
  CHECK(folders[2] == "/opt/c");
  CHECK(folders[3] == program_folder().parent_path() / "lib" / "saddle" / "plugins");
}

TEST_CASE("a file is replaced as a whole and leaves nothing beside it") {
  Scratch scratch;
  const fs::path file = scratch.path / "deep" / "er" / "f";
  CHECK(replace_file(file, "one"));
  CHECK(replace_file(file, "two"));
  CHECK(read_file(file) == "two");
  CHECK(std::distance(fs::directory_iterator(file.parent_path()), fs::directory_iterator()) == 1);
  CHECK_FALSE(replace_file("/proc/nowhere/f", "x"));
  CHECK_THROWS_AS(read_file(scratch.path), Error);
}

TEST_CASE("a child gets its input and its output is collected") {
  const std::string input(3 << 20, 'x');  // more than a channel holds
  const ChildResult r = run_child({"/bin/sh", "-c", "cat; echo last word >&2; exit 3"}, input, 20);
  CHECK(r.out == input);
  CHECK(r.exit_code == 3);
  CHECK_FALSE(r.ok());
  CHECK(r.failure() == "left with code 3; it wrote: last word");
}

TEST_CASE("a child that does not read, crashes or hangs is an answer, not a crash here") {
  CHECK(run_child({"/bin/true"}, std::string(1 << 20, 'x'), 20).ok());
  const ChildResult crashed = run_child({"/bin/sh", "-c", "echo before; kill -SEGV $$"}, "", 20);
  CHECK(crashed.signal == SIGSEGV);
  CHECK(crashed.out == "before\n");
  CHECK(crashed.failure().starts_with("was ended by signal 11"));
  const ChildResult silent = run_child({"/bin/sh", "-c", "echo before; exec sleep 600"}, "", 0.2);
  CHECK(silent.timed_out);
  CHECK(silent.out == "before\n");
  CHECK_THROWS_AS(run_child({"/no/such/program"}, "", 1), Error);
}

TEST_CASE("a silent child is asked to leave before it is killed, and has another limit for its start") {
  const ChildResult told = run_child(
      {"/bin/sh", "-c", "trap 'echo at the door >&2; exit 9' TERM; echo go; while :; do sleep 0.1; done"}, "",
      {.silence_s = 0.3, .start_s = 20});
  CHECK(told.timed_out);
  CHECK(told.exit_code == 9);
  CHECK(told.failure() == "gave no answer for 0 s and was stopped; it wrote: at the door");
  const ChildResult deaf = run_child({"/bin/sh", "-c", "trap '' TERM; echo go; while :; do sleep 0.1; done"},
                                     "", {.silence_s = 0.3});
  CHECK(deaf.signal == SIGKILL);
  const ChildResult slow =
      run_child({"/bin/sh", "-c", "sleep 0.5; echo late"}, "", {.silence_s = 0.2, .start_s = 20});
  CHECK(slow.ok());
  CHECK(slow.out == "late\n");
}

TEST_CASE("a child that never stops complaining is no livelier for it") {
  const ChildResult r =
      run_child({"/bin/sh", "-c", "exec yes trouble >&2"}, "", {.silence_s = 0.5, .answers_only = true});
  CHECK(r.timed_out);
  CHECK(r.err.size() < (8U << 20));
  CHECK(r.failure().ends_with("it wrote: trouble"));
}

TEST_CASE("a grandchild that keeps the output open does not hold the parent") {
  const ChildResult r = run_child({"/bin/sh", "-c", "sleep 5 & echo done"}, "", 60);
  CHECK(r.ok());
  CHECK(r.out == "done\n");
}
