// What Salimans et al. 2016 and Salimans and Kingma 2016 ask of layers: virtual batch norm, minibatch layers,
// weights that start from data. What the layers compute is held against PyTorch in models_reference.cpp.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

json facts_of(const std::vector<int64_t>& sample, json more = json::object()) {
  json facts = {{"sample_shape", sample}, {"latent_size", 5}, {"batch", 4}};
  facts.update(more);
  return facts;
}

at::Tensor randn(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

void first_pass(const TestModel& m, const at::Tensor& input) {
  const at::NoGradGuard no_grad;
  m.model.first_pass(m.parameters, m.buffers, {{m.model.inputs().front(), input}},
                     [&](size_t i, const at::Tensor& weight) { m.parameters[i].copy_(weight); });
}

at::Tensor parameter(const TestModel& m, const std::string& name) { return m.parameters[m.set.index(name)]; }

// Of each channel, the second dimension.
void check_standard(const at::Tensor& y, double deviation = 1) {
  const at::Tensor rows = y.transpose(0, 1).flatten(1) / deviation;
  CHECK(rows.mean(1).abs().max().item<double>() < 1e-6);  // statistics of batch norms are float32
  CHECK(distance(rows.var(1, /*unbiased=*/false), at::ones({rows.size(0)}, at::kDouble)) < 1e-5);
}

// By each parameter and the input, of the sum of the outputs' squares.
void check_gradients(const TestModel& m, const at::Tensor& x) {
  const auto f = [&] {
    at::Tensor squares = at::zeros({}, at::kDouble);
    for (const auto& [name, value] : m(x)) squares = squares + value.square().sum();
    return squares;
  };
  std::vector<at::Tensor> sources = {x};
  sources.insert(sources.end(), m.parameters.begin(), m.parameters.end());
  const auto found = gradients(f(), sources);
  double size = 1;
  for (const at::Tensor& gradient : found) size = std::max(size, gradient.abs().max().item<double>());
  for (size_t i = 0; i < sources.size(); ++i)
    CHECK(finite_difference_error([&] { return f().item<double>(); }, sources[i], found[i]) < 1e-5 * size);
}

}  // namespace

TEST_CASE("under virtual batch norm a sample does not depend on its batch") {
  at::manual_seed(1);
  for (const auto& [model, role, sample] :
       std::vector<std::tuple<std::string, std::string, std::vector<int64_t>>>{
           {"dcgan", "generator", {1, 8, 8}},
           {"dcgan", "discriminator", {1, 8, 8}},
           {"mlp", "generator", {2}},
           {"mlp", "discriminator", {1, 3, 3}}}) {
    INFO(model << " as " << role);
    std::vector<int64_t> shape = role == "generator" ? std::vector<int64_t>{5} : sample;
    shape.insert(shape.begin(), 4);
    const at::Tensor first = randn(shape), x = randn(shape);
    const auto apart = [&](const json& option) {
      json config = {{"width", 4}};
      config.update(option);
      const TestModel m(model, role, config, facts_of(sample), at::kDouble);
      if (m.model.declared().first_pass) first_pass(m, first);
      const std::string output = role == "generator" ? "image" : "logit";
      const at::Tensor together = worker::find(m(x), output),
                       alone = worker::find(m(x.slice(0, 2, 4)), output);
      return distance(together.slice(0, 2, 4), alone);
    };
    CHECK(apart({{"virtual_batch_norm", true}}) < 1e-12);
    CHECK(apart({{"batch_norm", true}}) > 1e-6);
  }
}

TEST_CASE("virtual batch norm keeps the first batch as its reference, and gradients go through it") {
  at::manual_seed(2);
  const TestModel m("dcgan", "generator", {{"width", 1}, {"virtual_batch_norm", true}, {"slope", 0.3}},
                    facts_of({1, 8, 8}), at::kDouble);
  REQUIRE(m.buffers.size() == 1);
  CHECK(m.model.declared().buffers[0].name == "reference");
  const at::Tensor first = randn({4, 5});
  first_pass(m, first);
  CHECK(at::equal(m.buffers[0], first));
  const at::Tensor z = randn({2, 5}).requires_grad_();
  check_gradients(m, z);
  CHECK(at::equal(m.buffers[0], first));
}

TEST_CASE("minibatch layers have the gradients of their values") {
  at::manual_seed(3);
  for (const std::string how : {"discrimination", "stddev"}) {
    INFO(how);
    const TestModel m("mlp", "discriminator",
                      {{"width", 4},
                       {"depth", 1},
                       {"activation", "leaky_relu"},
                       {"minibatch", how},
                       {"minibatch_kernels", 3},
                       {"minibatch_size", 2}},
                      facts_of({2}), at::kDouble);
    check_gradients(m, randn({5, 2}).requires_grad_());
  }
}

TEST_CASE("minibatch layers tell a collapsed batch, and take real and fake apart in a joint pass") {
  at::manual_seed(4);
  for (const std::string how : {"discrimination", "stddev"}) {
    INFO(how);
    const json config = {{"width", 4}, {"minibatch", how}};
    const TestModel m("dcgan", "discriminator", config, facts_of({1, 8, 8}, {{"pass", "separate"}}),
                      at::kDouble);
    const TestModel joint("dcgan", "discriminator", config, facts_of({1, 8, 8}, {{"pass", "joint"}}),
                          at::kDouble);
    const auto logit = [](const TestModel& model, const at::Tensor& x, bool training) {
      return worker::find(model(x, training), "logit");
    };
    const at::Tensor real = randn({4, 1, 8, 8}), fake = real.slice(0, 0, 1).expand({4, 1, 8, 8}).contiguous();
    // Without batch statistics, which the evaluation's are, the first of both batches differs by its company
    // alone.
    CHECK(distance(logit(m, real, false)[0], logit(m, fake, false)[0]) > 1e-3);
    // In training the batch norms see the joint batch: only of these layers are the halves apart.
    const json plain = {{"width", 4}, {"minibatch", how}, {"batch_norm", false}};
    const TestModel a("dcgan", "discriminator", plain, facts_of({1, 8, 8}, {{"pass", "separate"}}),
                      at::kDouble);
    const TestModel b("dcgan", "discriminator", plain, facts_of({1, 8, 8}, {{"pass", "joint"}}), at::kDouble);
    const at::Tensor both = at::cat({real, fake});
    const at::Tensor apart = at::cat({logit(a, real, true), logit(a, fake, true)});
    CHECK(distance(logit(b, both, true), apart) < 1e-12);
    CHECK(distance(logit(a, both, true), apart) > 1e-6);
  }
  CHECK_THAT(error_of([] {
               TestModel("mlp", "generator", {{"minibatch", "stddev"}}, facts_of({2}));
             }),
             Catch::Contains("'minibatch' is the discriminator's"));
}

TEST_CASE("weights that start from data give the first batch with mean 0 and variance 1") {
  at::manual_seed(5);
  const json data = {{"data_init", true}};
  SECTION("linear layers") {
    const TestModel m("mlp", "discriminator", {{"width", 6}, {"depth", 2}}, facts_of({3}, data), at::kDouble);
    REQUIRE(m.model.declared().first_pass);
    const at::Tensor x = randn({40, 3}) * 7 + 2;
    first_pass(m, x);
    const at::Tensor h0 = at::linear(x, parameter(m, "layer0.weight"), parameter(m, "layer0.bias"));
    const at::Tensor h1 = at::linear(h0.relu(), parameter(m, "layer1.weight"), parameter(m, "layer1.bias"));
    check_standard(h0);
    check_standard(h1);
    check_standard(worker::find(m(x), "logit"));
  }
  SECTION("convolutions") {
    const TestModel m("dcgan", "discriminator", {{"width", 3}, {"batch_norm", false}},
                      facts_of({2, 8, 8}, data), at::kDouble);
    const at::Tensor x = randn({20, 2, 8, 8}) * 3 - 1;
    first_pass(m, x);
    const at::Tensor h0 = at::conv2d(x, parameter(m, "conv0.weight"), parameter(m, "conv0.bias"), 1, 1);
    check_standard(h0);
    check_standard(at::conv2d(h0.relu(), parameter(m, "down0.weight"), parameter(m, "down0.bias"), 2, 1));
    check_standard(worker::find(m(x), "logit"));
  }
  SECTION("transposed convolutions") {
    const TestModel m("dcgan", "generator", {{"width", 3}, {"batch_norm", false}}, facts_of({2, 8, 8}, data),
                      at::kDouble);
    const at::Tensor z = randn({20, 5});
    first_pass(m, z);
    const at::Tensor h = at::linear(z, parameter(m, "project.weight"), parameter(m, "project.bias"));
    check_standard(h);
    check_standard(at::conv_transpose2d(h.view({20, 6, 4, 4}), parameter(m, "up0.weight"),
                                        parameter(m, "up0.bias"), 2, 1));
    check_standard(worker::find(m(z), "image").atanh());
  }
  SECTION("the last layer of improved_gan, to another deviation") {
    for (const std::string form : {"mlp", "conv"}) {
      INFO(form);
      const json config = {{"form", form}, {"width", 8}, {"output_start", 0.1}};
      json without_noise = config;
      without_noise.update({{"input_noise", 0}, {"noise", 0}, {"input_dropout", 0}, {"dropout", 0}});
      json facts = data;
      facts["classes"] = 3;
      const TestModel d("improved_gan", "discriminator", without_noise, facts_of({1, 8, 8}, facts),
                        at::kDouble);
      const at::Tensor x = randn({30, 1, 8, 8}) * 4;
      first_pass(d, x);
      check_standard(worker::find(d(x), "logits"), 0.1);
      CHECK_THAT(error_of([&] {
                   TestModel("improved_gan", "generator", config, facts_of({1, 8, 8}));
                 }),
                 Catch::Contains("set init to data"));
    }
    const TestModel g("improved_gan", "generator", {{"form", "conv"}, {"width", 4}, {"output_start", 0.1}},
                      facts_of({1, 8, 8}, data), at::kDouble);
    const at::Tensor z = randn({30, 5});
    first_pass(g, z);
    // The layers before it start with variance 1, too, as their batch norms will have them.
    check_standard(worker::find(g(z), "image").atanh(), 0.1);
  }
}

TEST_CASE("noise and dropout of improved_gan are for training only") {
  at::manual_seed(6);
  for (const std::string form : {"mlp", "conv"}) {
    const TestModel m("improved_gan", "discriminator", {{"form", form}, {"width", 8}},
                      facts_of({1, 8, 8}, {{"classes", 3}}));
    const at::Tensor x = at::randn({3, 1, 8, 8});
    CHECK(at::equal(worker::find(m(x, false), "logits"), worker::find(m(x, false), "logits")));
    CHECK_FALSE(at::equal(worker::find(m(x, true), "logits"), worker::find(m(x, true), "logits")));
  }
  CHECK_THAT(error_of([] {
               TestModel("improved_gan", "discriminator", json::object(), facts_of({2}, {{"classes", 0}}));
             }),
             Catch::Contains("it needs a data set with classes"));
  CHECK_THAT(error_of([] {
               TestModel("improved_gan", "generator", {{"form", "conv"}}, facts_of({2}));
             }),
             Catch::Contains("needs square pictures"));
}
