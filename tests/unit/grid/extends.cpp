// Files that extend others: how they are merged, and that errors keep their places.
#include <catch2/catch.hpp>

#include <algorithm>

#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

using File = std::pair<std::string, std::string>;

// Writes the files, plans the last of them.
struct Files {
  explicit Files(const std::vector<File>& files) {
    for (const auto& [name, text] : files) last = scratch.write(name, text);
  }
  Plan plan(const std::vector<std::string>& sets = {}) const { return load_plan(last, sets, catalogue()); }
  // The error, without the folder's name.
  std::string refusal() const {
    try {
      plan();
    } catch (const Error& error) {
      std::string message = error.what();
      const std::string folder = scratch.path().string() + "/";
      for (std::size_t at; (at = message.find(folder)) != std::string::npos;)
        message.erase(at, folder.size());
      return message;
    }
    return "accepted";
  }

  Scratch scratch;
  std::filesystem::path last;
};

Json config_of(const Plan& plan) { return plan.trials.at(0).config->resolved(); }

}  // namespace

TEST_CASE("a grid extends another: objects are merged, what has no keys is replaced") {
  Json first = base();
  first["train"] = {{"rounds", 100}, {"batch", 16}};
  first["losses"] = {{{"use", "hinge"}, {"margin", 2.0}}};
  const Files files({{"base.json", first.dump()},
                     {"sub/g.json", R"({"extends": "../base.json", "name": "mine", "seeds": [4, 5],
                        "train": {"rounds": 7}, "losses": [{"use": "hinge"}]})"}});
  const Plan plan = files.plan();
  CHECK(plan.name == "mine");
  CHECK(plan.trials.size() == 2);
  CHECK(config_of(plan)["train"]["rounds"] == 7);
  CHECK(config_of(plan)["train"]["batch"] == 16);
  CHECK(config_of(plan)["losses"][0]["margin"] == 1.0);  // the list is this file's alone
  CHECK(files.plan({"train.rounds=9"}).trials[0].config->resolved()["train"]["rounds"] == 9);
}

TEST_CASE("several are merged in their order, and files may extend files that extend") {
  const Files files(
      {{"base.json", base().dump()},
       {"a.json", R"({"extends": "base.json", "train": {"rounds": 1, "batch": 1}})"},
       {"b.json", R"({"train": {"batch": 2, "threads": 2}})"},
       {"g.json", R"({"extends": ["a.json", "b.json"], "name": "g", "train": {"threads": 3}})"}});
  const Json train = config_of(files.plan())["train"];
  CHECK(train["rounds"] == 1);
  CHECK(train["batch"] == 2);
  CHECK(train["threads"] == 3);
}

TEST_CASE("naming another component leaves the parameters of the one before behind") {
  Json first = base();
  first["models"]["discriminator"] = {{"use", "dcgan"}, {"width", 16}, {"norm", "spectral"}};
  const Files other({{"base.json", first.dump()},
                     {"g.json", R"({"extends": "base.json", "models": {"discriminator": {"use": "mlp"}}})"}});
  CHECK(config_of(other.plan())["models"]["discriminator"]["norm"] == "default");
  const Files same(
      {{"base.json", first.dump()},
       {"g.json",
        R"({"extends": "base.json", "models": {"discriminator": {"use": "dcgan", "slope": 0.3}}})"}});
  CHECK(config_of(same.plan())["models"]["discriminator"]["width"] == 16);
  CHECK(config_of(same.plan())["models"]["discriminator"]["slope"] == 0.3);
}

TEST_CASE("null takes away, an axis of the sweep is replaced as a whole and keeps its turn") {
  std::string first = base().dump();
  first.pop_back();
  first += R"(, "sweep": {"train.rounds": {"values": [1, 2, 3]}, "train.batch": {"values": [4, 5]},
                  "train.ema.decay": {"values": [0.1, 0.2]}}})";
  const Files files(
      {{"base.json", first},
       {"g.json", R"({"extends": "base.json", "sweep": {"models.generator.width": {"values": [6, 7]},
                        "train.rounds": {"range": {"from": 1, "to": 5, "step": 1}}, "train.batch": null}})"}});
  const Plan plan = files.plan();
  CHECK(plan.arithmetic == "5 x 2 x 2 x 1 = 20 trials");
  CHECK(plan.trials[1].name == "0002-rounds1-decay0.1-width7-s0");
}

TEST_CASE("the merged grid is what is stored, and is by itself the same grid") {
  Json first = base();
  first["sweep"]["train.rounds"] = {{"values", {1, 2}}};
  const std::string mine = R"({"extends": "base.json", "seeds": [1, 2], "name": "x"})";
  const Files files({{"base.json", first.dump()}, {"g.json", mine}});
  const Plan plan = files.plan();
  const Plan again = plan_text(plan.spec_text);
  CHECK(plan.spec_text.find("extends") == std::string::npos);
  REQUIRE(again.trials.size() == plan.trials.size());
  for (std::size_t i = 0; i < plan.trials.size(); ++i) {
    CHECK(again.trials[i].trial_hash == plan.trials[i].trial_hash);
    CHECK(again.trials[i].name == plan.trials[i].name);
  }
  // A change in what is extended is another spec; a grid alone is stored as it is written.
  first["train"]["batch"] = 3;
  CHECK(Files({{"base.json", first.dump()}, {"g.json", mine}}).plan().spec_sha256 != plan.spec_sha256);
  CHECK(plan_text(base().dump(7)).spec_text == base().dump(7));
}

TEST_CASE("a fault has its place in the file in which it stands") {
  const auto refused = [](const std::string& first, const std::string& mine) {
    return Files({{"base.json", first}, {"g.json", mine}}).refusal();
  };
  const std::string sound = base().dump(1);
  std::string faulty = sound;
  faulty.replace(faulty.find("\"hinge\""), 7, "\"hing\"");
  CHECK(refused(faulty, R"({"extends": "base.json"})")
            .starts_with("base.json:7:11 /losses/0/use: no loss \"hing\""));
  CHECK(refused(sound, "{\"extends\": \"base.json\",\n \"models\": {\"generator\": {\"widht\": 3}}}")
            .starts_with("g.json:2:27 /models/generator/widht: unknown key \"widht\" of model \"dcgan\""));
  // "needs the key" points to the nearest that is there.
  CHECK(refused(sound, "{\"extends\": \"base.json\",\n \"losses\": null}")
            .starts_with("g.json:1:1: the grid file needs the key \"losses\""));
  CHECK(refused(sound, "{\"extends\": \"base.json\",\n \"sweep\": {\"train.rouns\": {\"values\": [1]}}}")
            .starts_with("g.json:2:12 /train/rouns: unknown key"));
  CHECK(refused("{\"train\": {,}}", R"({"extends": "base.json"})").starts_with("base.json:1:12 "));
  CHECK(refused("[]", R"({"extends": "base.json"})")
            .starts_with("base.json:1:1: a grid file holds one object"));
  CHECK(refused(sound, R"({"extends": ["base.json", 3]})")
            .starts_with("g.json:1:27 /extends/1: expected the name of a grid file, found the number 3"));
  CHECK(
      refused(sound, R"({"extends": "bass.json"})")
          .starts_with("g.json:1:13 /extends: no file bass.json (paths are relative to this file). Nearest: "
                       "\"base.json\"."));
}

TEST_CASE("files that extend each other in a circle are refused with the circle") {
  CHECK(Files({{"a.json", R"({"extends": "sub/b.json"})"},
               {"sub/b.json", R"({"extends": ["../c.json"]})"},
               {"c.json", R"({"extends": "./sub/b.json"})"},
               {"a.json", R"({"extends": "sub/b.json"})"}})
            .refusal() ==
        "sub/../c.json:1:13 /extends: files extend each other in a circle: sub/b.json -> sub/../c.json -> "
        "sub/.././sub/b.json. Take one of the steps out");
  CHECK(Files({File("g.json", R"({"extends": "g.json"})")}).refusal().find("in a circle: g.json -> g.json") !=
        std::string::npos);
  // The same file twice is no circle.
  CHECK(Files({{"base.json", base().dump()},
               {"a.json", R"({"extends": "base.json"})"},
               {"g.json", R"({"extends": ["a.json", "base.json"]})"}})
            .refusal() == "accepted");
}
