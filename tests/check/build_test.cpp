// saddle plugins build: a source becomes a library on the search path, or nothing changes.
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "program.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

// A data set in C; `name` of the component, `entry` of the function that the host looks for.
std::string source(const std::string& name, const std::string& entry = "saddle_plugin_v1",
                   const std::string& extra = "") {
  return R"(#include <saddle/abi.h>
)" + extra +
         R"(
static saddle_status create(const saddle_builder* b, void** i) { (void)b; *i = (void*)1; return SADDLE_OK; }
static void destroy(void* i) { (void)i; }
static const saddle_split splits[] = {{"train", 2}};
static saddle_status info(void* i, saddle_dataset_info* o) {
  (void)i; o->dtype = SADDLE_FLOAT32; o->dim = 1; o->shape[0] = 1; o->split_count = 1; o->splits = splits;
  o->version = "1"; return SADDLE_OK;
}
static saddle_status fill(void* i, uint32_t s, const int64_t* n, int64_t c, void* t, int64_t* l) {
  (void)i; (void)s; (void)l;
  for (int64_t k = 0; k < c; ++k) ((float*)t)[k] = (float)n[k];
  return SADDLE_OK;
}
static const saddle_dataset table = {sizeof table, create, destroy, info, fill};
static const saddle_component component = {sizeof component, SADDLE_KIND_DATASET, ")" +
         name + R"(",
  "{\"kind\": \"dataset\", \"name\": \")" +
         name + R"(\", \"version\": \"1\", \"doc\": \"two points\","
  " \"parameters\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {}}, \"roles\": {}}",
  {(const saddle_model*)&table}};
static const saddle_component* const components[] = {&component};
static const saddle_plugin plugin = {sizeof plugin, 1, "p", "1", 1, 0, components, 0, 0, 0, 0};
__attribute__((visibility("default"))) const saddle_plugin* )" +
         entry + R"((const saddle_host* h) {
  (void)h; return &plugin;
}
)";
}

std::string bytes(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The files of a folder, hidden ones too.
std::vector<std::string> files(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("a source file becomes a plugin on the search path, for its owner alone") {
  const Home home;
  const Answer built = home.saddle({"plugins", "build", home.write("two.c", source("two_points"))});
  INFO(built.err);
  REQUIRE(built.code == 0);
  CHECK_THAT(built.out, Contains(home.plugins() + "/two.so, compiled in ") &&
                            Contains("dataset two_points: two points") &&
                            Contains("\"dataset\": {\"use\": \"two_points\"}") &&
                            Contains("plugins check two_points"));
  struct stat info {};
  REQUIRE(::stat(home.plugins().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  CHECK(files(home.plugins()) == std::vector<std::string>{"two.so"});
  const Answer list = home.saddle({"plugins", "ls", "--kind", "dataset"});
  CHECK_THAT(list.out,
             Contains("two_points") && Contains(home.plugins() + ", where plugins build puts yours"));
  CHECK(home.saddle({"plugins", "check", "two_points"}).code == 1);  // it takes any index
}

TEST_CASE("build --out puts the plugin elsewhere and says how to search there") {
  const Home home;
  const Answer built =
      home.saddle({"plugins", "build", home.write("two.c", source("two_points")), "--out", home / "there"});
  REQUIRE(built.code == 0);
  CHECK_THAT(built.out, Contains("--plugins " + home / "there" + " plugins check two_points"));
  CHECK(files(home / "there") == std::vector<std::string>{"two.so"});
  CHECK_FALSE(fs::exists(home.plugins()));
}

TEST_CASE("what the compiler says is shown as it is, and what was there stays") {
  const Home home;
  const std::string file = home.write("two.c", source("two_points"));
  REQUIRE(home.saddle({"plugins", "build", file}).code == 0);
  const std::string before = bytes(home.plugins() + "/two.so");
  home.write("two.c", source("two_points", "saddle_plugin_v1", "#error not today"));
  const Answer failed = home.saddle({"plugins", "build", file});
  CHECK(failed.code == 1);
  CHECK_THAT(failed.err, Contains("two.c:2:2: error: #error not today") && Contains("nothing was installed"));
  CHECK(bytes(home.plugins() + "/two.so") == before);
  CHECK(files(home.plugins()) == std::vector<std::string>{"two.so"});
}

TEST_CASE("what compiles but is no plugin does not take the place of one that works") {
  const Home home;
  const std::string file = home.write("two.c", source("two_points"));
  REQUIRE(home.saddle({"plugins", "build", file}).code == 0);
  const std::string before = bytes(home.plugins() + "/two.so");
  home.write("two.c", source("Two Points"));
  const Answer named = home.saddle({"plugins", "build", file});
  CHECK(named.code == 1);
  CHECK_THAT(named.err, Contains("compiles, but the plugin cannot be used") && Contains("name") &&
                            Contains("two.so was left as it is"));
  home.write("two.c", source("two_points", "saddle_plugin_v1",
                             "__attribute__((constructor)) static void now(void) { __builtin_trap(); }"));
  const Answer crashed = home.saddle({"plugins", "build", file});
  CHECK(crashed.code == 1);
  CHECK_THAT(crashed.err, Contains("cannot be used") && Contains("signal"));
  CHECK(bytes(home.plugins() + "/two.so") == before);
  CHECK(files(home.plugins()) == std::vector<std::string>{"two.so"});
}

TEST_CASE("a folder of sources in C and C++ is one plugin, built with the flags of the environment") {
  const Home home;
  home.write("mixed/a.c",
             source("mixed", "saddle_plugin_v1", "#include \"b.h\"\n#ifndef IN_C\n#error\n#endif"));
  home.write("mixed/b.h", "#ifdef __cplusplus\nextern \"C\"\n#endif\nint answer(void);\n");
  home.write("mixed/b.cpp",
             "#include \"b.h\"\n#ifndef IN_CPP\n#error\n#endif\n#include <vector>\n"
             "int answer(void) { return std::vector<int>{IN_CPP}[0]; }\n");
  CHECK(home.saddle({"plugins", "build", home / "mixed"}).code == 1);
  const Answer built =
      home.saddle({"plugins", "build", home / "mixed"}, {"CFLAGS=-DIN_C -O1", "CXXFLAGS=-DIN_CPP=42 -O1"});
  INFO(built.err);
  CHECK(built.code == 0);
  CHECK(files(home.plugins()) == std::vector<std::string>{"mixed.so"});
}

TEST_CASE("what hides or is hidden by another is said") {
  const Home home;
  const Answer hides = home.saddle({"plugins", "build", home.write("g.c", source("gaussians"))});
  REQUIRE(hides.code == 0);
  CHECK_THAT(hides.out, Contains("hides") && Contains("dataset_gaussians.so, which has this name too"));
  REQUIRE(home.saddle({"plugins", "build", home / "g.c", "--out", home / "first"}).code == 0);
  const Answer hidden = home.saddle({"--plugins", home / "first", "plugins", "build", home / "g.c"});
  CHECK_THAT(hidden.out, Contains("hidden") && Contains("first/g.so comes first on the search path"));
}

TEST_CASE("what cannot be built is refused in a line") {
  const Home home;
  const auto refused = [&](Arguments arguments, int code, const std::string& text,
                           const Arguments& environment = {}) {
    arguments.insert(arguments.begin(), {"plugins", "build"});
    const Answer answer = home.saddle(arguments, environment);
    CHECK(answer.code == code);
    CHECK_THAT(answer.err, Contains(text));
    CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
  };
  const std::string file = home.write("two.c", source("two_points"));
  fs::create_directories(home / "empty");
  refused({home / "nowhere"}, 2, "there is no such file or folder");
  refused({home / "empty"}, 2, "there is no .cpp, .cc, .cxx or .c file");
  refused({home.write("a.txt", "")}, 2, "neither a folder nor a source file");
  refused({file}, 3, "cannot start the compiler no-such-compiler", {"CC=no-such-compiler"});
  fs::create_directories(home / "open");
  fs::permissions(home / "open", fs::perms::all);
  refused({file, "--out", home / "open"}, 2, "anyone on this machine may write to this folder");
}
