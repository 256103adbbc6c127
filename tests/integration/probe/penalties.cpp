// Losses that run a network. With biases so large that every unit is active, mlp is a linear map: its
// gradient by the input is W1^T w2 at every point, and penalties have closed forms.
#include "fixture.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Matchers::Contains;

namespace {

struct Linear {
  at::Tensor w1 = normal({3, 2}, 1) * 0.4, b1 = at::full({3}, 50.0, at::kDouble),
             w2 = normal({1, 3}, 2) * 0.4, b2 = normal({1}, 3);
  Tensors tensors() const {
    return {{"layer0.weight", w1}, {"layer0.bias", b1}, {"output.weight", w2}, {"output.bias", b2}};
  }
  at::Tensor logit(const at::Tensor& x) const { return at::matmul(at::matmul(x, w1.t()) + b1, w2.t()) + b2; }
  at::Tensor slope() const { return at::matmul(w2, w1); }  // [1, 2]
};

const char* const kModel = "discriminator=mlp,width=3,depth=1";

Arguments probe(const Scratch& scratch, const char* loss, const Tensors& inputs, const Arguments& more = {}) {
  Arguments arguments = {"probe",
                         "loss",
                         loss,
                         "--role",
                         "discriminator",
                         "--inputs",
                         scratch.write("in", inputs),
                         "--model",
                         kModel,
                         "--weights",
                         scratch.write("w", Linear().tensors())};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const Tensors& samples() {
  static const Tensors t = {{"real.image", normal({6, 2}, 4)}, {"fake.image", normal({6, 2}, 5)}};
  return t;
}

}  // namespace

TEST_CASE("logits that the file lacks are computed by the model") {
  const Scratch scratch;
  const Linear net;
  const Json answer = ask(probe(scratch, "wasserstein", samples()));
  CHECK(answer["terms"]["real"].get<double>() ==
        about(-net.logit(samples().at("real.image")).mean().item<double>()));
  CHECK(answer["terms"]["fake"].get<double>() ==
        about(net.logit(samples().at("fake.image")).mean().item<double>()));
  // What the file has comes first.
  Tensors given = samples();
  given["discriminator.real.logit"] = at::full({6, 1}, 7.0, at::kDouble);
  CHECK(ask(probe(scratch, "wasserstein", given))["terms"]["real"].get<double>() == about(-7));
}

TEST_CASE("r1 is half gamma times the squared slope, and so is its gradient by the weights") {
  const Scratch scratch;
  const Linear net;
  const Json answer =
      ask(probe(scratch, "r1", samples(),
                {"--set", "gamma=3", "--grad", "real.image", "--grad", "discriminator/layer0.weight",
                 "--grad", "discriminator/output.weight", "--out", scratch / "g"}));
  CHECK(answer["terms"]["penalty"].get<double>() == about(1.5 * net.slope().square().sum().item<double>()));
  const Tensors g = scratch.read("g");
  CHECK(g.at("real.image").abs().max().item<double>() == 0);  // the slope is the same everywhere
  // d (gamma / 2) |w2 W1|^2: by W1 gamma w2^T (w2 W1), by w2 gamma (w2 W1) W1^T.
  CHECK(at::allclose(g.at("discriminator/layer0.weight"), 3 * at::matmul(net.w2.t(), net.slope()), 1e-9,
                     1e-12));
  CHECK(at::allclose(g.at("discriminator/output.weight"), 3 * at::matmul(net.slope(), net.w1.t()), 1e-9,
                     1e-12));
}

TEST_CASE("a lazy r1 has no term in the rounds between") {
  const Scratch scratch;
  const double full = 5 * Linear().slope().square().sum().item<double>();
  const auto lazy = [&](const char* round) {
    return ask(probe(scratch, "r1", samples(), {"--set", "every=4", "--round", round}));
  };
  CHECK(lazy("8")["total"].get<double>() == about(4 * full));
  CHECK(lazy("9")["terms"].empty());
  CHECK(lazy("9")["total"] == 0.0);
}

TEST_CASE("the gradient penalty is the squared distance of the slope from its target") {
  const Scratch scratch;
  const double norm = Linear().slope().square().sum().sqrt().item<double>();
  CHECK(ask(probe(scratch, "gradient_penalty", samples()))["total"].get<double>() ==
        Approx((norm - 1) * (norm - 1)).epsilon(1e-8));
  CHECK(ask(probe(scratch, "gradient_penalty", samples(), {"--set", "target=0"}))["total"].get<double>() ==
        Approx(norm * norm).epsilon(1e-8));
}

TEST_CASE("spectral norm is differentiated through, with its vectors held fixed") {
  const Scratch scratch;
  const Linear net;
  Arguments arguments = probe(scratch, "wasserstein", samples(),
                              {"--grad", "discriminator/output.weight", "--grad", "discriminator.fake.logit",
                               "--out", scratch / "g"});
  for (std::string& argument : arguments)
    if (argument == kModel) argument += ",norm=spectral";
  ask(arguments);
  const Tensors g = scratch.read("g");
  CHECK(at::allclose(g.at("discriminator.fake.logit"), at::full({6, 1}, 1.0 / 6, at::kDouble)));
  // A row's largest singular value is its length, so the weight is w2 / |w2|. With the hidden layer h,
  // likewise normalised: d mean(h_fake - h_real) . w2 / |w2|, of which only the part across w2 is left.
  const at::Tensor w1 = net.w1 / std::get<1>(at::linalg_svd(net.w1))[0];
  const at::Tensor gap =
      at::matmul(samples().at("fake.image") - samples().at("real.image"), w1.t()).mean(0, true);
  const at::Tensor length = net.w2.norm(), along = net.w2 / length;
  const at::Tensor expected = (gap - (gap * along).sum() * along) / length;
  CHECK(at::allclose(g.at("discriminator/output.weight"), expected, 1e-8, 1e-10));
}

TEST_CASE("a generator's loss reaches z and its weights through both networks") {
  const Scratch scratch;
  const Linear net;
  const at::Tensor z = normal({6, 2}, 7);
  // The generator is the same linear map from z to points: x = G2 (G1 z + b1) + b2.
  const Tensors g = {{"layer0.weight", normal({3, 2}, 8) * 0.4},
                     {"layer0.bias", at::full({3}, 50.0, at::kDouble)},
                     {"output.weight", normal({2, 3}, 9) * 0.01},
                     {"output.bias", at::zeros({2}, at::kDouble)}};
  const Json answer = ask({"probe",
                           "loss",
                           "wasserstein",
                           "--role",
                           "generator",
                           "--points",
                           "2",
                           "--inputs",
                           scratch.write("in", {{"latent.z", z}}),
                           "--model",
                           kModel,
                           "--model",
                           "generator=mlp,width=3,depth=1",
                           "--weights",
                           "discriminator=" + scratch.write("d", net.tensors()),
                           "--weights",
                           "generator=" + scratch.write("g", g),
                           "--grad",
                           "latent.z",
                           "--grad",
                           "generator/output.bias",
                           "--out",
                           scratch / "out"});
  const at::Tensor x = at::matmul(at::matmul(z, g.at("layer0.weight").t()) + 50, g.at("output.weight").t());
  CHECK(answer["total"].get<double>() == about(-net.logit(x).mean().item<double>()));
  const Tensors out = scratch.read("out");
  const at::Tensor by_z =
      -at::matmul(at::matmul(net.slope(), g.at("output.weight")), g.at("layer0.weight")) / 6;
  CHECK(at::allclose(out.at("latent.z"), by_z.expand({6, 2}), 1e-9, 1e-12));
  CHECK(at::allclose(out.at("generator/output.bias"), -net.slope()[0], 1e-9, 1e-12));
}

TEST_CASE("a penalty without its network or its samples is one clear line") {
  const Scratch scratch;
  const std::string logit = scratch.write("logit", {{"discriminator.real.logit", normal({6, 1}, 1)},
                                                    {"real.image", normal({6, 2}, 1)},
                                                    {"fake.image", normal({6, 2}, 1)}});
  CHECK_THAT(refusal({"probe", "loss", "r1", "--role", "discriminator", "--inputs", logit}),
             Contains("differentiates a network by real.image") && Contains("--model discriminator=NAME"));
  CHECK_THAT(refusal({"probe", "loss", "gradient_penalty", "--role", "discriminator", "--inputs", logit}),
             Contains("it runs a network, which must be given: --model discriminator=NAME"));
  CHECK_THAT(refusal(probe(scratch, "gradient_penalty", {{"real.image", normal({6, 2}, 1)}})),
             Contains("there is no tensor \"fake.image\"") && Contains("real.image"));
  Tensors wrong = samples();
  wrong["fake.image"] = normal({6, 3}, 1);
  CHECK_THAT(refusal(probe(scratch, "wasserstein", wrong)), Contains("\"fake.image\" has shape [6, 3]"));
  CHECK_THAT(
      refusal(probe(scratch, "r1", samples(), {"--grad", "discriminator/nothing", "--out", scratch / "g"})),
      Contains("no parameter \"nothing\""));
}
