// saddle plugins new: what it writes builds, passes the check, and its own test, as it stands.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "program.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Contains;
namespace fs = std::filesystem;

TEST_CASE("each template passes its own test") {
  const auto [kind, language] = GENERATE(table<std::string, std::string>({{"loss", "c++"},
                                                                          {"model", "c++"},
                                                                          {"dataset", "c++"},
                                                                          {"dataset", "c"},
                                                                          {"metric", "c++"},
                                                                          {"transform", "c++"}}));
  CAPTURE(kind, language);
  const Home home;
  const Answer made =
      home.saddle({"plugins", "new", kind, "tensor", "--language", language, "--folder", home / "mine"});
  INFO(made.err);
  REQUIRE(made.code == 0);
  const std::string folder = home / "mine/tensor";
  CHECK(fs::exists(folder + (language == "c" ? "/tensor.c" : "/tensor.cpp")));
  for (const char* name : {"CMakeLists.txt", "README.md", "test.sh"}) {
    std::ifstream in(folder + "/" + name);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    CHECK_FALSE(text.empty());
    CHECK_THAT(text, !Contains("template_name") && !Contains("TemplateType") && !Contains("@SADDLE@") &&
                         !Contains("@LANGUAGE@"));
  }
  const Answer tested = home.run({folder + "/test.sh"});
  INFO(tested.out << tested.err);
  CHECK(tested.code == 0);
  CHECK_FALSE(fs::exists(home.plugins()));  // the test builds aside
}

TEST_CASE("new refuses names and places that cannot be") {
  const Home home;
  const auto refused = [&](Arguments arguments, const std::string& text) {
    arguments.insert(arguments.begin(), {"plugins", "new"});
    arguments.insert(arguments.end(), {"--folder", home / ""});
    const Answer answer = home.saddle(arguments);
    CHECK(answer.code == 2);
    CHECK_THAT(answer.err, Contains(text));
    CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
  };
  home.write("taken", "a file");
  refused({"loss", "taken"}, "exists already");
  for (const char* name : {"2x", "Loss", "my-loss", "", "_x", "a b", "../x"})
    refused({"loss", name}, "is no name for a component");
  refused({"loss", std::string(61, 'a')}, "is no name for a component");
  refused({"lose", "x"}, "lose");
  refused({"loss", "x", "--language", "c"}, "--language c: the template in C is that of a dataset");
}
