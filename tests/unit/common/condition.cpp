#include <catch2/catch.hpp>

#include <common/condition.hpp>
#include <common/error.hpp>

using namespace saddle;

namespace {

std::string shown(const Operand& operand) {
  if (operand.kind == Operand::Kind::name) return operand.name;
  if (const auto* integer = std::get_if<std::int64_t>(&operand.value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&operand.value)) return "r" + std::to_string(*real);
  return "'" + std::get<std::string>(operand.value) + "'";
}

// Fully bracketed, prefix form.
std::string shown(const Condition& c) {
  std::string text;
  switch (c.kind) {
    case Condition::Kind::both:
    case Condition::Kind::either:
    case Condition::Kind::negation:
      text = c.kind == Condition::Kind::both ? "(and" : c.kind == Condition::Kind::either ? "(or" : "(not";
      for (const Condition& part : c.parts) text += " " + shown(part);
      return text + ")";
    case Condition::Kind::comparison:
      text = "(" + c.comparison;
      break;
    case Condition::Kind::membership:
      text = "(in";
      break;
    case Condition::Kind::likeness:
      text = "(like";
      break;
    case Condition::Kind::absence:
      text = "(null";
      break;
  }
  text += " " + shown(c.left);
  for (const Operand& operand : c.right) text += " " + shown(operand);
  return text + ")";
}

std::string parsed(const std::string& text) { return shown(parse_condition(text)); }

std::string error_of(const std::string& text) {
  try {
    parse_condition(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("conditions bind as in SQL: not, and, or") {
  CHECK(parsed("params.lr < 1e-3 and finals.frechet < 40") ==
        "(and (< params.lr r0.001000) (< finals.frechet 40))");
  CHECK(parsed("a=1 or b=2 and c=3") == "(or (= a 1) (and (= b 2) (= c 3)))");
  CHECK(parsed("(a=1 or b=2) and not c=3") == "(and (or (= a 1) (= b 2)) (not (= c 3)))");
  CHECK(parsed("not not a = 1 or b = 2") == "(or (not (not (= a 1))) (= b 2))");
  CHECK(parsed("a=1 AND b=2 And c=3") == "(and (= a 1) (= b 2) (= c 3))");
}

TEST_CASE("operators and operands of conditions") {
  CHECK(parsed("state = done") == "(= state 'done')");
  CHECK(parsed("state == 'done'") == "(= state 'done')");
  CHECK(parsed("name <> \"it\"\"s\"") == "(!= name 'it\"s')");
  CHECK(parsed("params.a >= params.b") == "(>= params.a params.b)");
  CHECK(parsed("40 > finals.frechet") == "(< finals.frechet 40)");
  CHECK(parsed("40 <= finals.frechet") == "(>= finals.frechet 40)");
  CHECK(parsed("40 != seed") == "(!= seed 40)");
  CHECK(parsed("params.batch_norm = true") == "(= params.batch_norm 1)");
  CHECK(parsed("seed in (1, -2, 3.5, x)") == "(in seed 1 -2 r3.500000 'x')");
  CHECK(parsed("seed not in (1)") == "(not (in seed 1))");
  CHECK(parsed("name like '%hinge%'") == "(like name '%hinge%')");
  CHECK(parsed("name not like a") == "(not (like name 'a'))");
  CHECK(parsed("finals.frechet is null") == "(null finals.frechet)");
  CHECK(parsed("finals.frechet is not null") == "(not (null finals.frechet))");
  CHECK(parsed("finals.discriminator/hinge/hinge_real < 0") == "(< finals.discriminator/hinge/hinge_real 0)");
  CHECK(parsed("`finals.my metric` < .5") == "(< finals.my metric r0.500000)");
  CHECK(parsed("seed = 9223372036854775807") == "(= seed 9223372036854775807)");
  CHECK(parsed("reason = nan") == "(= reason 'nan')");
}

TEST_CASE("a wrong condition says where, what was found and what may stand there") {
  CHECK(error_of("") ==
        "--where, character 1: found the end, expected a name, as params.lr or finals.frechet");
  CHECK(error_of("seed") == "--where, character 5: found the end, expected one of < <= > >= = != in like is");
  CHECK(error_of("seed = ") == "--where, character 8: found the end, expected a value");
  CHECK(error_of("seed = 1 seed = 2") ==
        "--where, character 10: found \"seed\", expected \"and\", \"or\", or the end");
  CHECK(error_of("(seed = 1") == "--where, character 10: found the end, expected \")\"");
  CHECK(error_of("name = 'open") == "--where, character 8: the quote ' is not closed");
  CHECK(error_of("seed = 1; drop table trial") == "--where, character 9: \";\" does not belong here");
  CHECK(error_of("1 = 1").find("compares two values") != std::string::npos);
  CHECK(error_of("seed in ()").find("expected a value") != std::string::npos);
  CHECK(error_of("seed in (params.lr)").find("texts stand in quotes") != std::string::npos);
  CHECK(error_of("name like 3").find("like takes a text") != std::string::npos);
  CHECK(error_of("seed is 3").find("expected \"null\"") != std::string::npos);
  CHECK(error_of("and = 1").find("found \"and\"") != std::string::npos);
  CHECK(error_of("params.lr < 1e-3x") ==
        "--where, character 13: \"1e-3x\" is not a number; texts stand in quotes");
  CHECK(error_of("name = 0001-hinge-s1") == "no error");
  CHECK(error_of(std::string(100000, '(')).find("too many brackets") != std::string::npos);
  std::string nots;
  for (int i = 0; i < 100000; ++i) nots += "not ";
  CHECK(error_of(nots).find("too many brackets") != std::string::npos);
}
