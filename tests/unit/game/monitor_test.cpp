// Signs of collapse: what is recorded, and what is warned of.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <fcntl.h>
#include <unistd.h>

#undef CHECK
#include <catch2/catch.hpp>

#include <bridge/watch.hpp>
#include <game/monitor.hpp>
#include <train/checkpoint.hpp>

#include "trial_fixture.hpp"

using namespace saddle::worker;
using namespace saddle::test;

namespace {

json monitored(int every) {
  json t = trial_json();
  t["config"]["record"]["monitor"] = {{"every", every}, {"singular_values", 2}, {"logits", 64}};
  return t;
}

struct Warnings {
  std::vector<std::string> texts;
  Warnings() {
    set_warnings([this](const std::string& text) { texts.push_back(text); });
  }
  ~Warnings() { set_warnings(nullptr); }
};

}  // namespace

TEST_CASE("singular values and mean logits of a trial are rows") {
  const Scratch scratch;
  const Told told = run(monitored(1), scratch.folder);
  REQUIRE(told.finished()["reason"] == "ok");
  std::map<std::string, double> last;
  std::map<std::string, int> count;
  for (const auto& [name, step, value] : told.rows) {
    last[name] = value;
    ++count[name];
  }
  const auto saved = saddle::train::load_checkpoint(scratch.folder / "checkpoint.safetensors");
  for (const char* player : {"generator", "discriminator"}) {
    const at::Tensor w = saved.tensors.at(std::string(player) + "/raw/layer1.weight");
    const at::Tensor s = at::linalg_svdvals(w);
    const std::string name = std::string(player) + "/sigma/layer1.weight/";
    CHECK(count[name + "0"] == 12);
    CHECK(last.at(name + "0") == Approx(s[0].item<double>()).epsilon(0.01));
    CHECK(last.at(name + "1") == Approx(s[1].item<double>()).epsilon(0.05));
    CHECK_FALSE(last.contains(name + "2"));
    CHECK_FALSE(last.contains(std::string(player) + "/sigma/layer1.bias/0"));
  }
  CHECK(count["discriminator/logit/train"] == 12);
  CHECK(count["discriminator/logit/fake"] == 12);
  CHECK(count["discriminator/logit/held_out"] == 12);
}

TEST_CASE("looking for collapse changes no number of the training") {
  const Scratch a, b;
  std::vector<std::tuple<std::string, int64_t, double>> plain = run(trial_json(), a.folder).rows, with;
  for (const auto& row : run(monitored(2), b.folder).rows)
    if (std::get<0>(row).find("/sigma/") == std::string::npos &&
        std::get<0>(row).find("/logit/") == std::string::npos)
      with.push_back(row);
  const bool same = plain == with;
  CHECK(same);
}

TEST_CASE("a resumed attempt finds the same singular values") {
  const Scratch whole, part, rest;
  json t = monitored(2);
  const Told all = run(t, whole.folder);
  t["config"]["train"]["rounds"] = 6;
  run(t, part.folder);
  t["config"]["train"]["rounds"] = 12;
  const Told resumed = run(t, rest.folder, part.folder / "checkpoint.safetensors");
  std::vector<std::tuple<std::string, int64_t, double>> expected;
  for (const auto& row : all.rows)
    if (std::get<1>(row) > 6) expected.push_back(row);
  const bool same = resumed.rows == expected;
  CHECK(same);
}

TEST_CASE("a loss that jumps is warned of once") {
  Game game(Trial::from_json(monitored(1)));
  Monitor monitor(Trial::from_json(monitored(1)), game);
  Warnings warnings;
  for (int64_t round = 1; round <= 30; ++round) monitor.heard(1 + 0.1 * (round % 5), round);
  CHECK(warnings.texts.empty());
  monitor.heard(40, 31);
  REQUIRE(warnings.texts.size() == 1);
  CHECK_THAT(warnings.texts[0],
             Catch::StartsWith("collapse: the discriminator's loss jumped to 40 in round 31"));
  monitor.heard(80, 32);
  CHECK(warnings.texts.size() == 1);
}

TEST_CASE("a singular value that runs away is warned of") {
  const Trial trial = Trial::from_json(monitored(1));
  Game game(trial);
  Monitor monitor(trial, game);
  Warnings warnings;
  saddle::FrameWriter frames(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  Recorder recorder(frames);
  for (int64_t round = 1; round <= 21; ++round) monitor.look(recorder, round);
  CHECK(warnings.texts.empty());
  {
    const at::NoGradGuard no_grad;
    game.players().at("generator")->model.set.tensors().at("layer1.weight").mul_(3);
  }
  monitor.look(recorder, 22);
  REQUIRE(warnings.texts.size() == 1);
  CHECK_THAT(warnings.texts[0], Catch::StartsWith("collapse: the largest singular value of layer1.weight of "
                                                  "generator ran up to "));
}
