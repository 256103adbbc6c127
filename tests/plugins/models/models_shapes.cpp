// Shapes, counts and declarations of the models, over their sizes and options.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

json pictures(int64_t channels, int64_t side, int64_t latent = 128, int64_t classes = 0) {
  return {{"sample_shape", {channels, side, side}}, {"latent_size", latent}, {"classes", classes}};
}

const std::string kGenerator = "generator", kDiscriminator = "discriminator";

// Declares, without making tensors.
worker::Declared declared(const std::string& model, const std::string& role, const json& config,
                          const json& facts) {
  const auto& c = component("model", model);
  return worker::Model(c, role, with_defaults(c, config), facts).declared();
}

int64_t count(const worker::Declared& d) {
  int64_t n = 0;
  for (const auto& p : d.parameters)
    n += at::IntArrayRef(p.shape).empty() ? 1 : c10::multiply_integers(p.shape);
  return n;
}

std::string create_error(const std::string& model, const std::string& role, const json& config,
                         const json& facts) {
  return error_of([&] { declared(model, role, config, facts); });
}

// A pass of both roles gives the shapes that the samples ask for, finite, with gradients for every parameter.
void check_shapes(const std::string& model, const json& config, const std::vector<int64_t>& sample) {
  CAPTURE(model, config, sample);
  const json facts = {{"sample_shape", sample}, {"latent_size", 5}};
  std::vector<int64_t> batch = {3};
  batch.insert(batch.end(), sample.begin(), sample.end());

  const TestModel generator(model, kGenerator, config, facts);
  const NamedTensors made = generator(at::randn({3, 5}));
  REQUIRE(made.size() == 1);
  const at::Tensor image = worker::find(made, "image");
  CHECK(image.sizes() == at::IntArrayRef(batch));
  if (sample.size() == 3) CHECK(image.abs().max().item<double>() <= 1);
  for (const auto& g : gradients(image.pow(3).sum(), generator.parameters))
    CHECK(at::isfinite(g).all().item<bool>());

  const TestModel discriminator(model, kDiscriminator, config, facts);
  const NamedTensors judged = discriminator(at::randn(batch));
  const at::Tensor logit = worker::find(judged, "logit"), features = worker::find(judged, "features");
  CHECK(logit.sizes() == at::IntArrayRef({3, 1}));
  REQUIRE(features.dim() == 2);
  CHECK(features.size(0) == 3);
  // The map is what the features are pooled from.
  if (model != "mlp") CHECK(distance(features, worker::find(judged, "map").sum({2, 3})) == 0);
  CHECK(judged.size() == (model == "mlp" ? 2 : 3));
  // The features are what the last linear layer sees.
  const at::Tensor weight = discriminator.parameters[discriminator.set.index("output.weight")];
  const at::Tensor bias = discriminator.parameters[discriminator.set.index("output.bias")];
  CHECK(distance(logit, at::linear(features, weight, bias)) < 1e-5);
  const auto found = gradients(logit.pow(3).sum(), discriminator.parameters);
  for (size_t i = 0; i < found.size(); ++i) {
    INFO(discriminator.model.declared().parameters[i].name);
    CHECK(at::isfinite(found[i]).all().item<bool>());
    // A ReLU of a layer one or two wide may be dead for the whole batch.
    if (found[i].dim() > 1 && config.at("width") >= 4) CHECK(found[i].abs().max().item<double>() > 0);
  }
}

}  // namespace

TEST_CASE("published parameter counts at 3 x 32 x 32, z 128, defaults") {
  CHECK(count(declared("dcgan", kGenerator, {}, pictures(3, 32))) == 3812355);
  CHECK(count(declared("dcgan", kDiscriminator, {}, pictures(3, 32))) == 2931009);
  CHECK(count(declared("sngan", kGenerator, {}, pictures(3, 32))) == 4276739);
  CHECK(count(declared("sngan", kDiscriminator, {}, pictures(3, 32))) == 1053825);
  CHECK(count(declared("sngan", kGenerator, {}, pictures(3, 64))) == 12220675);
  CHECK(count(declared("sngan", kDiscriminator, {}, pictures(3, 64))) == 10141441);
  const json labels = pictures(3, 32, 128, 10), conditional = {{"conditional", true}};
  CHECK(count(declared("sngan", kGenerator, conditional, labels)) == 4304387);
  CHECK(count(declared("sngan", kDiscriminator, conditional, labels)) == 1055105);
  CHECK(count(declared("sagan", kGenerator, {}, labels)) == 4386308);
  CHECK(count(declared("sagan", kDiscriminator, {}, labels)) == 1075586);
}

TEST_CASE("published parameter counts of the BigGAN family") {
  const json labels = pictures(3, 32, 128, 10), short_z = pictures(3, 32, 80, 10);
  // BigGAN-PyTorch, CIFAR10.
  CHECK(count(declared("biggan", kGenerator, {}, labels)) == 4304387);
  CHECK(count(declared("biggan", kDiscriminator, {}, labels)) == 4207361);
  // PyTorch-StudioGAN, CIFAR10, with labels and without.
  json generator = {{"width", 96}, {"shared_embedding", 128}, {"skip_z", true}, {"attention", 16}};
  json discriminator = {{"width", 48}, {"attention", 16}};
  CHECK(count(declared("biggan", kGenerator, generator, short_z)) == 9416196);
  CHECK(count(declared("biggan", kDiscriminator, discriminator, labels)) == 2415170);
  generator["conditional"] = discriminator["conditional"] = false;
  CHECK(count(declared("biggan", kGenerator, generator, short_z)) == 8825092);
  CHECK(count(declared("biggan", kDiscriminator, discriminator, labels)) == 2413250);
  // BigGAN-deep there, today's size and that of 2020.
  const json deep = {{"attention", 16}};
  CHECK(count(declared("biggan_deep", kGenerator, deep, labels)) == 7762948);
  CHECK(count(declared("biggan_deep", kDiscriminator, deep, labels)) == 2908930);
  CHECK(count(declared("biggan_deep", kGenerator, {{"width", 96}, {"attention", 16}}, short_z)) == 4599876);
  CHECK(count(declared("biggan_deep", kDiscriminator, {{"width", 48}, {"attention", 16}}, short_z)) ==
        415010);
}

TEST_CASE("the SAGAN of instance selection for GANs is a biggan that starts wide") {
  // Counts of BigGAN-PyTorch's classes as its launch_SAGAN_res64_ch32_bs128 makes them, with 1,000 classes.
  const json imagenet = pictures(3, 64, 128, 1000);
  json config = {{"width", 32}, {"attention", 32}};
  CHECK(count(declared("biggan", kDiscriminator, config, imagenet)) == 5401186);
  config["wide_start"] = true;
  CHECK(count(declared("biggan", kGenerator, config, imagenet)) == 13293188);
  CHECK_THAT(create_error("biggan", kGenerator, {{"wide_start", true}}, pictures(3, 32, 128, 10)),
             Catch::Contains("for pictures of side 64"));
  CHECK_THAT(create_error("biggan", kDiscriminator, config, imagenet), Catch::Contains("the generator's"));
}

TEST_CASE("BigGAN's totals at ImageNet 128 are those of the paper's table 1") {
  const auto millions = [](int64_t width, int64_t embedding, bool skip, int64_t latent) {
    const json facts = pictures(3, 128, latent, 1000);
    const int64_t n =
        count(
            declared("biggan", kGenerator,
                     {{"width", width}, {"shared_embedding", embedding}, {"skip_z", skip}, {"attention", 64}},
                     facts)) +
        count(declared("biggan", kDiscriminator, {{"width", width}, {"attention", 64}}, facts));
    return static_cast<double>(n) / 1e6;
  };
  CHECK(millions(64, 0, false, 128) == Approx(81.5).margin(0.15));
  CHECK(millions(96, 0, false, 128) == Approx(173.5).margin(0.15));
  CHECK(millions(96, 128, false, 128) == Approx(160.6).margin(0.2));
  CHECK(millions(96, 128, true, 120) == Approx(158.3).margin(0.15));
  CHECK(millions(64, 128, true, 120) == Approx(71.3).margin(0.15));
}

TEST_CASE("sngan's width 0 is the published width of each role") {
  CHECK(count(declared("sngan", kGenerator, {{"width", 256}}, pictures(3, 32))) == 4276739);
  CHECK(count(declared("sngan", kDiscriminator, {{"width", 128}}, pictures(3, 32))) == 1053825);
}

TEST_CASE("mlp's parameter count follows from width and depth") {
  for (const int64_t width : {1, 8, 33})
    for (const int64_t depth : {1, 2, 4}) {
      const json config = {{"width", width}, {"depth", depth}};
      const int64_t hidden = (depth - 1) * (width * width + width);
      CHECK(count(declared("mlp", kGenerator, config, pictures(1, 4, 6))) ==
            7 * width + hidden + 16 * width + 16);
      CHECK(count(declared("mlp", kDiscriminator, config, pictures(1, 4))) ==
            17 * width + hidden + width + 1);
    }
}

TEST_CASE("shapes of every model over sizes and widths") {
  at::manual_seed(1);
  for (const int64_t width : {1, 4, 8}) {
    for (const int64_t side : {8, 16, 32, 64})
      check_shapes("dcgan", {{"width", width}}, {side == 16 ? 3 : 1, side, side});
    for (const int64_t side : {8, 12, 16, 20, 24, 28, 32, 36, 48, 64})
      check_shapes("sngan", {{"width", width}}, {side == 16 ? 3 : 1, side, side});
    check_shapes("mlp", {{"width", width}, {"activation", "leaky_relu"}}, {2});
    check_shapes("mlp", {{"width", width}, {"depth", 1}, {"activation", "leaky_relu"}}, {3, 5, 7});
  }
  check_shapes("dcgan", {{"width", 3}, {"batch_norm", false}, {"slope", 0.2}}, {1, 8, 8});
  check_shapes("sngan", {{"width", 1}}, {1, 100, 100});
  check_shapes("mlp", {{"width", 7}, {"batch_norm", true}, {"activation", "leaky_relu"}}, {1, 8, 8});
}

TEST_CASE("sngan's generator starts where halving ends") {
  const auto first_side = [](int64_t side) {
    const auto d = declared("sngan", kGenerator, {{"width", 1}}, pictures(1, side));
    return static_cast<int64_t>(std::lround(std::sqrt(d.parameters[0].shape[0])));
  };
  CHECK(first_side(8) == 4);
  CHECK(first_side(32) == 4);
  CHECK(first_side(12) == 6);
  CHECK(first_side(20) == 5);
  CHECK(first_side(28) == 7);
  CHECK(first_side(36) == 9);
  // The papers' tables start 16 times as wide as they end, at 4 x 4, or 8 times at 6 x 6.
  CHECK(first_side(64) == 4 * 4);
  CHECK(first_side(128) == 4 * 4);
  CHECK(declared("sngan", kGenerator, {{"width", 1}}, pictures(1, 48)).parameters[0].shape[0] == 8 * 6 * 6);
}

TEST_CASE("sizes that a model can not make are refused with what it can") {
  for (const auto& role : {kGenerator, kDiscriminator}) {
    for (const json& shape : {json{1, 28, 28}, json{1, 4, 4}, json{3, 12, 12}, json{3, 8, 16}, json{2}})
      CHECK_THAT(create_error("dcgan", role, {}, {{"sample_shape", shape}, {"latent_size", 8}}),
                 Catch::Contains("side is 8, 16, 32, 64") &&
                     Catch::Contains("samples of " + std::to_string(shape[0].get<int>())));
    for (const json& shape : {json{1, 30, 30}, json{1, 4, 4}, json{3, 10, 10}, json{3, 8, 16}, json{2}})
      CHECK_THAT(create_error("sngan", role, {}, {{"sample_shape", shape}, {"latent_size", 8}}),
                 Catch::Contains("multiple of 4, from 8 up"));
  }
  CHECK_THAT(create_error("dcgan", kGenerator, {}, {{"sample_shape", {1, 28, 28}}, {"latent_size", 8}}),
             Catch::Contains("samples of 1 x 28 x 28"));
}

TEST_CASE("labels are refused where there are none, and a latent that does not split") {
  for (const std::string model : {"sngan", "sagan", "biggan", "biggan_deep"})
    for (const auto& role : {kGenerator, kDiscriminator})
      CHECK_THAT(create_error(model, role, {{"conditional", true}}, pictures(3, 32)),
                 Catch::Contains("'conditional' needs a data set with labels"));
  CHECK_THAT(
      create_error("biggan", kGenerator, {{"conditional", false}, {"skip_z", true}}, pictures(3, 32, 127)),
      Catch::Contains("127 does not split into 4 pieces"));
  CHECK_THAT(create_error("biggan", kGenerator, {{"conditional", false}, {"attention", 5}}, pictures(3, 32)),
             Catch::Contains("no block of this generator ends at side 5"));
  CHECK_THAT(create_error("biggan", kDiscriminator, {{"skip_z", true}}, pictures(3, 32, 128, 10)),
             Catch::Contains("are the generator's"));
}

TEST_CASE("a generator's option given to a discriminator is an error, not ignored") {
  CHECK_THAT(create_error("mlp", kDiscriminator, {{"output", "tanh"}}, pictures(1, 8)),
             Catch::Contains("'output'"));
  CHECK_THAT(create_error("sngan", kDiscriminator, {{"upsample", "bilinear"}}, pictures(1, 8)),
             Catch::Contains("'upsample'"));
  CHECK(create_error("mlp", kGenerator, {{"output", "tanh"}}, pictures(1, 8)).empty());
}

TEST_CASE("dropout of biggan's discriminator is for training only, and of what its last layer sees") {
  const json config = {{"width", 2}, {"conditional", false}, {"dropout", 0.5}}, facts = pictures(1, 8, 5);
  at::manual_seed(7);
  const TestModel m("biggan", kDiscriminator, config, facts);
  const at::Tensor x = at::randn({4, 1, 8, 8});
  const auto logit = [&](bool training) { return worker::find(m(x, training), "logit"); };
  CHECK(at::equal(logit(false), logit(false)));
  CHECK_FALSE(at::equal(logit(true), logit(true)));
  CHECK(at::equal(worker::find(m(x, true), "features"), worker::find(m(x, true), "features")));
  CHECK_THAT(create_error("biggan", kGenerator, config, facts), Catch::Contains("the discriminator's"));
}

TEST_CASE("mlp's output is bounded for pictures and not for points, unless told otherwise") {
  const auto largest = [](const json& config, const json& shape) {
    const TestModel g("mlp", kGenerator, config, {{"sample_shape", shape}, {"latent_size", 4}});
    return g(1000 * at::ones({2, 4}))[0].second.abs().max().item<double>();
  };
  CHECK(largest({}, {1, 2, 2}) <= 1);
  CHECK(largest({}, {2}) > 1);
  CHECK(largest({{"output", "linear"}}, {1, 2, 2}) > 1);
  CHECK(largest({{"output", "tanh"}}, {2}) <= 1);
}

TEST_CASE("sngan normalises every weight of its discriminator and none of its generator") {
  for (const int64_t side : {8, 20, 32}) {
    for (const auto& p : declared("sngan", kGenerator, {}, pictures(3, side)).parameters)
      CHECK(p.norm == train::Norm::none);
    for (const auto& p : declared("sngan", kDiscriminator, {}, pictures(3, side)).parameters)
      CHECK((p.norm == train::Norm::spectral) == (p.shape.size() > 1));
    CHECK(declared("sngan", kDiscriminator, {}, pictures(3, side)).buffers.empty());
  }
}

TEST_CASE("initialisers are the sources'") {
  for (const auto& role : {kGenerator, kDiscriminator}) {
    for (const auto& p : declared("sngan", role, {}, pictures(3, 32)).parameters) {
      if (p.shape.size() < 2) continue;
      INFO(p.name);
      CHECK(p.init.kind == train::InitKind::xavier_uniform);
      const bool residual = p.name.ends_with("conv1.weight") || p.name.ends_with("conv2.weight");
      CHECK(p.init.a == Approx(residual ? std::sqrt(2.0) : 1.0));
    }
    for (const auto& p : declared("dcgan", role, {}, pictures(3, 32)).parameters)
      if (p.shape.size() > 1) CHECK(p.init.kind == train::InitKind::orthogonal);
    // As torch.nn.Linear starts: U(-1 / sqrt(in), 1 / sqrt(in)), biases too.
    const TestModel mlp("mlp", role, {{"width", 64}}, pictures(1, 8, 16));
    for (const std::string layer : {"layer0", "layer1"}) {
      const at::Tensor w = mlp.parameters[mlp.set.index(layer + ".weight")];
      const double bound = 1 / std::sqrt(static_cast<double>(w.size(1)));
      for (const at::Tensor& t : {w, mlp.parameters[mlp.set.index(layer + ".bias")]}) {
        CHECK(t.abs().max().item<double>() <= bound * 1.000001);
        CHECK(t.abs().max().item<double>() > bound * 0.8);
      }
    }
  }
}

TEST_CASE("without batch norm a sample's outputs do not depend on its batch") {
  const auto independent = [](const std::string& model, const json& config) {
    const TestModel d(model, kDiscriminator, config, pictures(1, 8));
    const at::Tensor x = at::randn({4, 1, 8, 8});
    return distance(d(x)[1].second.narrow(0, 0, 1), d(x.narrow(0, 0, 1))[1].second) < 1e-5;
  };
  CHECK(independent("sngan", {{"width", 4}}));
  CHECK(independent("dcgan", {{"width", 4}, {"batch_norm", false}}));
  CHECK_FALSE(independent("dcgan", {{"width", 4}}));
  CHECK(independent("mlp", {}));
  CHECK_FALSE(independent("mlp", {{"batch_norm", true}}));
}

TEST_CASE("running statistics move in training and only then") {
  for (const std::string model : {"dcgan", "sngan"}) {
    const TestModel g(model, kGenerator, {{"width", 2}}, pictures(1, 8, 4));
    REQUIRE(!g.buffers.empty());
    std::vector<at::Tensor> before;
    for (const auto& b : g.buffers) before.push_back(b.clone());
    g(at::randn({8, 4}), false);
    for (size_t i = 0; i < before.size(); ++i) CHECK(at::equal(before[i], g.buffers[i]));
    g(at::randn({8, 4}), true);
    for (size_t i = 0; i < before.size(); ++i) CHECK(distance(before[i], g.buffers[i]) > 0);
  }
}

TEST_CASE("gradients of the models agree with finite differences in float64") {
  at::manual_seed(5);
  const auto check = [](const std::string& model, const std::string& role, const json& config,
                        const json& facts) {
    CAPTURE(model, role, config);
    const TestModel m(model, role, config, facts, at::kDouble);
    {
      // Biases of zero put units that see nothing on a kink of the ReLU.
      at::NoGradGuard no_grad;
      for (const at::Tensor& p : m.parameters)
        if (p.dim() == 1) p.add_(at::randn_like(p), 0.1);
    }
    std::vector<int64_t> shape = {3};
    if (role == kGenerator)
      shape.push_back(facts["latent_size"]);
    else
      for (const int64_t s : facts["sample_shape"]) shape.push_back(s);
    const at::Tensor x = at::randn(shape, at::kDouble).requires_grad_();
    const auto loss = [&] { return m(x, true)[0].second.square().sum(); };
    std::vector<at::Tensor> all = m.parameters;
    all.push_back(x);
    const auto found = gradients(loss(), all);
    for (size_t i = 0; i < all.size(); ++i) {
      INFO(i);
      CHECK(finite_difference_error([&] { return loss().item<double>(); }, all[i], found[i]) < 1e-5);
    }
  };
  const json facts = pictures(1, 8, 3);
  for (const auto& role : {kGenerator, kDiscriminator}) {
    check("mlp", role, {{"width", 4}, {"depth", 2}}, facts);
    check("dcgan", role, {{"width", 1}}, facts);
    check("sngan", role, {{"width", 2}}, facts);
    check("wgan_gp", role, {{"width", 2}}, facts);
    check("sagan", role, {{"width", 8}, {"conditional", false}}, facts);
    check("biggan", role, {{"width", 1}, {"conditional", false}}, facts);
    check("biggan_deep", role, {{"width", 1}, {"conditional", false}, {"depth", 1}}, facts);
  }
  check("biggan", kGenerator, {{"width", 1}, {"conditional", false}, {"self_modulation", true}}, facts);
  check("unet", kDiscriminator, {{"width", 1}}, facts);
  check("sngan", kGenerator, {{"width", 2}, {"upsample", "bilinear"}}, facts);
}
