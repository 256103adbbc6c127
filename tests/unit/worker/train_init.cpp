#include "train_support.hpp"

#include "common/error.hpp"

using namespace saddle::train;
using namespace saddle::train::test;
using saddle::Error;

TEST_CASE("fan-in and fan-out follow the layout", "[train][init]") {
  CHECK(fans({5, 3}, Layout::linear) == std::pair<int64_t, int64_t>(3, 5));
  CHECK(fans({8, 3, 2, 5}, Layout::conv) == std::pair<int64_t, int64_t>(30, 80));
  CHECK(fans({8, 3, 2, 5}, Layout::conv_transpose) == std::pair<int64_t, int64_t>(80, 30));
  CHECK(fans({10, 4}, Layout::embedding) == std::pair<int64_t, int64_t>(4, 10));
  CHECK(fans({8, 3, 2}, Layout::other) == std::pair<int64_t, int64_t>(6, 16));
  CHECK_THROWS_WITH(fans({8}, Layout::linear), Catch::Contains("two or more dimensions"));
}

TEST_CASE("initialisers have their distribution's moments and bounds", "[train][init]") {
  // 64 x 32 x 5 x 5 = 51,200 values: the mean is known to std / 226, the deviation to 0.4 %.
  const std::vector<int64_t> shape{64, 32, 5, 5};
  const double in = 32 * 25, out = 64 * 25;
  struct Expected {
    Init init;
    double mean, std, bound;
  };
  const double xavier = 1.5 * std::sqrt(2 / (in + out)), he = std::sqrt(2 / in), inf = INFINITY;
  const Expected cases[] = {
      {Init::zeros(), 0, 0, 0},
      {Init::ones(), 1, 0, 1},
      {Init::constant(-0.25), -0.25, 0, 0.25},
      {Init::normal(0.5, 0.02), 0.5, 0.02, inf},
      {Init::uniform(-1, 3), 1, 4 / std::sqrt(12.0), 3},
      {Init::xavier_uniform(1.5), 0, xavier, std::sqrt(3.0) * xavier},
      {Init::xavier_normal(1.5), 0, xavier, inf},
      {Init::he_uniform(), 0, he, std::sqrt(3.0) * he},
      {Init::he_normal(), 0, he, inf},
  };
  for (const Expected& e : cases) {
    INFO(to_string(e.init));
    const at::Tensor w = initialise(shape, Layout::conv, e.init, at::kFloat, generator()).to(at::kDouble);
    CHECK(w.mean().item<double>() == Approx(e.mean).margin(0.02 * e.std + 1e-7));
    CHECK(w.std().item<double>() == Approx(e.std).epsilon(0.02).margin(1e-7));
    CHECK(w.abs().max().item<double>() <= e.bound * (1 + 1e-6));
    // A bounded distribution reaches nearly to its bound.
    if (std::isfinite(e.bound)) CHECK(w.abs().max().item<double>() >= e.bound * 0.999);
  }
}

TEST_CASE("a transposed convolution counts its true inputs", "[train][init]") {
  const auto std_of = [](Layout layout) {
    return initialise({16, 64, 4, 4}, layout, Init::he_normal(), at::kDouble, generator())
        .std()
        .item<double>();
  };
  CHECK(std_of(Layout::conv_transpose) == Approx(std::sqrt(2.0 / (16 * 16))).epsilon(0.02));
  CHECK(std_of(Layout::conv) == Approx(std::sqrt(2.0 / (64 * 16))).epsilon(0.02));
}

TEST_CASE("orthogonal weights have orthonormal rows or columns", "[train][init]") {
  const std::vector<Case> cases = {
      {"wide", Layout::linear, {4, 9}, false},
      {"tall", Layout::linear, {9, 4}, false},
      {"square", Layout::linear, {5, 5}, false},
      {"conv", Layout::conv, {8, 3, 2, 2}, false},
      {"tall conv", Layout::conv, {20, 3, 2, 2}, false},
      {"deconv", Layout::conv_transpose, {5, 7, 2, 2}, false},
      {"embedding", Layout::embedding, {10, 4}, false},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const at::Tensor w = initialise(c.shape, c.layout, Init::orthogonal(1.5), at::kDouble, generator());
    CHECK(w.sizes() == at::IntArrayRef(c.shape));
    const at::Tensor m = plain_matrix(w, c.layout);
    const at::Tensor gram = m.size(0) <= m.size(1) ? m.mm(m.t()) : m.t().mm(m);
    CHECK(difference(gram, 2.25 * at::eye(gram.size(0), at::kDouble)) < 1e-12);
  }
  // Uniform over orthogonal matrices: without R's signs the diagonal of Q leans to one side.
  double trace = 0;
  for (int seed = 0; seed < 400; ++seed)
    trace += initialise({3, 3}, Layout::linear, Init::orthogonal(), at::kDouble, generator(seed))
                 .trace()
                 .item<double>();
  CHECK(std::abs(trace / 400) < 0.2);  // the trace has mean 0 and variance 1: 4 standard errors
}

TEST_CASE("a seed gives the same weights in every memory format and under every norm", "[train][init]") {
  const std::vector<ParameterSpec> specs = {{"a", {4, 3, 3, 3}, Layout::conv, Init::he_normal()},
                                            {"b", {4}, Layout::other, Init::normal(0, 1)},
                                            {"c", {6, 4}, Layout::linear, Init::orthogonal()}};
  const auto make = [&](bool channels_last, std::optional<Norm> norm, uint64_t seed) {
    ParameterOptions options;
    options.channels_last = channels_last;
    options.norm = norm;
    return ParameterSet(specs, {}, generator(seed), options);
  };
  const ParameterSet plain = make(false, std::nullopt, 3);
  for (const auto& other : {make(false, std::nullopt, 3), make(true, std::nullopt, 3),
                            make(false, Norm::spectral, 3), make(true, Norm::weight, 3)})
    for (std::size_t i = 0; i < specs.size(); ++i)
      CHECK(same_bits(plain.parameters()[i].raw, other.parameters()[i].raw));
  const ParameterSet other_seed = make(false, std::nullopt, 4);
  CHECK_FALSE(same_bits(plain.parameters()[0].raw, other_seed.parameters()[0].raw));
  CHECK(make(true, std::nullopt, 3).parameters()[0].raw.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(plain.count() == 4 * 27 + 4 + 24);
  CHECK(make(true, Norm::weight, 3).count() == plain.count());
}

TEST_CASE("the host overrides init and norm of weights only", "[train][init]") {
  ParameterOptions options;
  options.init = init_from_name("zeros");
  options.norm = norm_from_name("none");
  const ParameterSet zeros({{"w", {2, 2}, Layout::linear, Init::ones(), Norm::spectral},
                            {"gain", {2}, Layout::other, Init::ones()}},
                           {}, generator(), options);
  CHECK(zeros.parameters()[0].raw.abs().sum().item<double>() == 0);
  CHECK(zeros.parameters()[0].spec.norm == Norm::none);
  CHECK(zeros.parameters()[1].raw.sum().item<double>() == 2);

  options.init = init_from_name("default");
  options.norm = norm_from_name("spectral");
  const ParameterSet spectral({{"w", {2, 2}, Layout::linear, Init::ones()},
                               {"table", {2, 2}, Layout::other, Init::ones()},
                               {"gain", {2}, Layout::other, Init::ones()}},
                              {}, generator(), options);
  CHECK(spectral.parameters()[0].spec.norm == Norm::spectral);
  CHECK(spectral.parameters()[1].spec.norm == Norm::none);  // the meaning of its dimensions is not known
  CHECK(spectral.parameters()[2].spec.norm == Norm::none);
}

TEST_CASE("impossible parameters are refused by name", "[train][init]") {
  const auto make = [](std::vector<ParameterSpec> specs, std::vector<BufferSpec> buffers = {}) {
    return ParameterSet(std::move(specs), std::move(buffers), generator());
  };
  CHECK_THROWS_WITH(make({{"a", {2}, Layout::other, Init::ones()}, {"a", {2}, Layout::other, Init::ones()}}),
                    Catch::Contains("\"a\" is declared twice"));
  CHECK_THROWS_WITH(make({{"gain", {2}, Layout::other, Init::ones(), Norm::spectral}}),
                    Catch::Contains("\"gain\": spectral norm needs"));
  CHECK_THROWS_WITH(make({{"w", {2, 2}, Layout::linear, Init::zeros(), Norm::weight}}),
                    Catch::Contains("\"w\": weight norm divides by"));
  CHECK_THROWS_WITH(make({{"b", {2}, Layout::other, Init::he_normal()}}), Catch::Contains("\"b\": fan-in"));
  CHECK_THROWS_WITH(make({{"w", {2, 2}, Layout::linear, Init::ones(), Norm::spectral}}, {{"w.u", {1}}}),
                    Catch::Contains("same name"));
  CHECK_THROWS_WITH(init_from_name("glorot"), Catch::Contains("xavier_uniform"));
  CHECK_THROWS_WITH(norm_from_name("batch"), Catch::Contains("spectral"));
}
