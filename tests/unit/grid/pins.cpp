// Pins: which plugin files a grid wants, by SHA-256.
#include <catch2/catch.hpp>

#include <cstdlib>

#include <common/sha256.hpp>
#include <grid/pins.hpp>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;
namespace fs = std::filesystem;

namespace {

std::string hash_of(const std::string& name) { return sha256("the file of " + name); }

const Catalogue& hashed() {
  static const Catalogue known = [] {
    Catalogue catalogue;
    for (const Json& component : component_list()) {
      const std::string name = component["name"];
      catalogue.add({{"ok", true}, {"components", {component}}}, "/plugins/" + name + ".so", hash_of(name));
    }
    return catalogue;
  }();
  return known;
}

const Pins kAll = {{"dataset/digits", hash_of("digits")},
                   {"loss/hinge", hash_of("hinge")},
                   {"model/dcgan", hash_of("dcgan")}};

Plan plan_with(const Json& pins, bool required = false) {
  Json grid = base();
  grid["pins"] = pins;
  Plan plan = plan_text(grid.dump(1), {}, hashed());
  plan.rules.pins_required = required;
  return plan;
}

// With its place cut off: the grid is in a folder that is gone.
std::string refusal_of(const Json& pins, bool required = false) {
  Plan plan = plan_with(pins, required);
  try {
    check_pins(plan, hashed());
  } catch (const Error& e) {
    const std::string text = e.what();
    return text.substr(text.find("g.json"));
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the pins of a plan are the files of all it uses, over its whole sweep") {
  Json grid = base();
  grid["sweep"] = {{"models.generator.use", {{"values", {"dcgan", "mlp"}}}}};
  grid["train"]["augment"] = {{{"use", "flip"}}};
  Pins expected = kAll;
  expected["model/mlp"] = hash_of("mlp");
  expected["transform/flip"] = hash_of("flip");
  CHECK(pins_of(plan_text(grid.dump(), {}, hashed()), hashed()) == expected);
}

TEST_CASE("pins are no part of a trial's identity") {
  CHECK(plan_with(kAll).trials[0].trial_hash == plan_text(base().dump(), {}, hashed()).trials[0].trial_hash);
}

TEST_CASE("a pinned file that is another is refused with both hashes and its place") {
  CHECK(refusal_of(kAll) == "accepted");
  CHECK(refusal_of(kAll, true) == "accepted");
  CHECK(refusal_of(Json::object()) == "accepted");
  CHECK(refusal_of({{"loss/hinge", hash_of("another")}}) ==
        "g.json:28:17 /pins/loss~1hinge: loss/hinge is pinned to SHA-256 " + hash_of("another") +
            ", but /plugins/hinge.so is " + hash_of("hinge") +
            ". Restore that file, or pin this one: saddle plugins pins GRID prints the pins of the files at "
            "hand");
}

TEST_CASE("where pins are required, what is used and not pinned is refused") {
  Json pins = kAll;
  pins.erase("loss/hinge");
  CHECK(refusal_of(pins) == "accepted");
  CHECK_THAT(
      refusal_of(pins, true),
      Catch::EndsWith(" /pins: loss/hinge is used and not pinned (--require-pins); /plugins/hinge.so is " +
                      hash_of("hinge")));
  Plan without = plan_text(base().dump(), {}, hashed());
  without.rules.pins_required = true;
  CHECK_THROWS_WITH(check_pins(without, hashed()), Catch::Contains("dataset/digits is used and not pinned") &&
                                                       Catch::Contains("model/dcgan is used and not pinned"));
}

TEST_CASE("what is no pin is refused, what pins nothing is told") {
  CHECK_THAT(refusal_of({{"hinge", hash_of("hinge")}}),
             Catch::EndsWith("/pins/hinge: \"hinge\" is no component; expected KIND/NAME, as loss/hinge"));
  CHECK_THAT(refusal_of({{"lost/hinge", hash_of("hinge")}}), Catch::Contains("is no component"));
  for (const std::string& bad : {std::string("abc"), std::string(64, 'G'), std::string(63, 'a')})
    CHECK_THAT(refusal_of({{"loss/hinge", bad}}),
               Catch::EndsWith("expected the SHA-256 of a plugin file, 64 digits 0-9 and a-f, found \"" +
                               bad + "\""));
  Plan plan = plan_with({{"loss/hing", hash_of("hinge")}});
  check_pins(plan, hashed());
  REQUIRE(plan.notices.size() == 1);
  CHECK_THAT(plan.notices[0], Catch::Contains("no trial uses loss/hing. Nearest: \"loss/hinge\""));
  CHECK_THAT(refusal(Json::parse(R"({"pins": {"loss/hinge": 3}})")), Catch::Contains("/pins/loss~1hinge"));
}

TEST_CASE("rules keep their pins in the store") {
  Rules rules = plan_with(kAll).rules;
  rules.pins_required = true;
  const Rules back = stored_rules(Json::parse(to_json(rules).dump()));
  CHECK(back.pins == kAll);
  CHECK(back.pins_required);
  CHECK_FALSE(stored_rules(Json::object()).pins_required);
  CHECK_NOTHROW(check_pins(back, {"loss/hinge"}, hashed()));
  CHECK_THROWS_WITH(check_pins(back, {"loss/ns"}, hashed()),
                    Catch::Contains("loss/ns is used and not pinned"));
  rules.pins["loss/hinge"] = hash_of("another");
  CHECK_THROWS_WITH(check_pins(rules, {"loss/hinge"}, hashed()), Catch::Contains(hash_of("another")));
}

TEST_CASE("where pins are required, files without a pin are not opened") {
  Scratch scratch;
  ::setenv("XDG_CACHE_HOME", (scratch.path() / "cache").c_str(), 1);
  ::setenv("SADDLE_WORKER", FIXTURES "/worker.sh", 1);
  const fs::path good = scratch.write(
      "p/hinge.so",
      R"("ok": true, "components": [{"kind": "loss", "name": "hinge", "version": "1", "roles": {"generator": {"needs": []}}}]})");
  const fs::path other = scratch.write("p/hang.so", "hang");
  Rules rules;
  rules.pins_required = true;
  rules.pins = {{"loss/hinge", sha256_file(good)}};
  const Catalogue pinned = Catalogue::discover({scratch.path() / "p"}, discover_for(rules));
  CHECK(pinned.find("loss", "hinge") != nullptr);
  REQUIRE(pinned.broken().size() == 1);
  CHECK(pinned.broken()[0].error ==
        "not opened, since the grid does not pin it; its SHA-256 is " + sha256_file(other));
  CHECK_NOTHROW(check_pinned_files(rules, pinned));

  const std::string before = rules.pins["loss/hinge"];
  scratch.write("p/hinge.so", "rebuilt");
  const Catalogue rebuilt = Catalogue::discover({scratch.path() / "p"}, discover_for(rules));
  CHECK_THROWS_WITH(
      check_pinned_files(rules, rebuilt),
      Catch::Equals("loss/hinge is pinned to SHA-256 " + before +
                    ", and no file on the plugin search path that holds it has that hash; " + good.string() +
                    ": not opened, since the grid does not pin it; its SHA-256 is " + sha256_file(good)));
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("SADDLE_WORKER");
}
