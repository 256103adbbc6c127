// Games that begin with what past trials have learnt.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

#include <common/paths.hpp>
#include <common/safetensors.hpp>

#include "program.hpp"

using namespace saddle::test;
using saddle::Json;

namespace {

// A VQ-VAE of digits that takes a second.
Json vqvae() {
  const Json model = {{"use", "vqvae"},   {"width", 8},  {"halvings", 1}, {"blocks", 1},
                      {"block_width", 4}, {"codes", 16}, {"code_size", 4}};
  return {{"name", "vqvae"},
          {"dataset", {{"use", "digits"}}},
          {"models", {{"autoencoder", model}}},
          {"losses", {{{"use", "vq_reconstruction"}}}},
          {"optimizers", {{"autoencoder", {{"use", "adam"}, {"lr", 1e-2}}}}},
          {"train", {{"rounds", 60}, {"batch", 32}}},
          {"seeds", {1, 2}}};
}

Json gan() {
  Json grid = small_grid();
  grid["dataset"] = {{"use", "digits"}};
  for (const char* player : {"generator", "discriminator"})
    grid["models"][player] = {{"use", "dcgan"}, {"width", 4}};
  grid["train"]["rounds"] = 3;
  grid["train"]["ema"] = {{"decay", 0.5}};
  grid["record"]["every"] = 1;
  grid.erase("metrics");
  return grid;
}

// The tensors of a trial's checkpoint whose names begin with `prefix`, as bytes.
std::map<std::string, std::string> tensors(const Place& place, const std::string& experiment,
                                           const std::string& trial, const std::string& prefix) {
  const Json row = place.sql("SELECT folder FROM trials WHERE experiment = '" + experiment +
                             "' AND name = '" + trial + "'");
  const std::filesystem::path folder = row.at(0).at("folder").get<std::string>();
  const std::string bytes = saddle::read_file(folder / "checkpoint.safetensors");
  const auto length = saddle::safetensors_header_bytes(bytes.data(), bytes.size(), "checkpoint");
  const auto header =
      saddle::read_safetensors_header(bytes.substr(8, length), bytes.size() - 8 - length, "checkpoint");
  std::map<std::string, std::string> found;
  for (const auto& entry : header.entries)
    if (entry.name.starts_with(prefix))
      found[entry.name.substr(prefix.size())] =
          bytes.substr(8 + length + entry.begin, entry.end - entry.begin);
  return found;
}

Json trials(const Place& place, const std::string& experiment) {
  return place.sql("SELECT name FROM trials WHERE experiment = '" + experiment + "' ORDER BY trial");
}

}  // namespace

TEST_CASE("a game takes its encoder from the trial that trained it best, and leaves it as it is") {
  const Place place;
  const auto trained = place.saddle({"run", place.write("vqvae.json", vqvae())});
  INFO(trained.out << trained.err);
  REQUIRE(trained.code == 0);
  const std::string error = "autoencoder/vq_reconstruction/reconstruction";
  CHECK(place.sql(
            "SELECT count(*) n FROM finals WHERE metric = '" + error +
            "' AND last < 0.7 * (SELECT value FROM "
            "metrics m WHERE m.trial = finals.trial AND m.metric = finals.metric ORDER BY step LIMIT 1)") ==
        Json::parse(R"([{"n": 2}])"));
  CHECK(place.sql("SELECT count(*) n FROM metrics WHERE metric = "
                  "'autoencoder/vq_reconstruction/perplexity' AND value BETWEEN 1 AND 16") ==
        Json::parse(R"([{"n": 12}])"));

  Json grid = gan();
  grid["models"]["encoder"] = vqvae()["models"]["autoencoder"];
  grid["models"]["encoder"]["from"] = {{"experiment", "vqvae"}, {"best", error}};
  grid["losses"] = {{{"use", "hinge"}},
                    {{"use", "css"}, {"model", "encoder"}},
                    {{"use", "feature_matching"}, {"model", "encoder"}}};
  const auto ran = place.saddle({"run", place.write("gan.json", grid)});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  for (const char* term : {"generator/css/similarity", "generator/feature_matching/matching"})
    CHECK(place.sql(std::string("SELECT count(*) n FROM metrics WHERE value >= 0 AND metric = '") + term +
                    "'") == Json::parse(R"([{"n": 3}])"));
  // Whose weights they are is kept with the trial.
  const std::string best =
      place
          .sql("SELECT t.name FROM finals f JOIN trials t USING (trial) WHERE f.metric = '" + error +
               "' ORDER BY f.last, f.trial LIMIT 1")
          .at(0)
          .at("name");
  CHECK(place.sql(
            "SELECT value FROM params JOIN trials t USING (trial) WHERE t.experiment = 'small' AND path = "
            "'models.encoder.from.trained.trial'") == Json{{{"value", best}}});
  const auto taught = tensors(place, "vqvae", best, "autoencoder/raw/");
  const auto kept = tensors(place, "small", trials(place, "small").at(0).at("name"), "encoder/raw/");
  REQUIRE(kept.size() == 8);
  for (const auto& [name, bytes] : kept) CHECK((taught.at(name) == bytes));

  // The same again is the same trial, also when the encoder is named by its trial.
  Json again = grid;
  again["models"]["encoder"]["from"] = {{"trial", "vqvae/" + best}};
  REQUIRE(place.saddle({"run", place.write("again.json", again)}).code == 0);
  CHECK(place.sql("SELECT count(*) n FROM attempts") == Json::parse(R"([{"n": 3}])"));
  // What was trained is there without the trial that it came from.
  REQUIRE(place.saddle({"rm", "vqvae", "--yes"}).code == 0);
  CHECK(place.saddle({"sample", trials(place, "small").at(0).at("name"), "--out", place / "s.png"}).code ==
        0);
}

TEST_CASE("what a game cannot take over is refused at plan") {
  const Place place;
  REQUIRE(place.saddle({"run", place.write("vqvae.json", vqvae()), "--set", "seeds=[1]"}).code == 0);
  Json grid = gan();
  grid["models"]["encoder"] = vqvae()["models"]["autoencoder"];
  grid["losses"] = {{{"use", "hinge"}}, {{"use", "css"}, {"model", "encoder"}}};
  const auto refused = [&](const Json& written) {
    const auto answer = place.saddle({"plan", place.write("gan.json", written)});
    CHECK(answer.code == 2);
    return answer.err;
  };
  using Catch::Contains;
  const std::string trial = trials(place, "vqvae").at(0).at("name");
  Json& from = grid["models"]["encoder"]["from"];
  from = {{"experiment", "vqvae"}, {"best", "frechet"}};
  CHECK_THAT(refused(grid), Contains("/models/encoder/from: no trial of the experiment \"vqvae\""));
  from = {{"experiment", "vqvae"}};
  CHECK_THAT(refused(grid),
             Contains("/models/encoder/from: expected {\"experiment\": NAME, \"best\": METRIC}"));
  from = {{"trial", trial}, {"playr", "autoencoder"}};
  CHECK_THAT(refused(grid), Contains("/models/encoder/from/playr: unknown key") && Contains("\"player\""));
  from = {{"trial", trial}, {"player", "generator"}};
  CHECK_THAT(refused(grid), Contains("/models/encoder/from: trial vqvae/" + trial +
                                     " has no player 'generator' (players: autoencoder)"));
  from = {{"file", "nowhere.safetensors"}};
  CHECK_THAT(refused(grid), Contains("/models/encoder/from/file: there is no file"));
  from = {{"trial", trial}};
  grid["models"]["encoder"]["width"] = 6;
  CHECK_THAT(refused(grid), Contains("/models/encoder/from: the weights of 'autoencoder' of trial vqvae/" +
                                     trial + " do not fit this model: ") &&
                                Contains("Give it the parameters that it had there"));
  grid["models"].erase("encoder");
  CHECK_THAT(refused(grid),
             Contains("/losses/1/use: loss \"css\" needs encoder.features; there is no model"));
  grid["losses"].erase(1);
  grid["train"]["from"] = {{"trial", trial}};
  CHECK_THAT(refused(grid), Contains("/train/from: trial vqvae/" + trial +
                                     " has none of this game's players (it has autoencoder)"));
}

TEST_CASE("a fork goes on from another trial's checkpoint") {
  const Place place;
  const auto base = place.saddle({"run", place.write("base.json", gan())});
  INFO(base.out << base.err);
  REQUIRE(base.code == 0);
  const std::string from = trials(place, "small").at(0).at("name");
  Json grid = gan();
  grid["name"] = "fork";
  grid["train"]["rounds"] = 1;
  grid["train"]["from"] = {{"trial", "small/" + from}};
  for (const char* player : {"generator", "discriminator"}) grid["optimizers"][player]["lr"] = 0.0;
  grid["sweep"]["losses"] = {{"values", {{{{"use", "hinge"}}}, {{{"use", "hinge"}}, {{"use", "css"}}}}}};
  const auto forked = place.saddle({"run", place.write("fork.json", grid)});
  INFO(forked.out << forked.err);
  REQUIRE(forked.code == 0);
  const Json names = trials(place, "fork");
  REQUIRE(names.size() == 2);
  for (const Json& row : names) {
    const std::string name = row.at("name");
    INFO(name);
    // At a learning rate of 0 nothing has moved but the count of steps, 3 + 1, and the moments.
    const auto before = tensors(place, "small", from, "generator/raw/"),
               after = tensors(place, "fork", name, "generator/raw/");
    REQUIRE(before.size() == after.size());
    for (const auto& [tensor, bytes] : before)
      if (tensor.ends_with("weight")) CHECK((after.at(tensor) == bytes));
    // The average went on as well, half of the way to the weights.
    const auto averaged = tensors(place, "small", from, "generator/ema/"),
               further = tensors(place, "fork", name, "generator/ema/");
    const auto numbers = [](const std::string& bytes) {
      std::vector<float> list(bytes.size() / sizeof(float));
      std::memcpy(list.data(), bytes.data(), bytes.size());
      return list;
    };
    for (const auto& [tensor, bytes] : before) {
      if (!tensor.ends_with("weight")) continue;
      const auto raw = numbers(bytes), was = numbers(averaged.at(tensor)), is = numbers(further.at(tensor));
      for (std::size_t i = 0; i < raw.size(); ++i)
        REQUIRE(is[i] == Approx(0.5 * raw[i] + 0.5 * was[i]).margin(1e-6));
    }
    float steps = 0;
    std::memcpy(&steps, tensors(place, "fork", name, "generator/optimizer/").at("step").data(), sizeof steps);
    CHECK(steps == 4);
    CHECK(place.sql("SELECT value FROM params JOIN trials t USING (trial) WHERE t.name = '" + name +
                    "' AND path = 'train.from.trained.trial'") == Json{{{"value", from}}});
  }
  // A frozen network with batch norm does not learn from what it sees.
  Json watched = gan();
  watched["name"] = "watched";
  watched["models"]["critic"] = {{"use", "dcgan"},
                                 {"role", "discriminator"},
                                 {"width", 4},
                                 {"from", {{"trial", "small/" + from}, {"player", "discriminator"}}}};
  watched["losses"] = {{{"use", "hinge"}}, {{"use", "feature_matching"}, {"model", "critic"}}};
  const auto ran = place.saddle({"run", place.write("watched.json", watched)});
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  const auto before = tensors(place, "small", from, "discriminator/raw/"),
             after = tensors(place, "watched", trials(place, "watched").at(0).at("name"), "critic/raw/");
  CHECK(std::any_of(before.begin(), before.end(),
                    [](const auto& entry) { return entry.first.ends_with("running_var"); }));
  CHECK((before == after));

  // A fork is another trial than one that begins afresh, and than a fork of another.
  CHECK(place.sql("SELECT count(DISTINCT config_hash) n FROM trials") == Json::parse(R"([{"n": 4}])"));

  grid.erase("sweep");
  grid["optimizers"]["generator"] = {{"use", "sgd"}, {"lr", 0.0}};
  const auto refused = place.saddle({"plan", place.write("fork.json", grid)});
  CHECK(refused.code == 2);
  CHECK_THAT(refused.err, Catch::Contains("/train/from: the optimizer of 'generator' of trial small/" + from +
                                          " does not fit this game's: ") &&
                              Catch::Contains("\"optimizers\": false"));
  grid["train"]["from"]["optimizers"] = false;
  CHECK(place.saddle({"plan", place.write("fork.json", grid)}).code == 0);
}
