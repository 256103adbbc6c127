#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <functional>
#include <limits>

#include <bridge/shapes_only.hpp>

#include <game/prove.hpp>

#include "trial_fixture.hpp"

using saddle::test::entry;
using saddle::test::json;
using saddle::test::trial_json;

namespace {
json prove(const json& trial) {
  return saddle::worker::prove({{"id", 7}, {"config", trial["config"]}, {"plugins", trial["plugins"]}});
}
}  // namespace

TEST_CASE("a good config is proved with counts and shapes") {
  const json answer = prove(trial_json());
  REQUIRE(answer["ok"].get<bool>());
  CHECK(answer["id"] == 7);
  CHECK(answer["models"]["generator"]["parameter_count"].get<int>() > 0);
  CHECK(answer["models"]["generator"]["outputs"]["image"] == json{2, 2});
}

TEST_CASE("what cannot work is told with its place") {
  json t = trial_json();
  SECTION("a model that does not fit the data") {
    t["config"]["models"]["generator"] =
        entry(t, "model", "dcgan", {{"role", "generator"}, {"init", "default"}, {"norm", "default"}});
    const json answer = prove(t);
    CHECK_FALSE(answer["ok"].get<bool>());
    CHECK(answer["pointer"] == "/models/generator");
  }
  SECTION("a feature that no model has") {
    t["config"]["metrics"] = {
        entry(t, "metric", "frechet",
              {{"every", 0}, {"samples", 8}, {"features", "discriminator.depth"}, {"weights", "raw"}})};
    const json answer = prove(t);
    CHECK(answer["pointer"] == "/metrics/0/features");
    CHECK_THAT(answer["message"].get<std::string>(), Catch::Contains("depth"));
  }
  SECTION("a player without a loss") {
    t["config"]["losses"] = {entry(t, "loss", "r1", {{"weight", 1.0}})};
    const json answer = prove(t);
    CHECK(answer["pointer"] == "/losses");
    CHECK_THAT(answer["message"].get<std::string>(), Catch::Contains("generator"));
  }
  SECTION("a transform for other data") {
    t["config"]["train"]["augment"] = {entry(t, "transform", "flip")};
    CHECK(prove(t)["pointer"] == "/train/augment/0");
  }
}

TEST_CASE("in a proof convolutions and large products have the shapes, types and refusals of whole ones") {
  namespace worker = saddle::worker;
  const auto both = [](const std::function<at::Tensor()>& compute) {
    const at::Tensor whole = compute();
    const worker::ShapesOnly quick;
    const at::Tensor some = compute();
    CHECK(some.sizes() == whole.sizes());
    CHECK(some.strides() == whole.strides());
    CHECK(some.scalar_type() == whole.scalar_type());
    CHECK(some.requires_grad());
    CHECK(some.isfinite().all().item<bool>());
  };
  const int64_t kernel = GENERATE(1, 3, 4), stride = GENERATE(1, 2), padding = GENERATE(0, 1, 2);
  const int64_t dilation = GENERATE(1, 2);
  const at::Tensor x = at::randn({2, 4, 9, 7}), w = at::randn({6, 2, kernel, kernel}).requires_grad_(),
                   t = at::randn({4, 3, kernel, kernel}).requires_grad_(), b = at::randn({6});
  const std::vector<int64_t> s(2, stride), p(2, padding), d(2, dilation), o(2, stride - 1);
  for (const auto& input : {x, x.contiguous(at::MemoryFormat::ChannelsLast)}) {
    both([&] { return worker::conv2d(input, w, b, s, p, d, 2); });
    if (dilation * (kernel - 1) + stride > 2 * padding)
      both([&] { return worker::conv_transpose2d(input, t, {}, s, p, o, 2, d); });
  }
  const worker::ShapesOnly quick;
  CHECK_THROWS_WITH(worker::conv2d(x, w, b, s, p, d, 1), Catch::Contains("to have 2 channels"));
  CHECK_THROWS_WITH(worker::conv2d(x.slice(2, 0, 1), at::randn({6, 2, 9, 9}), b, s, p, d, 2),
                    Catch::Contains("Kernel size can't be greater than actual input size"));
}

TEST_CASE("in a proof only large products are short") {
  namespace worker = saddle::worker;
  const worker::ShapesOnly quick;
  const at::Tensor a = at::randn({3, 4}), b = at::randn({4, 5});
  CHECK(at::equal(worker::mm(a, b), at::mm(a, b)));
  const at::Tensor large = at::randn({600, 600}), product = worker::matmul(large, large);
  CHECK(at::allclose(product[599], at::mv(large.t(), large[0]), 1e-3, 1e-3));
  CHECK_THROWS_WITH(worker::mm(large, at::randn({5, 600})), Catch::Contains("cannot be multiplied"));
  CHECK(worker::bmm(at::randn({2, 900, 400}), at::randn({2, 400, 500})).sizes() ==
        at::IntArrayRef({2, 900, 500}));
}

TEST_CASE("a large product that no gradient passes is as exact as float32 is, however its matrices lie") {
  namespace worker = saddle::worker;
  const at::Tensor a = at::randn({301, 517}), b = at::randn({517, 203});
  const at::Tensor exact = at::mm(a.to(at::kDouble), b.to(at::kDouble));
  const at::Tensor bound = 517 * std::numeric_limits<float>::epsilon() * at::mm(a.abs(), b.abs());
  const at::Tensor turned = b.t().contiguous().t(), strided = at::randn({602, 517}).slice(0, 0, 602, 2);
  for (const auto& right : {b, turned}) {
    const at::Tensor product = worker::mm(a, right);
    CHECK(product.is_contiguous());
    CHECK(((product - exact).abs() < bound).all().item<bool>());
    CHECK((product - exact).square().mean().sqrt().item<double>() < 2e-5);
  }
  CHECK(at::allclose(worker::mm(strided, b), at::mm(strided, b), 1e-4, 3e-4));
  const at::Tensor weight = at::randn({517, 203}).requires_grad_();
  CHECK(worker::mm(a, weight).requires_grad());
  const at::Tensor holed = a.clone();
  holed[7][3] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor rows = worker::mm(holed, b).isfinite().all(1);
  CHECK_FALSE(rows[7].item<bool>());
  CHECK(rows.sum().item<int64_t>() == 300);
}
