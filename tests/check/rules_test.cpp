// What breaks a rule is caught by exactly that rule.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "program.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Contains;

namespace {

std::string fixture(const std::string& name) { return CHECK_FIXTURES "/" + name + ".so"; }

// A component and the one rule it breaks; "" for none.
struct Expected {
  std::string component, rule, message;
};

void check_each(const std::string& file, const std::vector<Expected>& list) {
  const Home home;
  const auto found = checked(home.saddle({"plugins", "check", fixture(file), "--json", "--timeout", "10"}));
  CHECK(found.size() == list.size() + 1);  // and the file itself
  CHECK(found.at("file").failed().empty());
  for (const Expected& e : list) {
    CAPTURE(e.component);
    REQUIRE(found.contains(e.component));
    const Checked& c = found.at(e.component);
    const std::vector<std::string> due = e.rule.empty() ? std::vector<std::string>{} : std::vector{e.rule};
    CHECK(c.failed() == due);
    if (!e.rule.empty()) CHECK_THAT(c.message.at(e.rule), Contains(e.message));
  }
}

}  // namespace

TEST_CASE("losses that break a rule are caught by that rule") {
  check_each("losses",
             {{"detached", "gradient", "finite differences give"},
              {"leaks_each_call", "handles", "10 calls leave 20 handles unreleased: 20 x"},
              {"leaks_on_failure", "handles", "fails leaves 1 handle unreleased"},
              {"leaks_an_instance", "handles", "an instance that is destroyed leaves 1 handle unreleased"},
              {"shared_state", "instances", "changed when another was made (margin="},
              {"first_wins", "instances", "than alone in a process"},
              {"counts_calls", "seed", "the second time"},
              {"asks_for_more", "needs", "asks for discriminator.features"},
              {"teaches_nothing", "terms", "\"constant\" does not depend"},
              {"changes_logits", "borrowed", "it changes discriminator.fake.logit"},
              {"swallows_errors", "errors", "reports success"},
              {"crashes", "terms", "signal 11"},
              {"needs_too_much", "needs", "discriminator.features, which it never asks for"},
              {"surrogate", "", ""}});
}

TEST_CASE("models and transforms that break a rule are caught by that rule") {
  check_each("models", {{"gives_less", "forward", "lists the output \"features\", but never gives it"},
                        {"gives_more", "forward", "extra"},
                        {"loses_the_batch", "forward", "logit"},
                        {"not_finite", "forward", "not finite"},
                        {"changes_input", "borrowed", "changes its input: \"image\" differs by 0.001"},
                        {"counts_in_evaluation", "borrowed", "buffer in evaluation \"seen\""},
                        {"never_learns", "gradient", "no gradient reaches unused"},
                        {"wrong_gradient", "gradient", "finite differences give"},
                        {"own_noise", "seed", "the second time"},
                        {"hangs_in_create", "create", "no answer for 10 s"},
                        {"leaves_in_forward", "forward", "left with code 7"},
                        {"float_only", "", ""},
                        {"published", "", ""},
                        {"cuts", "forward", "image"},
                        {"stops_gradients", "gradient", "no gradient flows"}});
}

TEST_CASE("a large network is made small, and one without its file of weights gets random ones") {
  const Home home;
  const auto check = [&](Arguments more) {
    Arguments all = {"--plugins", CHECK_FIXTURES, "plugins", "check", "published", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return checked(home.saddle(all)).at("published");
  };
  const Checked found = check({});
  CHECK_THAT(found.message.at("create"), Contains("with weights=random"));
  // 32 units of 3x32x32 numbers are less than 100,000 weights.
  CHECK_THAT(found.message.at("forward"), Contains("as it is, from here on with width=32"));
  CHECK(found.result.at("gradient") == "ok");
  CHECK(check({"--set", "weights=none"}).failed() == std::vector<std::string>{"create"});
  CHECK_THAT(check({"--set", "width=100"}).message.at("forward"), !Contains("from here on"));
}

TEST_CASE("data sets and metrics that break a rule are caught by that rule") {
  check_each("data",
             {{"not_concurrent", "concurrent", "by several threads"},
              {"writes_beside", "fill", "beside the buffer for the samples"},
              {"writes_far_off", "fill", "signal 11"},
              {"leaves_labels", "fill", "labels are left as they were"},
              {"wrong_labels", "fill", "a label is 3, there are 3 classes"},
              {"depends_on_order", "order", "is another one than alone"},
              {"no_train", "info", "no split \"train\""},
              {"ordered", "order", "in another order"},
              {"says_ordered", "", ""},
              {"constant", "numbers", "far from it"},
              {"keeps_reference", "numbers", "the first one again"},
              {"gives_twice", "numbers", "given twice"},
              {"misspells_higher", "numbers",
               "\"likenes\" in \"higher\", and it gives no number of that name. Nearest: \"likeness\""},
              {"higher_nowhere", "numbers",
               "\"score\" in \"higher\", and it gives no number of that name. Known: distance, likeness"},
              {"higher_by_form", "", ""}});
  check_each("takes_any_index", {{"takes_any_index", "errors", "sample 12 of 12"}});
}

TEST_CASE("a fault of the description is the file's, and nothing is run") {
  const Home home;
  auto found = checked(home.saddle({"plugins", "check", fixture("bad_default"), "--json"}));
  CHECK(found.size() == 1);
  CHECK(found.at("file").failed() == std::vector<std::string>{"schema"});
  CHECK_THAT(found.at("file").message.at("schema"), Contains("\"margin\"") && Contains("default"));
  found = checked(home.saddle({"plugins", "check", fixture("no_doc"), "--json"}));
  CHECK(found.at("file").failed() == std::vector<std::string>{"description"});
  CHECK(found.at("file").result.at("schema") == "skipped");
  found = checked(home.saddle({"plugins", "check", fixture("operator_missing"), "--json"}));
  CHECK(found.size() == 1);
  CHECK(found.at("file").failed() == std::vector<std::string>{"operators"});
  CHECK_THAT(found.at("file").message.at("operators"), Contains("no operator"));
  const std::string text = home.write("not_a_plugin.so", "text");
  found = checked(home.saddle({"plugins", "check", text, "--json"}));
  CHECK(found.at("file").failed() == std::vector<std::string>{"entry"});
}

TEST_CASE("what a check prints: a line for each rule and component") {
  const Home home;
  const Answer sound = home.saddle({"plugins", "check", "hinge", "--kind", "loss"});
  CHECK(sound.code == 0);
  CHECK_THAT(sound.out, Contains("loss hinge\n") && Contains("\n  ok       gradient     in float64\n") &&
                            Contains("\n13 ok, 0 failed, 0 skipped\n"));
  const Answer broken = home.saddle({"plugins", "check", fixture("no_doc")});
  CHECK(broken.code == 1);
  CHECK_THAT(broken.out, Contains("\n  FAILED   description  loss no_doc: its \"doc\" is empty\n") &&
                             Contains("\n  skipped  schema       because \"description\" does not hold\n") &&
                             Contains("\n2 ok, 1 FAILED, 1 skipped\n"));
}

TEST_CASE("what cannot be checked is refused in a line") {
  const Home home;
  const auto refused = [&](Arguments arguments, const std::string& text) {
    arguments.insert(arguments.begin(), {"plugins", "check"});
    const Answer answer = home.saddle(arguments);
    CHECK(answer.code == 2);
    CHECK_THAT(answer.err, Contains(text));
    CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
  };
  refused({}, "say what to check");
  refused({"higne"}, "Nearest: \"hinge\"");
  refused({"./nowhere.so"}, "there is no such file");
  refused({home / ""}, "plugins build");
  refused({"hinge", "--set", "margni=2"}, "--set margni: none of the components");
  refused({"hinge", "--set", "margin"}, "expected KEY=VALUE");
  refused({"hinge", "--input", "code=4x"}, "--input code=4x: expected NAME=SIZES");
}

TEST_CASE("parameters of a check are those of the component") {
  const Home home;
  const auto found = checked(home.saddle({"plugins", "check", "hinge", "--set", "margin=-1", "--json"}));
  CHECK(found.at("hinge").result.at("create") == "skipped");
  CHECK_THAT(found.at("hinge").message.at("create"), Contains("margin"));
  CHECK(checked(home.saddle({"plugins", "check", "hinge", "--set", "margin=3", "--json"}))
            .at("hinge")
            .failed()
            .empty());
}

TEST_CASE("ABI.md lists the rules as the program does") {
  const Home home;
  const Answer rules = home.saddle({"plugins", "check", "--rules"});
  REQUIRE(rules.code == 0);
  std::ostringstream page;
  page << std::ifstream(ABI_PAGE).rdbuf();
  INFO("write the table anew: saddle plugins check --rules\n" << rules.out);
  CHECK(page.str().find(rules.out) != std::string::npos);
  CHECK(Json::parse(home.saddle({"plugins", "check", "--rules", "--json"}).out).size() ==
        static_cast<size_t>(std::count(rules.out.begin(), rules.out.end(), '\n')) - 2);
}
