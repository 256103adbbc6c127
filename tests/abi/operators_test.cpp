#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <saddle/ops.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <regex>
#include <sstream>

#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/operators.hpp>

using namespace saddle::worker;
using saddle::Tensor;

namespace {

// The SDK in this program, as a plugin has it.
struct Sdk {
  Sdk() {
    saddle::detail::host = &host_table();
    for (auto* slot : saddle::detail::operator_slots()) slot->handle = resolve_operator(slot->schema);
  }
  static Tensor wrap(const at::Tensor& t) { return Tensor::own(give(t)); }
  static at::Tensor unwrap(const Tensor& t) { return share(t.handle()); }
};

saddle_value tensor_value(const at::Tensor& t) {
  saddle_value v{SADDLE_TENSOR, 0, {}};
  v.as.tensor = lend(t);
  return v;
}

at::Tensor call1(const char* schema, std::vector<saddle_value> args) {
  saddle_value result;
  call_operator(*resolve_operator(schema), args.data(), static_cast<uint32_t>(args.size()), &result, 1);
  return take(result.as.tensor);
}

std::string failure(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& e) {
    return message_of(e);
  }
  return "";
}

}  // namespace

TEST_CASE("every operator of ops.hpp is known to this LibTorch") {
  std::ifstream file(OPS_HEADER);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::regex schema("schema = \"((?:[^\"\\\\]|\\\\.)*)\";");
  int count = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), schema), end; it != end; ++it, ++count) {
    const std::string plain = std::regex_replace((*it)[1].str(), std::regex("\\\\\""), "\"");
    CHECK_NOTHROW(resolve_operator(plain));
  }
  CHECK(count > 150);
}

TEST_CASE("wrappers give what ATen gives") {
  const Sdk sdk;
  const int64_t before = handle_count();
  {
    at::manual_seed(1);
    const at::Tensor x = at::randn({2, 3, 8, 8}), w = at::randn({5, 3, 3, 3}), b = at::randn({5});
    const Tensor X = Sdk::wrap(x), W = Sdk::wrap(w), B = Sdk::wrap(b);
    CHECK(at::equal(Sdk::unwrap(conv2d(X, W, B, {.stride = 2, .padding = 1})), at::conv2d(x, w, b, 2, 1)));
    CHECK(at::equal(Sdk::unwrap(conv2d(X, W, {}, {.stride = {2, 1}, .padding = {0, 1}})),
                    at::conv2d(x, w, {}, at::IntArrayRef{2, 1}, at::IntArrayRef{0, 1})));
    CHECK(at::equal(Sdk::unwrap(leaky_relu(X, 0.2)), at::leaky_relu(x, 0.2)));
    CHECK(at::equal(Sdk::unwrap(1.0 - X), 1.0 - x));
    CHECK(at::equal(Sdk::unwrap(2.0 / X), 2.0 / x));
    CHECK(at::equal(Sdk::unwrap(X * X + 3), x * x + 3));
    CHECK(at::equal(Sdk::unwrap(sum(X, {1, 2, 3})), x.sum({1, 2, 3})));
    CHECK(at::equal(Sdk::unwrap(mean(X, 1, true)), x.mean(1, true)));
    CHECK(at::equal(Sdk::unwrap(to(X, saddle::DType::float64)), x.to(at::kDouble)));
    const auto parts = split(X, 1, 1);
    REQUIRE(parts.size() == 3);
    CHECK(at::equal(Sdk::unwrap(cat(parts, 1)), x));
    const auto [values, indices] = max(X, 1);
    CHECK(at::equal(Sdk::unwrap(values), std::get<0>(at::max(x, 1))));
    CHECK(indices.dtype() == saddle::DType::int64);
    CHECK(X.size(-1) == 8);
    CHECK(sum(X).item() == Approx(x.sum().item<double>()));
    const std::vector<float> data = {1, 2, 3, 4};
    CHECK(at::equal(Sdk::unwrap(Tensor::from<float>(data, {2, 2})),
                    at::arange(1, 5).to(at::kFloat).view({2, 2})));
  }
  CHECK(handle_count() == before);
}

TEST_CASE("linear, which goes past the dispatcher, is LibTorch's, and autocast still has its say") {
  const Sdk sdk;
  at::manual_seed(2);
  const at::Tensor x = at::randn({4, 6}), deep = at::randn({2, 4, 6}), w = at::randn({3, 6}),
                   b = at::randn({3});
  const Tensor X = Sdk::wrap(x), D = Sdk::wrap(deep), W = Sdk::wrap(w), B = Sdk::wrap(b);
  CHECK(at::equal(Sdk::unwrap(linear(X, W, B)), at::linear(x, w, b)));
  CHECK(at::equal(Sdk::unwrap(linear(X, W)), at::linear(x, w)));
  CHECK(at::equal(Sdk::unwrap(linear(D, W, B)), at::linear(deep, w, b)));
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const saddle::DType type = linear(X, W, B).dtype();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  CHECK(type == saddle::DType::bfloat16);
}

TEST_CASE("gradients cross, of second order too") {
  const Sdk sdk;
  const at::Tensor x = at::tensor({0.5, -1.5, 2.0}, at::kDouble).requires_grad_(true);
  const Tensor X = Sdk::wrap(x);
  const Tensor first = grad(sum(X * X * X), X, /*create_graph=*/true);
  CHECK(at::allclose(Sdk::unwrap(first), 3 * x * x));
  CHECK(at::allclose(Sdk::unwrap(grad(sum(square(first)), X, false)), 36 * x * x * x));
  {
    const saddle::NoGrad none;
    CHECK_FALSE((X * X).requires_grad());
  }
  CHECK((X * X).requires_grad());
}

TEST_CASE("a host error reaches the plugin as an exception without a backtrace") {
  const Sdk sdk;
  const Tensor a = Sdk::wrap(at::ones({2, 3})), b = Sdk::wrap(at::ones({4, 5}));
  const std::string text = failure([&] { matmul(a, b); });
  CHECK(text.find("mat1 and mat2") != std::string::npos);
  CHECK(text.find("Exception raised from") == std::string::npos);
}

TEST_CASE("a wrong call is an error that names operator, argument and schema") {
  const char* relu = "aten::relu(Tensor self) -> Tensor";
  const at::Tensor x = at::ones({2});
  saddle_value text{SADDLE_STRING, 0, {}};
  text.as.string = "x";
  CHECK_THAT(failure([&] { call1(relu, {text}); }),
             Catch::Contains("aten::relu") && Catch::Contains("'self'") && Catch::Contains("string"));
  CHECK_THAT(failure([&] {
               call1(relu, {tensor_value(x), tensor_value(x)});
             }),
             Catch::Contains("2 arguments"));
  saddle_value null{SADDLE_TENSOR, 0, {}};
  CHECK_THAT(failure([&] { call1(relu, {null}); }), Catch::Contains("'self'"));
  saddle_value unknown{77, 0, {}};
  CHECK_THAT(failure([&] { call1(relu, {unknown}); }), Catch::Contains("unknown tag"));
}

TEST_CASE("an integer is taken where a double is due") {
  saddle_value p{SADDLE_INT, 0, {}}, train{SADDLE_BOOL, 0, {}};
  const at::Tensor x = at::ones({8});
  CHECK(at::equal(
      call1("aten::dropout(Tensor input, float p, bool train) -> Tensor", {tensor_value(x), p, train}), x));
}

TEST_CASE("older and newer schemas of an operator") {
  SECTION("a plugin that knows fewer arguments gets LibTorch's defaults for the rest") {
    const at::Tensor x = at::randn({1, 2, 5, 5}), w = at::randn({3, 2, 3, 3});
    saddle_value none{SADDLE_NONE, 0, {}};
    CHECK(at::equal(call1("aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
                          {tensor_value(x), tensor_value(w), none}),
                    at::conv2d(x, w)));
  }
  SECTION("a plugin that knows more may only give the default") {
    const char* newer = "aten::relu(Tensor self, *, bool sharp=False) -> Tensor";
    const at::Tensor x = at::randn({4});
    saddle_value sharp{SADDLE_BOOL, 0, {}};
    CHECK(at::equal(call1(newer, {tensor_value(x), sharp}), at::relu(x)));
    sharp.as.i = 1;
    CHECK_THAT(failure([&] { call1(newer, {tensor_value(x), sharp}); }), Catch::Contains("default"));
  }
  SECTION("an operator that is not there, or that takes other arguments, is refused by name") {
    CHECK_THAT(failure([] { resolve_operator("aten::relu9(Tensor self) -> Tensor"); }),
               Catch::Contains("aten::relu9"));
    CHECK_THAT(failure([] { resolve_operator("aten::relu(Tensor self, int n) -> Tensor"); }),
               Catch::Contains("the plugin calls") && Catch::Contains("LibTorch has"));
    CHECK_THAT(failure([] { resolve_operator("relu of x"); }), Catch::Contains("not an operator schema"));
  }
}
