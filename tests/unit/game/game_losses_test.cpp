// Losses and augmentation that share passes, that remember, and what becomes of both in a game.
#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <catch2/catch.hpp>

#include <game/game.hpp>
#include <train/random.hpp>

#include "playing.hpp"

using namespace saddle::worker;
using saddle::test::copied;
using saddle::test::entry;
using saddle::test::equal;
using saddle::test::json;
using saddle::test::picture_trial;
using saddle::test::play_one;
using saddle::test::trial_json;

namespace {
// How often an operator ran while this lived, and in what type exponents were summed.
thread_local int64_t convolutions = 0;
thread_local at::ScalarType summed_in = at::kFloat;
struct Counting {
  Counting()
      : handle(at::addThreadLocalCallback(
            at::RecordFunctionCallback(
                [](const at::RecordFunction& f) -> std::unique_ptr<at::ObserverContext> {
                  if (std::string_view(f.name()) == "aten::convolution") ++convolutions;
                  if (std::string_view(f.name()) == "aten::logsumexp")
                    summed_in = f.inputs()[0].toTensor().scalar_type();
                  return nullptr;
                })
                .needsInputs(true)
                .scopes({at::RecordScope::FUNCTION}))) {
    convolutions = 0;
    summed_in = at::kDouble;
  }
  ~Counting() { at::removeCallback(handle); }
  at::CallbackHandle handle;
};
}  // namespace

TEST_CASE("kdd, hinge and jacobian share the discriminator's passes") {
  const saddle::test::Scratch scratch;
  json t = picture_trial(scratch.folder);
  auto& c = t["config"];
  c["models"]["generator"] = entry(t, "model", "mlp", {{"role", "generator"}, {"width", 8}});
  c["models"]["discriminator"]["batch_norm"] = false;
  c["train"]["updates"]["generator"] = 0;
  double total = 0;
  const auto count = [&](const char* pass, const json& losses) {
    c["train"]["pass"] = pass;
    c["losses"] = losses;
    Game game(Trial::from_json(t));
    const Counting counting;
    total = play_one(game).at("discriminator/total");
    return convolutions;
  };
  const json hinge = entry(t, "loss", "hinge", {{"weight", 1.0}}),
             kdd = entry(t, "loss", "kdd", {{"weight", 1.0}}),
             copies = entry(t, "loss", "kdd", {{"weight", 1.0}, {"copies", 3}}),
             jacobian = entry(t, "loss", "jacobian", {{"weight", 1e-5}});
  const int64_t one = count("joint", json::array({hinge}));
  CHECK(one > 0);
  CHECK(count("joint", json::array({hinge, kdd})) == one);
  CHECK(count("joint", json::array({hinge, kdd, jacobian})) == 2 * one);
  CHECK(count("joint", json::array({hinge, copies, jacobian})) == 3 * one);
  const double joint = total;
  CHECK(count("separate", json::array({hinge, kdd})) == 2 * one);
  CHECK(count("separate", json::array({hinge, copies, jacobian})) == 6 * one);
  CHECK(total == Approx(joint).epsilon(1e-4));  // without batch norm it is the same sum
  // The generator's update sees its fakes once, and for kdd's anchors a real batch, unless they are kept.
  c["train"]["updates"]["generator"] = 1;
  CHECK(count("joint", json::array({hinge})) == 2 * one);
  CHECK(count("joint", json::array({hinge, kdd})) == 3 * one);
  const json kept = entry(t, "loss", "kdd", {{"weight", 1.0}, {"keep_real", true}});
  CHECK(count("joint", json::array({hinge, kept})) == 2 * one);
  CHECK(count("joint", json::array({hinge, kept, jacobian})) == 3 * one);
}

TEST_CASE("within a trial of bfloat16 jacobian steps, and kdd sums exponents, in float32") {
  const saddle::test::Scratch scratch;
  json t = picture_trial(scratch.folder);
  auto& c = t["config"];
  c["models"]["generator"] = entry(t, "model", "mlp", {{"role", "generator"}, {"width", 8}});
  c["models"]["discriminator"]["batch_norm"] = false;
  c["models"]["discriminator"]["norm"] = "spectral";
  c["train"]["updates"]["generator"] = 0;
  c["losses"] = {entry(t, "loss", "hinge", {{"weight", 1.0}}), entry(t, "loss", "kdd", {{"weight", 1.0}}),
                 entry(t, "loss", "jacobian", {{"weight", 1.0}})};
  const auto play = [&](const char* precision, const char* pass) {
    c["train"]["precision"] = precision;
    c["train"]["pass"] = pass;
    Game game(Trial::from_json(t));
    const Counting counting;
    return play_one(game);
  };
  const auto whole = play("float32", "joint");
  const int64_t two = convolutions;  // one for all losses, one for the steps
  CHECK(summed_in == at::kFloat);
  for (const char* pass : {"joint", "separate"}) {
    const auto mixed = play("bfloat16", pass);
    // The steps' pass has both ends of each.
    CHECK(convolutions == (pass == std::string("joint") ? two : 3 * two));
    CHECK(summed_in == at::kFloat);
    CHECK(mixed.at("discriminator/jacobian/real") ==
          Approx(whole.at("discriminator/jacobian/real")).epsilon(1e-3));
    CHECK(mixed.at("discriminator/hinge/hinge_real") != whole.at("discriminator/hinge/hinge_real"));
  }
}

TEST_CASE("kdd records its first round's log-ratios, and no others") {
  const saddle::test::Scratch scratch;
  json t = trial_json();
  auto& c = t["config"];
  c["losses"] = {entry(t, "loss", "kdd", {{"weight", 1.0}, {"temperature", 3.0}})};
  c["train"]["rounds"] = 2;
  c["record"]["every"] = 1;
  const auto told = saddle::test::run(t, scratch.folder);
  REQUIRE(told.finished()["reason"] == "ok");
  std::map<std::string, std::vector<double>> rows;
  for (const auto& [name, step, value] : told.rows) rows[name].push_back(value);
  for (const std::string side : {"real", "fake"}) {
    const auto& first = rows["discriminator/kdd/initial_log_ratio_" + side];
    REQUIRE(first.size() == 1);
    // At this temperature no margin is passed, so that the term is 1 less or plus the mean ratio.
    CHECK(rows.at("discriminator/kdd/kdd_" + side).front() ==
          Approx(1 + (side == "real" ? -first[0] : first[0])).epsilon(1e-4));
    CHECK(first[0] != 0);
  }
}

TEST_CASE("in a game of free points kdd sends each to its nearest mode where hinge moves all alike") {
  // experiments/kdd/toy.json with a quarter of its points, and of its step.
  json t = trial_json();
  auto& c = t["config"];
  c["dataset"] = entry(t, "dataset", "gaussians",
                       {{"layout", "ring"}, {"modes", 2}, {"deviation", 0.5}, {"count", 250}});
  c["models"]["generator"] =
      entry(t, "model", "particles",
            {{"role", "generator"}, {"count", 250}, {"width", 2.4}, {"centre", {0.0, -2.2}}});
  c["models"]["discriminator"] =
      entry(t, "model", "particles", {{"role", "discriminator"}, {"slope", {0.0, 1.0}}});
  for (const char* player : {"generator", "discriminator"})
    c["models"][player].update({{"init", "default"}, {"norm", "default"}});
  json sgd = c["optimizers"]["generator"];
  for (const char* of_adam : {"betas", "eps"}) sgd.erase(of_adam);
  sgd.update({{"use", "sgd"},
              {"lr", 2.5},
              {"momentum", 0.0},
              {"dampening", 0.0},
              {"weight_decay", 0.0},
              {"nesterov", false}});
  c["optimizers"] = {{"generator", sgd}};
  c["train"].update(
      {{"batch", 250}, {"rounds", 200}, {"order", {"generator"}}, {"updates", {{"generator", 1}}}});
  c["train"]["ema"]["decay"] = 0.0;
  const auto samples = [](Game& game) {
    return game.generate(250, saddle::train::make_generator(1, "z"), false).image;
  };
  at::Tensor start;
  const auto descend = [&](const json& loss) {
    c["losses"] = {loss};
    Game game(Trial::from_json(t));
    start = samples(game).clone();
    for (int64_t round = 0; round < 200; ++round) play_one(game, round);
    return samples(game);
  };
  const at::Tensor moved = descend(entry(t, "loss", "hinge", {{"weight", 1.0}})) - start;
  CHECK(start.amax().item<float>() < 1.2f);
  CHECK(start.amin().item<float>() < -3.3f);
  CHECK(moved.std(0).max().item<double>() < 1e-4);
  CHECK(moved.mean(0)[1].item<double>() == Approx(2));  // 200 steps of 2.5 / 250
  CHECK(moved.mean(0)[0].item<double>() == Approx(0).margin(1e-6));

  const at::Tensor drawn = descend(entry(t, "loss", "kdd", {{"weight", 1.0}, {"kernel", "gaussian"}}));
  const at::Tensor modes = at::tensor({2.0f, 0.0f, -2.0f, 0.0f}).view({2, 2});
  const at::Tensor before = at::cdist(start, modes), after = at::cdist(drawn, modes);
  CHECK(before.argmin(1).eq(after.argmin(1)).to(at::kFloat).mean().item<double>() > 0.95);
  CHECK(before.amin(1).mean().item<double>() > 2);
  CHECK(after.amin(1).mean().item<double>() < 1.2);
}

TEST_CASE("losses that remember continue bit for bit") {
  const saddle::test::Scratch scratch;
  json t = picture_trial(scratch.folder);
  auto& c = t["config"];
  c["losses"] = {
      entry(t, "loss", "kdd", {{"weight", 1.0}, {"keep_real", true}, {"copies", 1}, {"conditional", true}}),
      entry(t, "loss", "css", {{"weight", 1.0}, {"output", "map"}}),
      entry(t, "loss", "feature_matching", {{"weight", 1.0}, {"output", "map"}}),
      entry(t, "loss", "historical_averaging", {{"weight", 1.0}})};
  Game straight(Trial::from_json(t));
  for (int64_t round = 0; round < 3; ++round) play_one(straight, round);
  const auto saved = copied(straight.state());
  for (int64_t round = 3; round < 6; ++round) play_one(straight, round);
  const auto after = straight.state();
  CHECK(after.at("loss/css/count").item<double>() == 6);
  CHECK(after.at("loss/css/real").sizes() == at::IntArrayRef({8}));  // the map's channels
  CHECK_FALSE(at::equal(after.at("loss/kdd/real_anchors"), saved.at("loss/kdd/real_anchors")));
  CHECK_FALSE(at::equal(after.at("loss/historical_averaging/generator.mean"),
                        saved.at("loss/historical_averaging/generator.mean")));
  Game resumed(Trial::from_json(t));
  resumed.load_state(saved);
  for (int64_t round = 3; round < 6; ++round) play_one(resumed, round);
  CHECK(equal(after, resumed.state()));
}

TEST_CASE("an augmentation that adapts continues bit for bit") {
  const saddle::test::Scratch scratch;
  json t = picture_trial(scratch.folder);
  auto& c = t["config"];
  c["train"]["augment"] = {entry(t, "transform", "ada", {{"p", 0.3}, {"images", 200}, {"interval", 2}}),
                           entry(t, "transform", "ada", {{"p", 0.1}, {"images", 0}})};
  Game straight(Trial::from_json(t));
  for (int64_t round = 0; round < 3; ++round) play_one(straight, round);
  const auto saved = copied(straight.state());
  for (int64_t round = 3; round < 6; ++round) play_one(straight, round);
  const auto after = straight.state();
  CHECK(after.at("augment/ada/buffers/updates").item<double>() >= 5);
  CHECK(after.at("augment/ada/buffers/p").item<double>() != Approx(0.3));
  CHECK(after.at("augment/ada#2/buffers/p").item<double>() == Approx(0.1));

  Game resumed(Trial::from_json(t));
  resumed.load_state(saved);
  for (int64_t round = 3; round < 6; ++round) play_one(resumed, round);
  CHECK(equal(after, resumed.state()));
}
