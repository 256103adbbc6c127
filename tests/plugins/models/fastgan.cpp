// FastGAN's networks and its losses against PyTorch (tests/reference/fastgan_reference.py) and literal forms.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace saddle;
using namespace saddle::test;

namespace {

train::Safetensors reference() {
  return train::read_safetensors(std::string(SADDLE_TEST_REFERENCE) + "/fastgan_reference.safetensors");
}

json facts(int64_t side, int64_t latent) {
  return {{"sample_shape", {3, side, side}}, {"classes", 0}, {"latent_size", latent}};
}

// The tensors whose names begin with `prefix`, by the rest of their names.
std::map<std::string, at::Tensor> part_of(const train::Safetensors& file, const std::string& prefix) {
  std::map<std::string, at::Tensor> part;
  for (const auto& [name, tensor] : file.tensors)
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = tensor;
  return part;
}

// Maps of four channels whose quadrants are told apart by their values, and a picture like them.
at::Tensor quartered(int64_t side) {
  const at::Tensor half = at::arange(2, at::kDouble).repeat_interleave(side / 2);
  return (2 * half.unsqueeze(1) + half.unsqueeze(0)).expand({2, 3, side, side}).contiguous();
}

// `reconstruction` where the decoders give `rebuilt`, and tell what they were given.
struct Rebuilding : TestLoss {
  explicit Rebuilding(const json& config, const json& own_facts = json::object())
      : TestLoss("reconstruction", config, own_facts) {
    at::manual_seed(4);
    tensors["real.augmented"] = at::rand({2, 3, 16, 16}, at::kDouble) * 2 - 1;
    for (const std::string name : {"whole", "part", "small"})
      tensors["discriminator.real.map_" + name] = at::randn({2, 4, 8, 8}, at::kDouble);
    model = [this](const NamedTensors& inputs) {
      NamedTensors outputs;
      for (const auto& [name, map] : inputs) {
        given[name] = map;
        if (name != "image") outputs.emplace_back("rebuilt" + name.substr(3), map.slice(1, 0, 3).tanh());
      }
      return outputs;
    };
  }
  std::map<std::string, at::Tensor> given;
};

}  // namespace

TEST_CASE("fastgan computes what its PyTorch twin computes") {
  const auto file = reference();
  const json cases = json::parse(file.metadata.at("cases"));
  REQUIRE(cases.size() == 6);
  for (const auto& [name, c] : cases.items()) {
    DYNAMIC_SECTION(name) {
      const auto weights = part_of(file, name + "/weight/"), buffers = part_of(file, name + "/buffer/"),
                 after = part_of(file, name + "/after/");
      auto given = part_of(file, name + "/input/");
      const TestModel twin("fastgan", c["role"], c["config"],
                           facts(c["side"], given.contains("z") ? given["z"].size(1) : 5));
      const auto& declared = twin.model.declared();
      REQUIRE(weights.size() == twin.parameters.size());
      REQUIRE(buffers.size() == twin.buffers.size());
      {
        at::NoGradGuard no_grad;
        for (size_t i = 0; i < twin.parameters.size(); ++i) {
          REQUIRE(weights.at(declared.parameters[i].name).sizes() == twin.parameters[i].sizes());
          twin.parameters[i].copy_(weights.at(declared.parameters[i].name));
        }
        for (size_t i = 0; i < twin.buffers.size(); ++i)
          twin.buffers[i].copy_(buffers.at(declared.buffers[i].name));
      }
      NamedTensors inputs;
      std::vector<at::Tensor> sources;
      for (auto& [input, tensor] : given) {
        sources.push_back(tensor.clone().requires_grad_());
        inputs.emplace_back(input, sources.back());
      }
      const auto evaluated = part_of(file, name + "/eval/"), outputs = part_of(file, name + "/output/");
      if (!evaluated.empty()) {
        const NamedTensors found = twin(inputs, false);
        REQUIRE(found.size() == evaluated.size());
        for (const auto& [output, value] : found)
          CHECK(relative_distance(value, evaluated.at(output)) < 1e-5);
      }
      const NamedTensors found = twin(inputs, true);
      REQUIRE(found.size() == outputs.size());
      at::Tensor squares = at::zeros({});
      for (const auto& [output, value] : found) {
        INFO(output);
        CHECK(relative_distance(value, outputs.at(output)) < 1e-5);
        squares = squares + value.square().sum();
      }
      for (size_t i = 0; i < twin.buffers.size(); ++i)
        CHECK(relative_distance(twin.buffers[i], after.at(declared.buffers[i].name)) < 1e-5);
      const size_t count = sources.size();
      sources.insert(sources.end(), twin.parameters.begin(), twin.parameters.end());
      const auto gradient = gradients(squares, sources);
      size_t at = 0;
      for (const auto& [input, tensor] : inputs)
        CHECK(relative_distance(gradient[at++], file.tensors.at(name + "/gradient/" + input)) < 1e-5);
      double size = 1;
      for (const at::Tensor& g : gradient) size = std::max(size, g.abs().max().item<double>());
      for (size_t i = 0; i < twin.parameters.size(); ++i) {
        INFO(declared.parameters[i].name);
        CHECK(distance(gradient[count + i],
                       file.tensors.at(name + "/gradient_of/" + declared.parameters[i].name)) < 1e-5 * size);
      }
    }
  }
}

TEST_CASE("fastgan has as many parameters as its PyTorch twin at every size and with every switch") {
  const json counts = json::parse(reference().metadata.at("counts"));
  REQUIRE(counts.size() == 72);
  const auto& c = component("model", "fastgan");
  for (const json& row : counts) {
    CAPTURE(row.dump());
    const json config = {{"variant", row[1]}, {"sle", row[3]}, {"decoders", row[4]}};
    const worker::Declared declared =
        worker::Model(c, row[0], with_defaults(c, config), facts(row[2], 256)).declared();
    int64_t n = 0;
    for (const auto& p : declared.parameters) n += c10::multiply_integers(p.shape);
    CHECK(n == row[5].get<int64_t>());
    for (const auto& p : declared.parameters)
      CHECK((p.norm == train::Norm::spectral) == (p.shape.size() == 4));
  }
  CHECK_THAT(error_of([&] { worker::Model(c, "generator", with_defaults(c, {}), facts(48, 256)); }),
             Catch::Contains("side is 32, 64, 128, 256, 512 or 1024") && Catch::Contains("48 x 48"));
}

TEST_CASE("fastgan's noise is the same in all channels, and another one in each pass") {
  const TestModel generator("fastgan", "generator", {{"width", 1}}, facts(32, 4));
  const at::Tensor z = at::randn({2, 4});
  const auto image = [&] { return worker::find(generator(z, false), "image"); };
  at::NoGradGuard no_grad;
  CHECK(distance(image(), image()) == 0);
  size_t strengths = 0;
  for (size_t i = 0; i < generator.parameters.size(); ++i)
    if (generator.model.declared().parameters[i].name.find(".noise") != std::string::npos) {
      generator.parameters[i].fill_(0.5);
      ++strengths;
    }
  CHECK(strengths == 4);
  CHECK(distance(image(), image()) > 0);
}

TEST_CASE("fastgan makes the small picture of a real one itself, and says what it cannot do") {
  const TestModel judge("fastgan", "discriminator", {{"width", 2}, {"decoders", false}}, facts(64, 4));
  const at::Tensor image = at::randn({2, 3, 64, 64});
  const at::Tensor small = image.slice(2, 0, 64, 2).slice(3, 0, 64, 2);
  const NamedTensors alone = judge({{"image", image}}, false),
                     both = judge({{"image", image}, {"small", small}}, false);
  CHECK(distance(worker::find(alone, "logit"), worker::find(both, "logit")) == 0);
  CHECK(worker::find(alone, "logit").sizes() == at::IntArrayRef({2, 50}));
  const at::Tensor logit = worker::find(judge({{"image", image}, {"small", -small}}, false), "logit");
  CHECK(distance(logit.slice(1, 0, 25), worker::find(alone, "logit").slice(1, 0, 25)) == 0);
  CHECK(distance(logit.slice(1, 25), worker::find(alone, "logit").slice(1, 25)) > 0);
  CHECK_THAT(error_of([&] {
               judge({{"map_whole", worker::find(alone, "map_whole")}}, false);
             }),
             Catch::Contains("no decoders"));
  const TestModel plain("fastgan", "generator", {{"width", 1}, {"sle", false}}, facts(32, 4));
  const at::Tensor z = at::randn({2, 4});
  CHECK_THAT(error_of([&] { plain({{"z", z}, {"z_style", z}}, false); }), Catch::Contains("without sle"));
}

TEST_CASE("reconstruction compares what is decoded with the picture, in pixels") {
  for (const std::string distance : {"l1", "l2"})
    for (const std::string over : {"mean", "sum"}) {
      CAPTURE(distance, over);
      Rebuilding loss(
          {{"distance", distance}, {"over", over}, {"whole", 0.5}, {"part", 2.0}, {"small", 3.0}});
      const NamedTensors terms = loss.terms("discriminator");
      REQUIRE(terms.size() == 3);
      const at::Tensor image = loss.tensors["real.augmented"];
      const auto literal = [&](const std::string& name, const at::Tensor& picture) {
        const at::Tensor rebuilt = loss.given.at("map_" + name).slice(1, 0, 3).tanh();
        double sum = 0;
        const int64_t side = rebuilt.size(2), step = picture.size(2) / side;
        for (int64_t n = 0; n < 2; ++n)
          for (int64_t c = 0; c < 3; ++c)
            for (int64_t y = 0; y < side; ++y)
              for (int64_t x = 0; x < side; ++x) {
                // The nearest pixel; the quadrant of 8 x 8 comes up to the 4 x 4 of the map by every second.
                const double by =
                    rebuilt[n][c][y][x].item<double>() - picture[n][c][y * step][x * step].item<double>();
                sum += distance == "l1" ? std::abs(by) : by * by;
              }
        return sum / static_cast<double>(3 * side * side * (over == "mean" ? 2 : 1));
      };
      CHECK(worker::find(terms, "whole").item<double>() == Approx(0.5 * literal("whole", image)));
      CHECK(worker::find(terms, "small").item<double>() == Approx(3.0 * literal("small", image)));
      // One of the quadrants, of map and picture alike.
      const at::Tensor map = loss.tensors["discriminator.real.map_part"];
      int found = 0;
      for (int64_t y = 0; y < 2; ++y)
        for (int64_t x = 0; x < 2; ++x) {
          const auto cut = [&](const at::Tensor& t) {
            const int64_t h = t.size(2) / 2;
            return t.slice(2, y * h, (y + 1) * h).slice(3, x * h, (x + 1) * h);
          };
          if (test::distance(loss.given.at("map_part"), cut(map)) > 0) continue;
          ++found;
          CHECK(worker::find(terms, "part").item<double>() == Approx(2.0 * literal("part", cut(image))));
        }
      CHECK(found == 1);
    }
}

TEST_CASE("reconstruction draws each quadrant, and leaves out what has no weight") {
  Rebuilding loss(json{{"whole", 0.0}, {"small", 0.0}});
  loss.tensors["real.augmented"] = quartered(16);
  loss.tensors["discriminator.real.map_part"] = quartered(16);
  std::set<double> seen;
  for (int64_t round = 0; round < 60; ++round) {
    const NamedTensors terms = loss.terms("discriminator", round);
    REQUIRE(terms.size() == 1);
    REQUIRE(loss.given.size() == 1);
    const double value = loss.given.at("map_part").mean().item<double>();
    CHECK(loss.given.at("map_part").std().item<double>() < 1e-12);
    seen.insert(value);
    CHECK(terms[0].second.item<double>() == Approx(value - std::tanh(value)));
  }
  CHECK(seen == std::set<double>{0, 1, 2, 3});
}

TEST_CASE("reconstruction's gradient is that of differences") {
  for (const std::string distance : {"l1", "l2"}) {
    Rebuilding loss(json{{"distance", distance}, {"part", 0.0}});
    for (const std::string name : {"whole", "small"}) {
      at::Tensor map = loss.tensors["discriminator.real.map_" + name].requires_grad_();
      const auto found = gradients(loss.total("discriminator"), {map});
      CHECK(finite_difference_error([&] { return loss.total("discriminator").item<double>(); }, map,
                                    found[0]) < 1e-6);
    }
  }
}

TEST_CASE("reconstruction's perceptual distance is LPIPS, and its style that of Gram matrices") {
  const auto file = reference();
  const std::string folder =
      std::filesystem::temp_directory_path() / ("saddle-lpips-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  train::write_safetensors(folder + "/vgg.safetensors", part_of(file, "lpips/vgg/"));
  train::write_safetensors(folder + "/lin.safetensors", part_of(file, "lpips/lin/"));
  const TestModel vgg("vgg16", "perceptual", {{"width", 2}, {"weights", folder + "/vgg.safetensors"}},
                      facts(32, 4));
  const auto get = [&](const std::string& name) { return file.tensors.at("lpips/" + name); };
  const int64_t n = get("a").size(0);
  for (const std::string what : {"distance", "plain", "gram"}) {
    CAPTURE(what);
    const bool style = what == "gram";
    Rebuilding loss(json{{"distance", style ? "l1" : "perceptual"},
                         {"lin", what == "distance" ? folder + "/lin.safetensors" : "none"},
                         {"style", style ? 1.0 : 0.0},
                         {"part", 0.0},
                         {"small", 0.0},
                         {"over", "sum"}});
    loss.buffers.clear();
    for (const auto& b : loss.loss.declared().buffers) loss.buffers.push_back(b.own);
    REQUIRE(loss.buffers.size() == (what == "distance" ? 5 : 0));
    const at::Tensor a = get("a").clone().requires_grad_();
    loss.tensors["real.augmented"] = get("b");
    loss.tensors["discriminator.real.map_whole"] = a;
    loss.model = [&](const NamedTensors& inputs) {
      const at::Tensor image = worker::find(inputs, "image");
      if (image.defined()) return vgg({{"image", image}});
      return NamedTensors{{"rebuilt_whole", worker::find(inputs, "map_whole")}};
    };
    const at::Tensor term = worker::find(loss.terms("discriminator"), style ? "style" : "whole");
    CHECK(term.item<double>() == Approx(get(what).sum().item<double>()).epsilon(1e-5));
    if (what == "distance") CHECK(relative_distance(gradients(term, {a})[0], get("gradient")) < 1e-5);
    REQUIRE(n == 2);
  }
  std::filesystem::remove_all(folder);
  CHECK_THAT(error_of([&] {
               Rebuilding(json{{"distance", "perceptual"}}, json{{"parameters.discriminator", 3}});
             }),
             Catch::Contains("add \"perceptual\": {\"use\": \"efficientnet_lite0\""));
}

TEST_CASE("hinge draws a margin for each logit below its own") {
  TestLoss loss("hinge", {{"margin", 1.0}, {"random_margin", 0.2}});
  at::manual_seed(1);
  const at::Tensor real = at::randn({50, 20}, at::kDouble), fake = at::randn({50, 20}, at::kDouble);
  loss.tensors = {{"discriminator.real.logit", real}, {"discriminator.fake.logit", fake}};
  at::manual_seed(9);
  const NamedTensors terms = loss.terms("discriminator");
  at::manual_seed(9);
  // u ~ U(0.8, 1): relu(u - D(x)), relu(u + D(G)).
  const at::Tensor u = 1 - 0.2 * at::rand_like(real), v = 1 - 0.2 * at::rand_like(fake);
  CHECK(worker::find(terms, "hinge_real").item<double>() == Approx((u - real).relu().mean().item<double>()));
  CHECK(worker::find(terms, "hinge_fake").item<double>() == Approx((v + fake).relu().mean().item<double>()));
  CHECK(u.min().item<double>() < 0.81);
  CHECK(worker::find(loss.terms("discriminator"), "hinge_real").item<double>() !=
        worker::find(terms, "hinge_real").item<double>());
}

TEST_CASE("the perceptual maps of efficientnet_lite0 are those that its features are made of") {
  const json random = {{"weights", "random"}};
  const TestModel features("efficientnet_lite0", "features", random, facts(32, 4)),
      maps("efficientnet_lite0", "perceptual", random, facts(32, 4));
  const auto of = [](const TestModel& net, const std::string& name) {
    const auto& buffers = net.model.declared().buffers;
    for (size_t i = 0; i < buffers.size(); ++i)
      if (buffers[i].name == name) return net.buffers[i];
    FAIL("no buffer " << name);
    return at::Tensor();
  };
  at::NoGradGuard no_grad;
  for (const auto& b : maps.model.declared().buffers) of(maps, b.name).copy_(of(features, b.name));
  const at::Tensor image = at::rand({2, 3, 32, 32}) * 2 - 1;
  const NamedTensors found = maps({{"image", image}}, false);
  const std::vector<std::vector<int64_t>> shapes = {
      {2, 16, 16, 16}, {2, 24, 8, 8}, {2, 40, 4, 4}, {2, 112, 2, 2}, {2, 320, 1, 1}};
  REQUIRE(found.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(found[i].second.sizes().vec() == shapes[i]);
  const at::Tensor head = at::batch_norm(at::conv2d(found[4].second, of(features, "_conv_head.weight")),
                                         of(features, "_bn1.weight"), of(features, "_bn1.bias"),
                                         of(features, "_bn1.running_mean"), of(features, "_bn1.running_var"),
                                         false, 0, 1e-3, false);
  const NamedTensors whole = features({{"image", image}}, false);
  CHECK(relative_distance(head.clamp(0, 6).mean({2, 3}), worker::find(whole, "features")) < 1e-5);
}
