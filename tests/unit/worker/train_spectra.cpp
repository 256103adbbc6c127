#include "train_support.hpp"

#include "train/spectra.hpp"
#include "train/update.hpp"

using namespace saddle::train;
using namespace saddle::train::test;

namespace {

bool has_spectrum(const Case& c) { return c.layout != Layout::other && c.layout != Layout::embedding; }

std::vector<double> singular_values(const at::Tensor& w, Layout layout) {
  const at::Tensor s = at::linalg_svdvals(plain_matrix(w.detach(), layout)).contiguous();
  return {s.data_ptr<double>(), s.data_ptr<double>() + s.numel()};
}

// W with its largest singular value brought down to `bound`, by a whole decomposition.
at::Tensor plainly_clamped(const at::Tensor& w, Layout layout, double bound) {
  auto [u, s, v] = at::linalg_svd(plain_matrix(w.detach(), layout), false);
  s = s.clone();
  s[0].clamp_max_(bound);
  const at::Tensor m = u.matmul(at::diag(s)).matmul(v);
  return layout == Layout::conv_transpose ? m.view(w.transpose(0, 1).sizes()).transpose(0, 1)
                                          : m.view(w.sizes());
}

}  // namespace

TEST_CASE("a matrix made of a weight folds back into it", "[train][spectra]") {
  for (const Case& c : weight_cases()) {
    INFO(c.name);
    const ParameterSet set = one_weight(c, Norm::none);
    const at::Tensor w = set.parameters()[0].raw.detach();
    CHECK(same_bits(from_spectral_matrix(spectral_matrix(w, c.layout).clone(), w, c.layout), w));
  }
}

TEST_CASE("singular values are followed from the largest down", "[train][spectra]") {
  for (const Case& c : weight_cases()) {
    INFO(c.name);
    ParameterSet set = one_weight(c, Norm::none);
    Spectra spectra(set, 3);
    REQUIRE(spectra.weights().size() == (has_spectrum(c) ? 1 : 0));
    if (!has_spectrum(c)) continue;
    const at::Tensor w = set.parameters()[0].raw;
    const auto expected = singular_values(w, c.layout);
    const Spectra::Values values = spectra.follow(0, 300);
    REQUIRE(values.s.size(0) == std::min<int64_t>(3, static_cast<int64_t>(expected.size())));
    for (int64_t i = 0; i < values.s.size(0); ++i)
      CHECK(values.s[i].item<double>() == Approx(expected[static_cast<std::size_t>(i)]).epsilon(1e-6));
    const at::Tensor matrix = spectral_matrix(w.detach(), c.layout);
    CHECK(difference(matrix.mm(values.v), values.u * values.s) < 1e-4);
    // A small step of the weight: one more iteration finds it again.
    {
      const c10::NoGradGuard no_grad;
      w.mul_(1.5).add_(random(w.sizes(), 3).mul_(1e-4));
    }
    CHECK(spectra.follow(0).s[0].item<double>() == Approx(singular_values(w, c.layout)[0]).epsilon(1e-5));
  }
}

TEST_CASE("the largest singular value is clamped and the others stay", "[train][spectra]") {
  for (const Case& c : weight_cases()) {
    if (!has_spectrum(c)) continue;
    for (const SigmaClamp clamp : {SigmaClamp{1.0, 0}, SigmaClamp{0, 1.1}, SigmaClamp{1e6, 0}}) {
      INFO(c.name << ", at most " << clamp.max << ", ratio " << clamp.ratio);
      ParameterSet set = one_weight(c, Norm::none);
      const at::Tensor w = set.parameters()[0].raw;
      const auto before = singular_values(w, c.layout);
      if (clamp.ratio > 0 && before.size() < 2) continue;
      const double bound = clamp.ratio > 0 ? clamp.ratio * before[1] : clamp.max;
      const at::Tensor expected = plainly_clamped(w, c.layout, bound);
      Spectra spectra(set, clamp.ratio > 0 ? 2 : 1);
      spectra.follow(0, 500);
      clamp_sigma(set, spectra, clamp);
      CHECK(difference(w, expected) < 1e-5);
    }
  }
}

TEST_CASE("after each step weights are held within bounds", "[train][spectra]") {
  ParameterSet set({{"w", {6, 5}, Layout::linear, Init::normal(0, 1), Norm::none},
                    {"b", {6}, Layout::other, Init::normal(0, 1), Norm::none}},
                   {}, generator(), {.dtype = at::kDouble});
  EffectiveWeights weights(set, {});
  OptimizerConfig config;
  config.kind = OptimizerKind::sgd;
  SECTION("weights clipped") { config.clip_weights = 0.01; }
  SECTION("largest singular value clamped") { config.sigma_clamp = {.max = 0.5}; }
  Update update({{"player", &weights}}, config);
  const double at_first = singular_values(set.parameters()[0].raw, Layout::linear)[0];
  for (int64_t step = 1; step <= 40; ++step) {
    update.begin(step);
    const at::Tensor total = weights.weight(0, step).sum() + weights.weight(1, step).pow(2).sum();
    update.finish(total, 1e-3, step);
    if (config.clip_weights > 0)
      for (const at::Tensor& leaf : set.leaves()) CHECK(leaf.abs().max().item<double>() <= 0.01);
  }
  if (config.sigma_clamp.on()) {
    CHECK(at_first > 2);
    CHECK(singular_values(set.parameters()[0].raw, Layout::linear)[0] < 0.505);
    CHECK(set.parameters()[1].raw.abs().max().item<double>() > 0.5);
    // What a checkpoint carries: the same vectors, hence the same next step.
    ParameterSet copy = set.average();
    EffectiveWeights copied(copy, {});
    Update other({{"player", &copied}}, config);
    const auto state = update.state();
    CHECK(state.contains("sigma/player/w"));
    CHECK_NOTHROW(other.load_state(state));
    CHECK(same_bits(other.state().at("sigma/player/w"), state.at("sigma/player/w")));
  }
}

TEST_CASE("gradients of several totals add up to those of their sum", "[train][update]") {
  const auto make = [] {
    return ParameterSet({{"w", {4, 3}, Layout::linear, Init::normal(0, 1), Norm::spectral}}, {}, generator(),
                        {.dtype = at::kDouble});
  };
  const at::Tensor x = random({3, 2}, 1), y = random({3, 2}, 2);
  ParameterSet one = make(), two = make();
  EffectiveWeights a(one, {}), b(two, {});
  Update whole({{"p", &a}}, {}), parts({{"p", &b}}, {});
  whole.begin(1);
  whole.finish((a.weight(0, 1).mm(x).sin().sum() + a.weight(0, 1).mm(y).sin().sum()) / 2, 0.1, 0);
  parts.begin(1);
  auto gradients = parts.gradients(b.weight(0, 1).mm(x).sin().sum() / 2);
  at::_foreach_add_(gradients, parts.gradients(b.weight(0, 1).mm(y).sin().sum() / 2));
  parts.apply(std::move(gradients), 0.1, 0);
  CHECK(difference(one.parameters()[0].raw, two.parameters()[0].raw) < 1e-12);
}
