// saddle probe loss: every adversarial loss against its formula.
#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

double mean_of(const at::Tensor& t) { return t.mean().item<double>(); }
at::Tensor log1p_exp(const at::Tensor& t) { return at::log1p(t.exp()); }

const at::Tensor& real() {
  static const at::Tensor t = normal({7, 1}, 1) * 2;
  return t;
}
const at::Tensor& fake() {
  static const at::Tensor t = normal({7, 1}, 2) * 2;
  return t;
}

struct Row {
  const char* loss;
  Arguments sets;
  std::map<std::string, double> discriminator, generator;
};
std::vector<Row> rows() {
  const at::Tensor r = real(), f = fake();
  return {
      {"minimax",
       {},
       {{"real", mean_of(log1p_exp(-r))}, {"fake", mean_of(log1p_exp(f))}},
       {{"fake", -mean_of(log1p_exp(f))}}},
      {"minimax",
       {"smoothing=0.1"},
       {{"real", mean_of(0.9 * log1p_exp(-r) + 0.1 * log1p_exp(r))}, {"fake", mean_of(log1p_exp(f))}},
       {{"fake", -mean_of(log1p_exp(f))}}},
      {"ns",
       {},
       {{"real", mean_of(log1p_exp(-r))}, {"fake", mean_of(log1p_exp(f))}},
       {{"fake", mean_of(log1p_exp(-f))}}},
      {"hinge",
       {"margin=0.5"},
       {{"hinge_real", mean_of(at::clamp_min(0.5 - r, 0))},
        {"hinge_fake", mean_of(at::clamp_min(0.5 + f, 0))}},
       {{"hinge", -mean_of(f)}}},
      {"least_squares",
       {"real=1", "fake=-1", "target=0.25"},
       {{"real", mean_of((r - 1).square()) / 2}, {"fake", mean_of((f + 1).square()) / 2}},
       {{"fake", mean_of((f - 0.25).square()) / 2}}},
      {"wasserstein", {}, {{"real", -mean_of(r)}, {"fake", mean_of(f)}}, {{"fake", -mean_of(f)}}},
  };
}

Arguments probe(const std::string& loss, const std::string& role, const std::string& inputs,
                const Arguments& more = {}) {
  Arguments arguments = {"probe", "loss", loss, "--role", role, "--inputs", inputs};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}
Arguments with_sets(const Arguments& sets) {
  Arguments arguments;
  for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
  return arguments;
}

}  // namespace

TEST_CASE("terms and totals are the papers' formulas") {
  const Scratch scratch;
  const std::string inputs =
      scratch.write("in", {{"discriminator.real.logit", real()}, {"discriminator.fake.logit", fake()}});
  for (const Row& row : rows()) {
    for (const auto& [role, expected] :
         {std::pair("discriminator", row.discriminator), {"generator", row.generator}}) {
      INFO(row.loss << " for the " << role);
      const Json answer = ask(probe(row.loss, role, inputs, with_sets(row.sets)));
      double total = 0;
      REQUIRE(answer["terms"].size() == expected.size());
      for (const auto& [name, value] : expected) {
        CHECK(answer["terms"][name].get<double>() == about(value));
        total += value;
      }
      CHECK(answer["total"].get<double>() == about(total));
    }
  }
}

TEST_CASE("float32 inputs are computed in float32") {
  const Scratch scratch;
  const at::Tensor logit = real().to(at::kFloat);
  const Json answer =
      ask(probe("hinge", "generator", scratch.write("in", {{"discriminator.fake.logit", logit}})));
  CHECK(answer["total"].get<double>() == static_cast<double>(-logit.mean().item<float>()));
}

TEST_CASE("the weight scales the total and its gradients, not the terms") {
  const Scratch scratch;
  const std::string inputs = scratch.write("in", {{"discriminator.fake.logit", fake()}});
  const Json answer =
      ask(probe("wasserstein", "generator", inputs,
                {"--set", "weight=0.25", "--grad", "discriminator.fake.logit", "--out", scratch / "g"}));
  CHECK(answer["terms"]["fake"].get<double>() == about(-mean_of(fake())));
  CHECK(answer["total"].get<double>() == about(-0.25 * mean_of(fake())));
  CHECK(at::allclose(scratch.read("g").at("discriminator.fake.logit"),
                     at::full({7, 1}, -0.25 / 7, at::kDouble)));
}

TEST_CASE("gradients of the total are the formulas' derivatives") {
  const Scratch scratch;
  const at::Tensor r = real(), f = fake();
  const std::string inputs =
      scratch.write("in", {{"discriminator.real.logit", r}, {"discriminator.fake.logit", f}});
  const auto gradients = [&](const char* loss, const char* role) {
    ask(probe(loss, role, inputs,
              {"--grad", "discriminator.real.logit", "--grad", "discriminator.fake.logit", "--out",
               scratch / "g"}));
    const Tensors g = scratch.read("g");
    return std::pair(g.at("discriminator.real.logit"), g.at("discriminator.fake.logit"));
  };
  const auto [ns_real, ns_fake] = gradients("ns", "discriminator");
  CHECK(at::allclose(ns_real, -at::sigmoid(-r) / 7, 1e-10, 1e-12));
  CHECK(at::allclose(ns_fake, at::sigmoid(f) / 7, 1e-10, 1e-12));
  const auto [hinge_real, hinge_fake] = gradients("hinge", "discriminator");
  CHECK(at::allclose(hinge_real, -r.lt(1).to(at::kDouble) / 7));
  CHECK(at::allclose(hinge_fake, f.gt(-1).to(at::kDouble) / 7));
  const auto [unused, generator] = gradients("least_squares", "generator");
  CHECK(unused.eq(0).all().item<bool>());  // the generator's loss does not look at real samples
  CHECK(at::allclose(generator, (f - 1) / 7));
}

TEST_CASE("a loss with a head of its own is told how large the model's features are") {
  const Scratch scratch;
  const std::string pictures = scratch.write("pictures", {{"real.image", normal({4, 3, 8, 8}, 3)},
                                                          {"fake.image", normal({4, 3, 8, 8}, 4)},
                                                          {"real.label", at::arange(4)},
                                                          {"fake.label", at::arange(4)}});
  const Json answer = ask(probe("ac", "discriminator", pictures,
                                {"--model", "discriminator=mlp,width=24", "--classes", "4", "--grad",
                                 "real.image", "--out", scratch / "g"}));
  CHECK_FALSE(answer["terms"].empty());
  CHECK(scratch.read("g").at("real.image").abs().sum().item<double>() > 0);
}

TEST_CASE("what a loss cannot be asked is one clear line") {
  const Scratch scratch;
  const std::string both =
      scratch.write("in", {{"discriminator.real.logit", real()}, {"discriminator.fake.logit", fake()}});
  SECTION("names") {
    CHECK_THAT(refusal(probe("hing", "generator", both)),
               Contains("no loss \"hing\"") && Contains("Nearest: \"hinge\""));
    CHECK_THAT(refusal(probe("r1", "generator", both)), Contains("has no role \"generator\""));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--set", "margn=1"})),
               Contains("Nearest: \"margin\""));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--set", "margin=-1"})), Contains("out of range"));
  }
  SECTION("tensors") {
    CHECK_THAT(refusal(probe("hinge", "discriminator",
                             scratch.write("one", {{"discriminator.real.logit", real()}}))),
               Contains("there is no tensor \"discriminator.fake.logit\"") &&
                   Contains("--model discriminator=NAME"));
    CHECK_THAT(refusal(probe("hinge", "generator", scratch.write("odd", {{"logit", real()}}))),
               Contains("tensor \"logit\" is named neither SAMPLE.INPUT"));
    CHECK_THAT(refusal(probe(
                   "hinge", "generator",
                   scratch.write("label", {{"discriminator.fake.logit", real()}, {"real.label", real()}}))),
               Contains("tensor \"real.label\" is Double"));
  }
  SECTION("gradients") {
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--arrows", scratch / "a.png"})),
               Catch::Contains("say of which tensor with --grad TENSOR"));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--grad", "discriminator.fake.logit"})),
               Contains("--out"));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--out", scratch / "g"})),
               Contains("--grad TENSOR"));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--grad", "fake.image", "--out", scratch / "g"})),
               Contains("--grad fake.image: neither in the file nor computed on the way"));
  }
  SECTION("models") {
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--model", "mlp"})),
               Contains("expected PLAYER=NAME"));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--model", "critic=mlp"})),
               Contains("no role \"critic\""));
    CHECK_THAT(refusal(probe("hinge", "generator", both, {"--weights", "w"})),
               Contains("say of which --model"));
  }
}
