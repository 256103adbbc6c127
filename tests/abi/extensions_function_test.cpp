#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <saddle/function.hpp>
#include <saddle/nn.hpp>

#include <catch2/catch.hpp>

#include "in_process.hpp"

using namespace saddle;
using namespace saddle::test;

namespace {

// How many of a function's data are alive, and how many ever were.
struct Counted {
  inline static int alive = 0, made = 0;
  Counted() { ++alive, ++made; }
  Counted(const Counted&) { ++alive, ++made; }
  Counted(Counted&&) noexcept { ++alive; }
  ~Counted() { --alive; }
};

// w x sigmoid(x); its backward is written out.
struct Swish {
  Counted counted;
  Tensor forward(const Tensor& x, const Tensor& w) const { return w * x * sigmoid(x); }
  std::array<Tensor, 2> backward(const Saved& s) const {
    const Tensor &x = s.inputs[0], &w = s.inputs[1], &g = s.gradients[0];
    const Tensor sx = sigmoid(x);
    return {g * w * (sx + x * sx * (1.0 - sx)), g * x * sx};
  }
};
at::Tensor swish(const at::Tensor& x, const at::Tensor& w) { return w * x * at::sigmoid(x); }

// Length and product.
struct Both {
  std::array<Tensor, 2> forward(const Tensor& x, const Tensor& y) const {
    return {sqrt(x * x + y * y), x * y};
  }
  std::array<Tensor, 2> backward(const Saved& s) const {
    const Tensor &x = s.inputs[0], &y = s.inputs[1], &length = s.outputs[0];
    std::array<Tensor, 2> g;
    if (const Tensor& by_length = s.gradients[0]) g = {by_length * x / length, by_length * y / length};
    if (const Tensor& by_product = s.gradients[1]) {
      g[0] = g[0] ? g[0] + by_product * y : by_product * y;
      g[1] = g[1] ? g[1] + by_product * x : by_product * x;
    }
    return g;
  }
};

enum class Fault { none, forward, backward, shape };
struct Faulty {
  Counted counted;
  Fault fault;
  Tensor forward(const Tensor& x) const {
    if (fault == Fault::forward) throw Error("forward is out of order");
    return x * 2.0;
  }
  Tensor backward(const Saved& s) const {
    if (fault == Fault::backward) throw Error("backward is out of order");
    return fault == Fault::shape ? sum(s.gradients[0]) : s.gradients[0] * 2.0;
  }
};

at::Tensor leaf(at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
  return at::randn(sizes, type).requires_grad_(true);
}
std::vector<at::Tensor> gradients(const at::Tensor& y, const std::vector<at::Tensor>& x, bool again = false) {
  return torch::autograd::grad({y.sum()}, x, {}, /*retain_graph=*/true, again, /*allow_unused=*/true);
}

}  // namespace

TEST_CASE("a function of the plugin's own has the gradients of its formula, twice") {
  const Sdk sdk;
  const NoLeak leak;
  at::manual_seed(1);
  const at::Tensor x = leaf({3, 4}, at::kDouble), w = leaf({3, 4}, at::kDouble);
  {
    const at::Tensor ours = unwrap(apply(Swish{}, wrap(x), wrap(w))), theirs = swish(x, w);
    CHECK(at::equal(ours, theirs));
    const auto a = gradients(ours, {x, w}, true), b = gradients(theirs, {x, w}, true);
    for (size_t i = 0; i < 2; ++i) CHECK(at::allclose(a[i], b[i], 1e-12, 1e-12));
    // The gradient penalty's way: differentiate a function of the gradients.
    const auto aa = gradients(a[0].square() + a[1], {x, w}), bb = gradients(b[0].square() + b[1], {x, w});
    for (size_t i = 0; i < 2; ++i) CHECK(at::allclose(aa[i], bb[i], 1e-11, 1e-11));
  }
  CHECK(leak.holds());
  CHECK(Counted::alive == 0);
}

TEST_CASE("a function's gradient agrees with finite differences") {
  const Sdk sdk;
  at::manual_seed(2);
  const at::Tensor x = leaf({6}, at::kDouble), y = leaf({6}, at::kDouble),
                   weight = at::randn({6}, at::kDouble);
  const auto value = [&](const at::Tensor& a, const at::Tensor& b) {
    const auto [length, product] = apply(Both{}, wrap(a), wrap(b));
    return (unwrap(length) * weight + unwrap(product) * weight.square()).sum();
  };
  const auto found = torch::autograd::grad({value(x, y)}, {x, y});
  const double h = 1e-6;
  for (int64_t i = 0; i < 6; ++i) {
    at::Tensor step = at::zeros({6}, at::kDouble);
    step[i] = h;
    const at::NoGradGuard no_grad;
    CHECK(found[0][i].item<double>() ==
          Approx((value(x + step, y) - value(x - step, y)).item<double>() / (2 * h)).epsilon(1e-6));
    CHECK(found[1][i].item<double>() ==
          Approx((value(x, y + step) - value(x, y - step)).item<double>() / (2 * h)).epsilon(1e-6));
  }
}

TEST_CASE("an output that nothing depends on has an empty gradient, an empty gradient is zero") {
  const Sdk sdk;
  const NoLeak leak;
  const at::Tensor x = leaf({4}), y = leaf({4});
  {
    const auto [length, product] = apply(Both{}, wrap(x), wrap(y));
    CHECK(at::allclose(gradients(unwrap(length), {x})[0], x / (x * x + y * y).sqrt()));
    struct Dropped {
      Tensor forward(const Tensor& a, const Tensor& b) const { return a + b; }
      std::array<Tensor, 2> backward(const Saved& s) const { return {s.gradients[0], Tensor()}; }
    };
    const auto g = gradients(unwrap(apply(Dropped{}, wrap(x), wrap(y))), {x, y});
    CHECK(at::equal(g[0], at::ones({4})));
    CHECK((!g[1].defined() || at::equal(g[1], at::zeros({4}))));
  }
  CHECK(leak.holds());
}

TEST_CASE("an identity function is told apart from its input") {
  const Sdk sdk;
  struct Reverse {
    Tensor forward(const Tensor& x) const { return x; }
    Tensor backward(const Saved& s) const { return -s.gradients[0]; }
  };
  const at::Tensor x = leaf({3});
  CHECK(at::equal(gradients(unwrap(apply(Reverse{}, wrap(x))), {x})[0], -at::ones({3})));
  CHECK(at::equal(gradients(x * 1, {x})[0], at::ones({3})));
}

TEST_CASE("what goes wrong in a function is told, and its data destroyed once") {
  const Sdk sdk;
  const NoLeak leak;
  Counted::alive = 0;
  {
    const at::Tensor x = leaf({3});
    CHECK_THROWS_WITH(apply(Faulty{{}, Fault::forward}, wrap(x)), Catch::Equals("forward is out of order"));
    CHECK(Counted::alive == 0);
    const at::Tensor b = unwrap(apply(Faulty{{}, Fault::backward}, wrap(x)));
    CHECK_THROWS_WITH(gradients(b, {x}), Catch::Equals("backward is out of order"));
    const at::Tensor s = unwrap(apply(Faulty{{}, Fault::shape}, wrap(x)));
    CHECK_THROWS_WITH(gradients(s, {x}),
                      Catch::Contains("gradient of shape []") && Catch::Contains("the input has [3]"));
    CHECK(Counted::alive == 2);
    CHECK_THROWS_WITH(apply(Faulty{{}, Fault::none}, Tensor()),
                      Catch::Contains("input 0") && Catch::Contains("null"));
    CHECK(Counted::alive == 2);
    // Without a graph nothing is kept.
    const at::NoGradGuard no_grad;
    CHECK(at::equal(unwrap(apply(Faulty{{}, Fault::none}, wrap(x))), x * 2));
    CHECK(Counted::alive == 2);
  }
  CHECK(Counted::alive == 0);
  CHECK(leak.holds());
}

TEST_CASE("a table that is no function destroys its data, too") {
  const Sdk sdk;
  static int destroyed = 0;
  const auto* extension = static_cast<const saddle_function_extension*>(
      worker::host_table().extension(SADDLE_EXTENSION_FUNCTION));
  REQUIRE(extension);
  saddle_function f{};
  f.struct_size = sizeof f;
  f.output_count = 1;
  f.destroy = [](void*) { ++destroyed; };
  saddle_tensor* result = nullptr;
  CHECK(extension->apply(&f, nullptr, nullptr, 0, &result) == SADDLE_ERROR);
  CHECK(destroyed == 1);
  CHECK(std::string(worker::host_table().last_error()) == "a function without a forward");
  // An output left null.
  f.forward = [](void*, saddle_tensor* const*, uint32_t, saddle_tensor**) -> saddle_status {
    return SADDLE_OK;
  };
  CHECK(extension->apply(&f, nullptr, nullptr, 0, &result) == SADDLE_ERROR);
  CHECK(destroyed == 2);
  CHECK_THAT(worker::host_table().last_error(), Catch::Contains("left output 0 of 1 null"));
}

TEST_CASE("a checkpointed segment has the bits of the plain one, dropout included") {
  const Sdk sdk;
  const NoLeak leak;
  at::manual_seed(3);
  const at::Tensor x = leaf({8, 16}), w = leaf({16, 16});
  int runs = 0;
  const auto body = [&runs](const Tensor& a, const Tensor& b) {
    ++runs;
    return dropout(relu(matmul(a, b)), 0.5, true) * rand({8, 16});
  };
  for (const bool twice : {false, true}) {
    at::manual_seed(4);
    const at::Tensor plain = unwrap(body(wrap(x), wrap(w)));
    const at::Tensor after_plain = at::rand({4});
    const auto expected = gradients(plain, {x, w});
    runs = 0;
    at::manual_seed(4);
    at::Tensor ours = unwrap(checkpointed(body, wrap(x), wrap(w)));
    CHECK(runs == 1);
    CHECK(at::equal(ours, plain));
    // The backward pass draws nothing from the stream that goes on.
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
    const at::Tensor state = generator.get_state();
    CHECK(at::equal(at::rand({4}), after_plain));
    generator.set_state(state);
    const auto found = gradients(ours, {x, w});
    CHECK(runs == 2);
    CHECK(at::equal(found[0], expected[0]));
    CHECK(at::equal(found[1], expected[1]));
    CHECK(at::equal(at::rand({4}), after_plain));
    if (twice) {
      CHECK(at::equal(gradients(ours, {x, w})[1], expected[1]));
      CHECK(runs == 3);
    }
  }
  CHECK(leak.holds());
}

TEST_CASE("segments lie within segments, and functions within segments") {
  const Sdk sdk;
  const NoLeak leak;
  at::manual_seed(5);
  const at::Tensor x = leaf({5}, at::kDouble), w = leaf({5}, at::kDouble);
  {
    const auto inner = [](const Tensor& a, const Tensor& b) { return tanh(apply(Swish{}, a, b)); };
    const auto outer = [inner](const Tensor& a, const Tensor& b) {
      return checkpointed(inner, checkpointed(inner, a, b), b);
    };
    const at::Tensor ours = unwrap(checkpointed(outer, wrap(x), wrap(w)));
    const at::Tensor theirs = at::tanh(swish(at::tanh(swish(x, w)), w));
    CHECK(at::allclose(ours, theirs));
    const auto a = gradients(ours, {x, w}), b = gradients(theirs, {x, w});
    for (size_t i = 0; i < 2; ++i) CHECK(at::allclose(a[i], b[i], 1e-12, 1e-12));
  }
  CHECK(leak.holds());
}

TEST_CASE("a segment says what it cannot do") {
  const Sdk sdk;
  const NoLeak leak;
  {
    const at::Tensor x = leaf({4}), w = leaf({4}), constant = at::ones({4});
    const Tensor hidden = wrap(w);
    const auto uses_hidden = [hidden](const Tensor& a) { return a * hidden; };
    const at::Tensor y = unwrap(checkpointed(uses_hidden, wrap(x)));
    CHECK_THROWS_WITH(gradients(y, {x}), Catch::Contains("not among its inputs"));
    CHECK_THROWS_WITH(checkpointed(uses_hidden, wrap(constant)), Catch::Contains("not among its inputs"));
    const at::Tensor z = unwrap(checkpointed([](const Tensor& a) { return a * a; }, wrap(x)));
    CHECK_THROWS_WITH(gradients(z, {x}, /*again=*/true), Catch::Contains("cannot be differentiated twice"));
    CHECK_THROWS_WITH(checkpointed([](const Tensor&) -> Tensor { throw Error("no"); }, wrap(x)),
                      Catch::Equals("no"));
  }
  CHECK(leak.holds());
}

TEST_CASE("a segment of a model takes its layers' weights from the call it is given") {
  const Sdk sdk;
  const NoLeak leak;
  at::manual_seed(6);
  {
    const at::Tensor x = at::randn({3, 4});
    const std::vector<at::Tensor> weights = {leaf({4, 4}), leaf({4, 4})};
    const std::vector<at::Tensor> buffers = {at::full({4}, 2.0)};
    const saddle_call c{sizeof c,
                        1,
                        nullptr,
                        reinterpret_cast<saddle_tensor* const*>(weights.data()),
                        reinterpret_cast<saddle_tensor* const*>(buffers.data()),
                        nullptr,
                        nullptr,
                        2,
                        1,
                        nullptr};
    const Call call(&c);
    const ParamId first{0};
    const BufferId scale{0};
    const auto block = [=](const Call& inside, const Tensor& a) {
      if (!inside.training()) throw Error("training is lost");
      return relu(linear(a, inside[first])) * inside[scale];
    };
    const at::Tensor plain = unwrap(block(call, wrap(x))), ours = unwrap(checkpointed(call, block, wrap(x)));
    CHECK(at::equal(ours, plain));
    // Weights of other layers take no part.
    const auto a = gradients(ours, weights), b = gradients(plain, weights);
    CHECK(at::equal(a[0], b[0]));
    CHECK_FALSE(a[1].defined());
    CHECK_THROWS_WITH(checkpointed(
                          call, [](const Call& inside, const Tensor&) { return inside.input("z"); }, wrap(x)),
                      Catch::Contains("no input 'z'"));
  }
  CHECK(leak.holds());
}

TEST_CASE("a segment under autocast runs again in the same precision, and leaves no cast behind") {
  const Sdk sdk;
  at::manual_seed(7);
  const at::Tensor x = leaf({8, 8}), w = leaf({8, 8});
  const auto pass = [&](bool segment) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
    const auto body = [](const Tensor& a, const Tensor& b) { return matmul(a, b); };
    const Tensor first = segment ? checkpointed(body, wrap(x), wrap(w)) : body(wrap(x), wrap(w));
    // The same weight once more, outside.
    const at::Tensor y = unwrap(matmul(tanh(first), wrap(w)));
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    return y;
  };
  const at::Tensor plain = pass(false), ours = pass(true);
  CHECK(ours.scalar_type() == at::kBFloat16);
  CHECK(at::equal(ours, plain));
  const auto a = gradients(ours, {x, w}), b = gradients(plain, {x, w});
  CHECK(at::equal(a[0], b[0]));
  // Summed in another order: both casts of w have a gradient of their own.
  CHECK(at::allclose(a[1], b[1], 2e-2, 2e-2));
  CHECK_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  CHECK(at::autocast::is_autocast_cache_enabled());
}
