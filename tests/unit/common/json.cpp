#include <common/json.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <utility>
#include <vector>

#include <common/error.hpp>

using namespace saddle;

namespace {

std::string refusal(const std::string& text) {
  try {
    Document::parse(text, "a.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("every value and key of a document has its place") {
  const Document d = Document::parse(
      "{\n  \"a\": 1,\n  \"b\" : [true, {\"c\\\"d\": \"x\\\\\"}, -2.5e3],\n  \"e/f~\": null\n}\n", "g.json");
  CHECK(d.where("") == "g.json:1:1");
  CHECK(d.where("/a") == "g.json:2:8");
  CHECK(d.where("/a", true) == "g.json:2:3");
  CHECK(d.where("/b") == "g.json:3:9");
  CHECK(d.where("/b/0") == "g.json:3:10");
  CHECK(d.where("/b/1/c\"d") == "g.json:3:25");
  CHECK(d.where("/b/2") == "g.json:3:33");
  CHECK(d.where(pointer_child("", "e/f~"), true) == "g.json:4:3");
  CHECK(pointer_child("", "e/f~") == "/e~1f~0");
  CHECK(d.root()["b"][1]["c\"d"] == "x\\");
}

TEST_CASE("what is not there has the place of what encloses it") {
  const Document d = Document::parse("{\"a\":\n {\"b\": 1}}", "g.json");
  CHECK(d.where("/a/zz/y") == "g.json:2:2");
  CHECK(d.where("/q") == "g.json:1:1");
  CHECK(d.offset("/q") == std::string::npos);
}

TEST_CASE("columns count characters, and a byte order mark is passed over") {
  const Document d = Document::parse("{\"\xC3\xA9\xC3\xA9\": 1}", "g.json");
  CHECK(d.where("/\xC3\xA9\xC3\xA9") == "g.json:1:8");
  CHECK(Document::parse("\xEF\xBB\xBF{\"a\": 1}", "g.json").root()["a"] == 1);
}

TEST_CASE("a duplicate key is an error that names both places") {
  CHECK(refusal("{\"a\": 1,\n \"b\": {\"x\": 1, \"y\": 2,\n   \"x\": 3}}") ==
        "a.json:3:4 /b/x: the key \"x\" was given already at a.json:2:8; keep one of the two");
}

TEST_CASE("integers past 64 bits are errors, doubles of that size are not") {
  CHECK(refusal("{\"seed\":\n 18446744073709551616}")
            .starts_with("a.json:2:2 the integer 18446744073709551616 does not fit"));
  CHECK(refusal("[-9223372036854775809]").starts_with("a.json:1:2 the integer -9223372036854775809"));
  CHECK(Document::parse("[18446744073709551615, 1e30]", "a").root()[0] == 18446744073709551615u);
  CHECK(refusal("[1, 1e999]").starts_with("a.json:1:5 "));
}

TEST_CASE("broken JSON says where") {
  CHECK(refusal("{\"a\": [1, 2,\n]}") == "a.json:2:1 the comma before this ']' is one too many");
  CHECK(refusal("{\"a\": 1,}") == "a.json:1:9 the comma before this '}' is one too many");
  CHECK(refusal("{\"a\": 1\n \"b\": 2}").starts_with("a.json:2:2 "));
  CHECK(refusal("{\"a\": 01}").starts_with("a.json:1:8 "));
  CHECK(refusal("{\"a\": nul}").starts_with("a.json:1:7 "));
  CHECK(refusal("{\"a\": NaN}").starts_with("a.json:1:7 "));
  CHECK(refusal("{\"a\": \"x\ny\"}").starts_with("a.json:"));
  CHECK(refusal("{\"a\": [1, 2").starts_with("a.json:1:12 "));
  CHECK(refusal("").starts_with("a.json:1:1 "));
  CHECK(refusal("{} {}").starts_with("a.json:1:4 "));
  CHECK(refusal("// x\n{}").starts_with("a.json:1:1 "));
  CHECK(refusal(std::string(100000, '[')).find("nested deeper than 200") != std::string::npos);
}

TEST_CASE("places agree with a plain search through random documents") {
  // Each value is a distinct number, so that its place can be searched for in the text.
  unsigned state = 1;
  const auto random = [&](unsigned n) { return (state = state * 1664525u + 1013904223u) / 65536u % n; };
  for (int round = 0; round < 200; ++round) {
    int next = 1000;
    std::string text;
    std::vector<std::pair<std::string, std::string>> expected;  // pointer, spelled
    const std::function<void(const std::string&, int)> write = [&](const std::string& pointer, int depth) {
      const char* space[] = {"", " ", "\n", "\t "};
      text += space[random(4)];
      const unsigned kind = depth > 4 ? 0 : random(3);
      if (kind == 0) {
        expected.push_back({pointer, std::to_string(next++)});
        text += expected.back().second;
      } else {
        text += kind == 1 ? "[" : "{";
        const unsigned count = random(4);
        for (unsigned i = 0; i < count; ++i) {
          if (i > 0) text += std::string(space[random(4)]) + ",";
          if (kind == 2)
            text += std::string(space[random(4)]) + "\"k," + std::to_string(i) + ":{\\\"\"" +
                    space[random(4)] + ":";
          write(kind == 1 ? pointer_child(pointer, i)
                          : pointer_child(pointer, "k," + std::to_string(i) + ":{\""),
                depth + 1);
        }
        text += kind == 1 ? "]" : "}";
      }
      text += space[random(4)];
    };
    write("", 0);
    const Document d = Document::parse(text, "r.json");
    for (const auto& [pointer, spelled] : expected) {
      INFO(text);
      INFO(pointer);
      REQUIRE(d.offset(pointer) == text.find(spelled));
    }
  }
}
