// stylegan2 and stackgan against PyTorch networks written the slow way (tests/reference/systems_reference.py,
// stackgan_reference.py), their losses, and singan in the literal form.
#include "twin.hpp"

using namespace saddle;
using namespace saddle::test;
using Catch::Contains;

namespace {

json facts_of(const json& shape, int classes = 0, int latent = 5) {
  return {{"sample_shape", shape}, {"classes", classes}, {"latent_size", latent}, {"models", json::array()}};
}

const json kPlain = {{"width", 6}, {"mapping_layers", 2}, {"noise", false}, {"mixing", 0.0}};

json plain(const json& more) {
  json config = kPlain;
  if (!more.is_null()) config.update(more);
  return config;
}

TestModel generator(const json& more, uint64_t seed = 1, const json& shape = {2, 16, 16}) {
  return {"stylegan2", "generator", plain(more), facts_of(shape), at::kDouble, seed};
}

at::Tensor output(const NamedTensors& outputs, const std::string& name) {
  return worker::find(outputs, name);
}

// Holds the model against a case of a reference: outputs in evaluation and in training, buffers, gradients.
void check_twin(const TestModel& twin, const train::Safetensors& file, const std::string& name, const json& c,
                double close) {
  take_reference(twin, file, name);
  const auto get = [&](const std::string& what) {
    return file.tensors.at(name + "/" + what).to(twin.parameters.at(0).scalar_type());
  };
  const auto& declared = twin.model.declared();
  const at::Tensor x = get("input").clone().requires_grad_();
  NamedTensors inputs = {{twin.model.inputs().front(), x}};
  if (c["facts"]["classes"] > 0) inputs.emplace_back("label", get("label").to(at::kLong));
  const auto run = [&](bool training) {
    at::manual_seed(c.value("seed", 0));
    return twin(inputs, training);
  };
  size_t outputs = 0;
  for (const auto& [key, tensor] : file.tensors) outputs += key.starts_with(name + "/eval/");
  const NamedTensors evaluated = run(false);
  CHECK(evaluated.size() == outputs);
  for (const auto& [output, value] : evaluated) {
    INFO(output << " in evaluation");
    CHECK(relative_distance(value, get("eval/" + output)) < close);
  }
  at::Tensor squares = at::zeros({});
  for (const auto& [output, value] : run(true)) {
    INFO(output);
    CHECK(relative_distance(value, get(output)) < close);
    squares = squares + value.square().sum();
  }
  for (size_t i = 0; i < twin.buffers.size(); ++i)
    CHECK(relative_distance(twin.buffers[i], get("after/" + declared.buffers[i].name)) < close);
  std::vector<at::Tensor> sources = {x};
  sources.insert(sources.end(), twin.parameters.begin(), twin.parameters.end());
  const auto found = gradients(squares, sources);
  CHECK(relative_distance(found[0], get("gradient")) < close);
  for (size_t i = 0; i < twin.parameters.size(); ++i) {
    INFO(declared.parameters[i].name);
    CHECK(relative_distance(found[i + 1], get("gradient_of/" + declared.parameters[i].name)) < close);
  }
}

int64_t parameter_count(const std::string& model, const std::string& role, const json& facts) {
  const auto& c = component("model", model);
  int64_t n = 0;
  const worker::Model made(c, role, with_defaults(c, json::object()), facts);
  for (const auto& p : made.declared().parameters) n += c10::multiply_integers(p.shape);
  return n;
}

}  // namespace

TEST_CASE("stylegan2 computes what its PyTorch twin computes sample by sample") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/systems_reference.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 6);
  for (const auto& [name, c] : cases.items())
    for (const std::string modulate : {"activations", "weights"}) {
      DYNAMIC_SECTION(name << " by " << modulate) {
        json config = c["config"];
        config["modulate"] = modulate;
        const TestModel twin(c["model"], c["role"], config, c["facts"]);
        for (size_t i = 0; i < twin.buffers.size(); ++i)
          if (twin.model.declared().buffers[i].name == "filter")
            CHECK(distance(twin.buffers[i], file.tensors.at(name + "/buffer/filter")) == 0);
        check_twin(twin, file, name, c, 1e-5);
      }
    }
}

TEST_CASE("stylegan2 has the published number of parameters") {
  const auto count = [](const std::string& role, int64_t side) {
    return parameter_count("stylegan2", role, facts_of({3, side, side}, 0, 512));
  };
  // Config F (section 4.2): 30M and 29M at 1024. The twins of the reference have these, without the 17 and 13
  // strengths of the noise.
  CHECK(count("generator", 1024) == 30370043 + 17);
  CHECK(count("discriminator", 1024) == 29012513);
  CHECK(count("generator", 256) == 30034325 + 13);
  CHECK(count("discriminator", 256) == 28864129);
}

TEST_CASE("stylegan2 mixes styles and adds noise in training") {
  at::manual_seed(4);
  const TestModel always = generator({{"mixing", 1.0}}), never = generator({});
  const at::Tensor z = at::randn({3, 5}, at::kDouble);
  const at::Tensor same = output(never(z), "w");
  CHECK(same.sizes() ==
        at::IntArrayRef({3, 6, 6}));  // two layers at 8 and 16, one at 4, and the last picture
  CHECK(distance(same, same.narrow(1, 0, 1).expand_as(same)) == 0);
  std::set<int64_t> places;
  for (int i = 0; i < 40; ++i) {
    const at::Tensor w = output(always(z), "w");
    const at::Tensor own = (w == same).all(2).all(0);  // [layers]: true up to the crossing, then false
    const int64_t first = own.sum().item<int64_t>();
    CHECK(own.narrow(0, 0, first).all().item<bool>());
    CHECK(distance(w.slice(1, first), w.slice(1, first, first + 1).expand_as(w.slice(1, first))) == 0);
    places.insert(first);
  }
  CHECK(places == std::set<int64_t>{1, 2, 3, 4, 5});
  CHECK(distance(output(always(z, false), "w").select(1, 0), output(always(z, false), "w").select(1, 5)) ==
        0);

  // The crossing shows in the picture: painting from w is what a pass from z does.
  CHECK(distance(output(never(z), "image"), output(never({{"w", same}}), "image")) == 0);
  CHECK(distance(output(never(z), "image"), output(never({{"w", same.select(1, 0)}}), "image")) == 0);

  // A second z is in the layers from the middle on, in evaluation too.
  const at::Tensor second = at::randn({3, 5}, at::kDouble),
                   w = output(never({{"z", z}, {"z_style", second}}, false), "w");
  CHECK(distance(w.slice(1, 0, 3), same.slice(1, 0, 3)) == 0);
  CHECK(distance(w.slice(1, 3), output(never(second), "w").slice(1, 3)) == 0);

  const TestModel noisy = generator({{"noise", true}});
  CHECK(distance(output(noisy(z), "image"), output(noisy(z), "image")) == 0);  // strength 0 at first
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < noisy.parameters.size(); ++i)
    if (noisy.model.declared().parameters[i].name.ends_with(".noise")) noisy.parameters[i].fill_(0.3);
  CHECK(distance(output(noisy(z), "image"), output(noisy(z), "image")) > 0.01);
}

TEST_CASE("stylegan2 keeps the mean of w, to which truncation goes") {
  at::manual_seed(5);
  const TestModel half = generator({{"truncation_psi", 0.5}, {"mean_decay", 0.9}});
  const size_t mean = half.model.declared().buffers[0].name == "mean_w" ? 0 : 1;
  REQUIRE(half.model.declared().buffers[mean].name == "mean_w");
  const at::Tensor z = at::randn({4, 5}, at::kDouble);
  const at::Tensor w = output(half(z), "w").select(1, 0).detach();
  CHECK(distance(half.buffers[mean], 0.1 * w.mean(0)) < 1e-12);
  const at::Tensor near = output(half(z, false), "w").select(1, 0);
  CHECK(distance(near, half.buffers[mean] + 0.5 * (w - half.buffers[mean])) < 1e-12);
  CHECK_THAT(error_of([&] { generator({}, 1, {1, 12, 12}); }), Contains("stylegan2 needs square pictures"));
  CHECK_THAT(error_of([&] { generator({{"conditional", true}}); }), Contains("needs a data set with labels"));
}

TEST_CASE("path_length is the literal penalty, and teaches all that lies behind w") {
  // A generator that is linear in w: the length of J'y is known.
  TestLoss loss("path_length", {{"strength", 2.0}, {"every", 3}, {"decay", 0.75}, {"shrink", 2}});
  at::manual_seed(6);
  const at::Tensor w = at::randn({4, 3, 2}, at::kDouble).requires_grad_();
  const at::Tensor to_picture = at::randn({6, 2 * 4 * 4}, at::kDouble);
  loss.tensors["generator.latent.w"] = w;
  loss.model = [&](const NamedTensors& inputs) -> NamedTensors {
    return {{"image", inputs[0].second.flatten(1).matmul(to_picture).reshape({-1, 2, 4, 4})}};
  };
  CHECK(loss.terms("generator", 1).empty());
  double average = 0;
  for (const int64_t round : {0, 3}) {
    at::manual_seed(60 + round);
    const double penalty = loss.total("generator", round).item<double>();
    at::manual_seed(60 + round);
    const at::Tensor y = at::randn({2, 2, 4, 4}, at::kDouble) / 4.0;  // the root of 16 places
    std::vector<double> lengths;
    for (int64_t i = 0; i < 2; ++i) {
      const at::Tensor by = to_picture.matmul(y[i].flatten()).reshape({3, 2});
      double mean = 0;
      for (int64_t layer = 0; layer < 3; ++layer) mean += by[layer].square().sum().item<double>() / 3;
      lengths.push_back(std::sqrt(mean));
    }
    average = 0.75 * average + 0.25 * (lengths[0] + lengths[1]) / 2;
    CHECK(loss.buffers[0].item<double>() == Approx(average));
    const double expected = std::pow(lengths[0] - average, 2) + std::pow(lengths[1] - average, 2);
    CHECK(penalty == Approx(2.0 * 3 * expected / 2));
  }

  const TestModel painter = generator({}, 7, {1, 8, 8});
  const at::Tensor z = at::randn({2, 5}, at::kDouble);
  const auto total = [&] {
    const at::AutoGradMode recording(true);
    at::manual_seed(8);
    TestLoss own("path_length", {{"shrink", 1}});
    own.tensors["generator.latent.w"] = output(painter(z), "w");
    own.model = [&](const NamedTensors& inputs) { return painter(inputs); };
    return own.total("generator");
  };
  const auto found = gradients(total(), painter.parameters);
  for (size_t i = 0; i < painter.parameters.size(); ++i) {
    const std::string& name = painter.model.declared().parameters[i].name;
    INFO(name);
    // All but what does not depend on w: the last picture's bias.
    if (name.ends_with("picture.bias"))
      CHECK(found[i].abs().max().item<double>() == 0);
    else
      CHECK(found[i].abs().max().item<double>() > 0);
    if (name == "mapping.layer0.bias" || name == "block1.layer0.style.bias" || name == "block0.layer1.bias")
      CHECK(finite_difference_error([&] { return total().item<double>(); }, painter.parameters[i], found[i]) <
            1e-5);
  }
}

TEST_CASE("conditioning is the divergence of Gaussians") {
  TestLoss loss("conditioning");
  at::manual_seed(9);
  at::Tensor condition = at::randn({3, 4}, at::kDouble).requires_grad_();
  loss.tensors["generator.latent.condition"] = condition;
  double expected = 0;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t k = 0; k < 2; ++k) {
      // The integral of p log(p / q) over a fine grid.
      const double middle = condition[i][k].item<double>(),
                   deviation = std::exp(condition[i][k + 2].item<double>());
      const double step = deviation / 200;
      for (int64_t n = -2000; n <= 2000; ++n) {
        const double x = middle + static_cast<double>(n) * step, u = (x - middle) / deviation;
        const double p = std::exp(-u * u / 2) / (deviation * std::sqrt(2 * M_PI));
        expected += p * ((x * x - u * u) / 2 - std::log(deviation)) * step / 6;
      }
    }
  CHECK(loss.total("generator").item<double>() == Approx(expected).epsilon(1e-6));
  const auto found = gradients(loss.total("generator"), {condition});
  const at::AutoGradMode recording(true);
  CHECK(finite_difference_error(
            [&] {
              const at::AutoGradMode on(true);
              return loss.total("generator").item<double>();
            },
            condition, found[0]) < 1e-6);
}

TEST_CASE("stackgan computes what its PyTorch twin computes tap by tap") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/stackgan_reference.safetensors");
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 10);
  for (const auto& [name, c] : cases.items()) {
    DYNAMIC_SECTION(name) {
      if (const auto draw = file.tensors.find(name + "/draw"); draw != file.tensors.end()) {
        at::manual_seed(c["seed"]);  // the same numbers as in Python
        REQUIRE(distance(at::randn(draw->second.sizes(), at::kDouble), draw->second) < 1e-6);
      }
      const TestModel twin(c["model"], c["role"], c["config"], c["facts"], at::kDouble);
      check_twin(twin, file, name, c, 1e-6);
    }
  }
}

TEST_CASE("stackgan has as many parameters as its PyTorch twin at the paper's sizes") {
  const auto file =
      train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/stackgan_reference.safetensors");
  const json counts = json::parse(file.metadata.at("counts"));
  REQUIRE(counts.size() == 4);
  for (const auto& [of, n] : counts.items()) {
    INFO(of);
    const size_t space = of.find(' ');
    const int side = std::stoi(of.substr(space));
    CHECK(parameter_count("stackgan", of.substr(0, space), facts_of({3, side, side}, 200, 100)) == n);
  }
}

TEST_CASE("stackgan's condition stands beside every place, and stage II paints at the full side") {
  at::manual_seed(10);
  const json config = {{"width", 2}, {"condition", 3}, {"ratio", 2}, {"blocks", 1}};
  const TestModel refiner("stackgan", "refiner", config, facts_of({1, 16, 16}, 4), at::kDouble);
  const TestModel judge("stackgan", "discriminator", config, facts_of({1, 16, 16}, 4), at::kDouble);
  const at::Tensor coarse = at::randn({4, 1, 8, 8}, at::kDouble).tanh(), label = at::arange(4);
  const auto painted = [&](const at::Tensor& of, const at::Tensor& as) {
    at::manual_seed(11);
    return refiner({{"image", of}, {"label", as}}, false);
  };
  const NamedTensors outputs = painted(coarse, label);
  CHECK(output(outputs, "image").sizes() == at::IntArrayRef({4, 1, 16, 16}));
  CHECK(output(outputs, "condition").sizes() == at::IntArrayRef({4, 6}));
  CHECK(distance(output(painted(coarse, label.flip(0)), "image"), output(outputs, "image")) > 1e-6);
  CHECK(distance(output(painted(coarse.flip(0), label), "image"), output(outputs, "image")) > 1e-6);
  // Coarse pictures of another side are averaged.
  const at::Tensor large = at::upsample_nearest2d(coarse, {16, 16});
  CHECK(distance(output(painted(large, label), "image"), output(outputs, "image")) < 1e-12);
  const at::Tensor logit = output(judge({{"image", large}, {"label", label}}, false), "logit");
  CHECK(distance(output(judge({{"image", large}, {"label", label.flip(0)}}, false), "logit"), logit) > 1e-6);
  // Without labels there is no condition.
  const TestModel plain("stackgan", "generator", config, facts_of({1, 8, 8}), at::kDouble);
  CHECK(plain(at::randn({2, 5}, at::kDouble)).size() == 1);
  CHECK_THAT(error_of([&] {
               TestModel("stackgan", "refiner", {{"ratio", 3}}, facts_of({1, 12, 12}));
             }),
             Contains("'ratio' is a power of two"));
  CHECK_THAT(error_of([&] {
               TestModel("stackgan", "refiner", {{"ratio", 8}}, facts_of({1, 8, 8}));
             }),
             Contains("would have no whole side"));
}

TEST_CASE("singan refines the enlarged picture by its own part of z, in the literal form") {
  at::manual_seed(12);
  const TestModel refiner("singan", "refiner",
                          {{"width", 3}, {"layers", 3}, {"offset", 16}, {"noise", 0.25}, {"measured", false}},
                          facts_of({2, 5, 5}, 0, 41), at::kDouble);
  const at::Tensor z = at::randn({1, 41}, at::kDouble), below = at::randn({1, 2, 4, 4}, at::kDouble) * 0.3;
  std::map<std::string, at::Tensor> p, kept;
  for (size_t i = 0; i < refiner.parameters.size(); ++i) {
    const at::NoGradGuard no_grad;
    p[refiner.model.declared().parameters[i].name] = refiner.parameters[i].normal_(0, 0.5);
  }
  for (size_t i = 0; i < refiner.buffers.size(); ++i)
    kept[refiner.model.declared().buffers[i].name] = refiner.buffers[i];
  CHECK(kept.size() == 4);
  const at::Tensor enlarged = at::upsample_bilinear2d(below, {5, 5}, false);
  const auto expected = [&](bool training) {
    at::Tensor x = enlarged + 0.25 * z.slice(1, 16, 41).reshape({1, 1, 5, 5});
    for (const std::string i : {"0", "1"}) {
      x = at::conv2d(x, p.at("conv" + i + ".weight"), {}, 1, 1);
      // In training on a batch of one: of the picture itself; in evaluation: what was kept of those.
      const auto map = [](const at::Tensor& t) { return t.reshape({1, -1, 1, 1}); };
      const at::Tensor middle = training ? x.mean({2, 3}, true) : map(kept.at("norm" + i + ".running_mean"));
      const at::Tensor variance =
          training ? x.var({2, 3}, false, true) : map(kept.at("norm" + i + ".running_var"));
      x = (x - middle) / (variance + 1e-5).sqrt() * map(p.at("norm" + i + ".weight")) +
          map(p.at("norm" + i + ".bias"));
      x = at::where(x > 0, x, 0.2 * x);
    }
    return enlarged + at::conv2d(x, p.at("conv2.weight"), p.at("conv2.bias"), 1, 1).tanh();
  };
  const NamedTensors inputs = {{"z", z}, {"image", below}};
  const at::Tensor image = output(refiner(inputs), "image");
  CHECK(distance(image, expected(true)) < 1e-12);
  CHECK(distance(output(refiner(inputs, false), "image"), expected(false)) < 1e-12);
  CHECK(distance(expected(true), expected(false)) > 0.01);
  // After many pictures of one kind both are nearly the same, but for the N - 1 of what is kept.
  for (int i = 0; i < 200; ++i) (void)refiner(inputs);
  const at::Tensor first =
      at::conv2d(enlarged + 0.25 * z.slice(1, 16, 41).reshape({1, 1, 5, 5}), p.at("conv0.weight"), {}, 1, 1);
  CHECK(distance(kept.at("norm0.running_mean"), first.mean({0, 2, 3})) < 1e-8);
  CHECK(distance(kept.at("norm0.running_var"), first.var({2, 3}, true, false)[0]) < 1e-8);
  // A z that is too short begins again.
  const TestModel coarse("singan", "generator", {{"width", 3}}, facts_of({2, 5, 5}, 0, 7), at::kDouble);
  CHECK(output(coarse(z.slice(1, 0, 7)), "image").sizes() == at::IntArrayRef({1, 2, 5, 5}));
  const TestModel judge("singan", "discriminator", {{"width", 3}}, facts_of({2, 5, 5}), at::kDouble);
  CHECK(output(judge(image), "logit").sizes() == at::IntArrayRef({1, 25}));
}

TEST_CASE("a refiner's noise is as large as the error that is first measured, and stays so") {
  const json config = {{"width", 3}, {"layers", 3}, {"offset", 16}, {"noise", 0.25}};
  const json facts = facts_of({2, 5, 5}, 0, 41);
  at::manual_seed(14);
  const at::Tensor z = at::randn({1, 41}, at::kDouble), below = at::randn({1, 2, 4, 4}, at::kDouble) * 0.3,
                   real = at::randn({1, 2, 5, 5}, at::kDouble);
  const double error =
      (at::upsample_bilinear2d(below, {5, 5}, false) - real).square().mean().sqrt().item<double>();
  // What a refiner makes whose noise has this deviation, always.
  const auto fixed = [&](double noise) {
    json c = config;
    c.update({{"measured", false}, {"noise", noise}});
    return output(TestModel("singan", "refiner", c, facts, at::kDouble)({{"z", z}, {"image", below}}),
                  "image");
  };
  const TestModel refiner("singan", "refiner", config, facts, at::kDouble);
  size_t place = 0;
  while (refiner.model.declared().buffers.at(place).name != "error") ++place;
  const at::Tensor kept = refiner.buffers[place];
  const auto made = [&](const at::Tensor& beside, bool training = true) {
    return output(refiner({{"z", z}, {"image", below}, {"real", beside}}, training), "image");
  };
  CHECK(distance(fixed(0.25), fixed(0.25 * error)) > 1e-3);
  // Nothing yet, nor in evaluation, nor of a picture that is for another scale.
  CHECK(distance(output(refiner({{"z", z}, {"image", below}}), "image"), fixed(0.25)) < 1e-12);
  (void)made(real, false);
  CHECK(distance(made(at::zeros({1, 2, 9, 9}, at::kDouble)), fixed(0.25)) < 1e-12);
  CHECK(kept.item<double>() == 0);
  CHECK(distance(made(real), fixed(0.25 * error)) < 1e-12);
  CHECK(kept.item<double>() == Approx(error).epsilon(1e-12));
  CHECK(distance(made(real * 3), fixed(0.25 * error)) < 1e-12);
  CHECK(distance(output(refiner({{"z", z}, {"image", below}}), "image"), fixed(0.25 * error)) < 1e-12);
  CHECK(kept.item<double>() == Approx(error).epsilon(1e-12));
}

TEST_CASE("fixed_noise asks for one z in all its forms, and gradient_penalty may count places") {
  const json facts = {{"latent_size", 6}, {"sample_shape", {1, 2, 2}}, {"classes", 0}};
  TestLoss loss("fixed_noise", {{"elements", 4}}, facts), again("fixed_noise", {{"elements", 4}}, facts),
      other("fixed_noise", {{"elements", 4}, {"seed", 1}}, facts);
  at::Tensor z[3];
  int i = 0;
  for (TestLoss* l : {&loss, &again, &other}) {
    l->tensors["real.image"] = at::ones({3, 1, 2, 2}, at::kDouble);
    l->model = [&z, l, n = i++](const NamedTensors& inputs) -> NamedTensors {
      z[n] = worker::find(inputs, "z").clone();
      CHECK(distance(worker::find(inputs, "real"), l->tensors.at("real.image")) == 0);
      return {{"image", z[n].slice(1, 0, 4).reshape({3, 1, 2, 2})}};
    };
    const double value = l->total("generator").item<double>();
    CHECK(value == Approx((z[i - 1].slice(1, 0, 4) - 1).square().mean().item<double>()));
  }
  CHECK(distance(z[0], z[1]) == 0);
  CHECK(distance(z[0], z[2]) > 0.1);
  CHECK(distance(z[0], z[0].slice(0, 0, 1).expand_as(z[0])) == 0);
  CHECK(z[0].slice(1, 4).abs().max().item<double>() == 0);
  TestLoss long_one("fixed_noise", json::object(), {{"latent_size", 20000}});
  long_one.tensors["real.image"] = at::zeros({1, 20000}, at::kDouble);
  long_one.model = [](const NamedTensors& inputs) -> NamedTensors {
    return {{"image", worker::find(inputs, "z")}};
  };
  CHECK(long_one.total("generator").item<double>() == Approx(1).margin(0.03));  // of unit variance

  TestLoss penalty("gradient_penalty", {{"over", "places"}});
  at::manual_seed(13);
  const at::Tensor slope = at::randn({2, 3, 3}, at::kDouble);
  for (const char* sample : {"real", "fake"})
    penalty.tensors[std::string(sample) + ".image"] = at::randn({4, 2, 3, 3}, at::kDouble);
  penalty.model = [&](const NamedTensors& inputs) -> NamedTensors {
    return {{"logit", inputs[0].second * slope}};  // its gradient is the slope, everywhere
  };
  CHECK(penalty.total("discriminator").item<double>() ==
        Approx((slope.square().sum(0).sqrt() - 1).square().mean().item<double>()));
}
