// kdd, jacobian, feature_matching, css and historical_averaging against PyTorch's numbers
// (tests/reference/losses_reference.py), literal forms and the papers' analysis of their gradients.
#include <bridge/precision.hpp>
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

#include <fstream>

using namespace saddle;
using namespace saddle::test;

namespace {

at::Tensor rows(const json& list) {
  std::vector<at::Tensor> all;
  for (const json& row : list) all.push_back(at::tensor(row.get<std::vector<double>>(), at::kDouble));
  return at::stack(all);
}

double value(const NamedTensors& terms, const std::string& name) {
  const at::Tensor term = worker::find(terms, name);
  REQUIRE(term.defined());
  return term.item<double>();
}

// A loss on the discriminator's features of a real and a fake batch.
struct Features {
  TestLoss loss;
  at::Tensor real, fake;
  Features(const std::string& name, const json& config, at::Tensor r, at::Tensor f,
           json facts = json::object())
      : loss(name, config, with_shapes(std::move(facts), f)),
        real(std::move(r).requires_grad_()),
        fake(std::move(f).requires_grad_()) {
    loss.tensors = {{"discriminator.real.features", real}, {"discriminator.fake.features", fake}};
  }
  static json with_shapes(json facts, const at::Tensor& x) {
    facts["shape.discriminator.features"] = x.sizes().slice(1).vec();
    facts["batch"] = x.size(0);
    return facts;
  }
  double total(const std::string& role, int64_t round = 0) {
    for (at::Tensor& b : loss.buffers) b.zero_();
    return loss.total(role, round).item<double>();
  }
};

at::Tensor randn(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

// log p_r(x) - log p_g(x) of each fake, as eq. 4 has it, with anchors that are constants. [n]
at::Tensor log_ratio(const at::Tensor& x, const at::Tensor& real, const at::Tensor& fake, double tau) {
  const auto n = fake.size(0);
  const at::Tensor others = 1 - at::eye(n, at::kDouble);
  const at::Tensor p_r = (x.mm(real.t()) / tau).exp().mean(1);
  const at::Tensor p_g = ((x.mm(fake.t()) / tau).exp() * others).sum(1) / static_cast<double>(n - 1);
  return p_r.log() - p_g.log();
}

at::Tensor unit(const at::Tensor& x) { return x / x.norm(2, {1}, true); }

}  // namespace

TEST_CASE("losses on features give PyTorch's terms and gradients") {
  const json file = json::parse(std::ifstream(std::string(SADDLE_TEST_REFERENCE) + "/losses_reference.json"));
  REQUIRE(file["features"].size() == 15);
  for (const json& c : file["features"]) {
    INFO(c["loss"] << " " << c["config"].dump());
    Features on(c["loss"], c["config"], rows(file["real_features"]), rows(file["fake_features"]));
    for (const std::string role : {"discriminator", "generator"}) {
      for (at::Tensor& b : on.loss.buffers) b.zero_();
      const NamedTensors terms = on.loss.terms(role);
      REQUIRE(terms.size() == c[role].size());
      if (terms.empty()) continue;
      at::Tensor sum = at::zeros({}, at::kDouble);
      for (const auto& [name, term] : terms) {
        CHECK(term.item<double>() == Approx(c[role].at(name).get<double>()).epsilon(1e-9).margin(1e-12));
        sum = sum + term;
      }
      const auto found = gradients(sum, {on.real, on.fake});
      CHECK(distance(found[0], rows(c["gradients"][role + ".real"])) < 1e-9);
      CHECK(distance(found[1], rows(c["gradients"][role + ".fake"])) < 1e-9);
      if (c["config"].value("detach_anchors", false)) continue;  // not the values' own gradient
      CHECK(finite_difference_error([&] { return on.total(role); }, on.fake, found[1]) < 1e-7);
      if (c["loss"] == "kdd")
        CHECK(finite_difference_error([&] { return on.total(role); }, on.real, found[0]) < 1e-7);
    }
  }
}

TEST_CASE("kdd's generator is pushed as the paper's section 2.2 says, and hinge's is not") {
  at::manual_seed(1);
  const int64_t n = 8, k = 5;
  const double tau = 0.4;
  const at::Tensor real = randn({n, k}), fake = randn({n, k});
  // Hinge with D(x) = phi(x)' theta: the same for every fake, -theta / |S_g|.
  TestLoss hinge("hinge");
  const at::Tensor theta = randn({k, 1}), moving = fake.clone().requires_grad_();
  hinge.tensors = {{"discriminator.real.logit", real.mm(theta)},
                   {"discriminator.fake.logit", moving.mm(theta)}};
  const at::Tensor flat = gradients(hinge.total("generator"), {moving})[0];
  for (int64_t i = 0; i < n; ++i)
    CHECK(distance(flat[i], -theta.squeeze(1) / static_cast<double>(n)) < 1e-12);

  // KDD with constant anchors: eq. 6, sample by sample. dK/dphi = K anchor / tau, then through the
  // normalisation, whose Jacobian is (I - phi phi') / |f|.
  Features kdd("kdd", {{"temperature", tau}, {"detach_anchors", true}}, real.clone(), fake.clone());
  const at::Tensor found = gradients(kdd.loss.total("generator"), {kdd.fake})[0];
  const at::Tensor r = unit(real), g = unit(fake);
  for (int64_t i = 0; i < n; ++i) {
    at::Tensor push = at::zeros({k}, at::kDouble), pull = at::zeros({k}, at::kDouble);
    double p_g = 0, p_r = 0;
    for (int64_t j = 0; j < n; ++j) {
      const double to_real = std::exp(r[j].dot(g[i]).item<double>() / tau);
      p_r += to_real / n;
      pull += to_real * r[j] / tau;
      if (j == i) continue;
      const double to_fake = std::exp(g[j].dot(g[i]).item<double>() / tau);
      p_g += to_fake / (n - 1);
      push += to_fake * g[j] / tau;
    }
    const at::Tensor by_phi = (push / (p_g * (n - 1)) - pull / (p_r * n)) / static_cast<double>(n);
    const at::Tensor by_feature = (by_phi - g[i] * g[i].dot(by_phi)) / fake[i].norm();
    CHECK(distance(found[i], by_feature) < 1e-12);
  }
  CHECK(distance(found[0], found[1]) > 1e-3);
  // Through its anchors a fake also feels how it pushes the others: another gradient.
  Features through("kdd", {{"temperature", tau}}, real.clone(), fake.clone());
  CHECK(distance(gradients(through.loss.total("generator"), {through.fake})[0], found) > 1e-3);

  // Eq. 7: at a small temperature only the nearest neighbours are left, away from the fake, toward the real.
  Features sharp("kdd", {{"temperature", 0.005}, {"detach_anchors", true}}, real.clone(), fake.clone());
  const at::Tensor steep = gradients(sharp.loss.total("generator"), {sharp.fake})[0];
  const at::Tensor to_real = g.mm(r.t()), to_fake = g.mm(g.t()).fill_diagonal_(-2);
  for (int64_t i = 0; i < n; ++i) {
    const at::Tensor by_phi =
        (g[to_fake[i].argmax()] - r[to_real[i].argmax()]) / 0.005 / static_cast<double>(n);
    const at::Tensor expected = (by_phi - g[i] * g[i].dot(by_phi)) / fake[i].norm();
    CHECK(at::cosine_similarity(steep[i], expected, 0).item<double>() > 0.95);
  }
}

TEST_CASE("kdd sends fakes to their nearest mode where hinge moves them all alike") {
  // Figure 3 with a quarter of its points: two Gaussian modes against a uniform square, features as they are,
  // a Gaussian kernel of sigma 1, SGD. The step is the paper's 10 for each 1,000 fakes.
  at::manual_seed(2);
  const int64_t n = 250;
  const at::Tensor modes = at::tensor({4.0, 0.0, 0.0, 4.0}, at::kDouble).view({2, 2});
  const at::Tensor real = randn({n, 2}) * 0.5 + modes.index_select(0, at::arange(n).remainder(2));
  const at::Tensor start = at::rand({n, 2}, at::kDouble) * 3 - 1.5;
  const auto nearest = [&](const at::Tensor& x) { return at::cdist(x, modes).argmin(1); };
  const auto descend = [&](TestLoss& loss, const std::function<void(const at::Tensor&)>& give) {
    at::Tensor x = start.clone();
    for (int i = 0; i < 200; ++i) {
      x = x.detach().requires_grad_();
      give(x);
      x = x - 2.5 * gradients(loss.total("generator"), {x})[0];
    }
    return x.detach();
  };
  TestLoss hinge("hinge");
  const at::Tensor theta = at::ones({2, 1}, at::kDouble);
  const at::Tensor moved = descend(hinge, [&](const at::Tensor& x) {
    hinge.tensors = {{"discriminator.real.logit", real.mm(theta)}, {"discriminator.fake.logit", x.mm(theta)}};
  });
  CHECK((moved - start).std(0).max().item<double>() < 1e-9);
  CHECK((moved - start).abs().min().item<double>() > 1);

  TestLoss kdd("kdd", {{"kernel", "gaussian"}}, {{"shape.discriminator.features", {2}}, {"batch", n}});
  const at::Tensor drawn = descend(kdd, [&](const at::Tensor& x) {
    kdd.tensors = {{"discriminator.real.features", real}, {"discriminator.fake.features", x}};
  });
  const auto kept = nearest(start).eq(nearest(drawn)).to(at::kDouble).mean().item<double>();
  CHECK(kept > 0.95);
  const auto away = [&](const at::Tensor& x) {
    return std::get<0>(at::cdist(x, modes).min(1)).mean().item<double>();
  };
  CHECK(away(start) > 2.5);
  CHECK(away(drawn) < 1.6);
}

TEST_CASE("kdd's copies are anchors only, and run in one pass of each side") {
  at::manual_seed(3);
  const json facts = {{"sample_shape", {1, 4, 4}}};
  const at::Tensor image = randn({4, 1, 4, 4}), other = randn({4, 1, 4, 4}),
                   w = randn({16, 6}).requires_grad_();
  const auto phi = [&](const at::Tensor& x) { return at::tanh(x.flatten(1).mm(w)); };
  Features kdd("kdd", {{"copies", 3}, {"temperature", 0.5}}, phi(image).detach(), phi(other).detach(), facts);
  std::vector<at::Tensor> seen;
  kdd.loss.model = [&](const NamedTensors& in) {
    seen.push_back(worker::find(in, "image"));
    return NamedTensors{{"features", phi(seen.back())}};
  };
  kdd.loss.tensors = {{"discriminator.real.features", phi(image)},
                      {"discriminator.fake.features", phi(other)},
                      {"real.image", image},
                      {"fake.image", other}};
  const NamedTensors terms = kdd.loss.terms("discriminator");
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].size(0) == 12);
  // Every x against its side's anchors but itself: 4 own and 12 copies.
  const at::Tensor r = unit(phi(image)), f = unit(phi(other));
  const at::Tensor ra = at::cat({r, unit(phi(seen[0]))}), fa = at::cat({f, unit(phi(seen[1]))});
  const auto log_p = [&](const at::Tensor& x, const at::Tensor& anchors, bool own) {
    const at::Tensor kernel = (x.mm(anchors.t()) / 0.5).exp();
    const at::Tensor self = own ? kernel.diagonal() : at::zeros({4}, at::kDouble);
    return ((kernel.sum(1) - self) / (own ? 15.0 : 16.0)).log();
  };
  const at::Tensor real = (1 - (log_p(r, ra, true) - log_p(r, fa, false))).relu().mean();
  const at::Tensor fake = (1 + (log_p(f, ra, false) - log_p(f, fa, true))).relu().mean();
  CHECK(value(terms, "kdd_real") == Approx(real.item<double>()).epsilon(1e-10));
  CHECK(value(terms, "kdd_fake") == Approx(fake.item<double>()).epsilon(1e-10));
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (const auto& [name, term] : terms) sum = sum + term;
  CHECK(distance(gradients(sum, {w})[0], gradients(real + fake, {w})[0]) < 1e-10);
  CHECK_THAT(
      error_of([] {
        TestLoss("kdd", {{"copies", 1}}, {{"sample_shape", {2}}, {"shape.discriminator.features", {4}}});
      }),
      Catch::Contains("the data set has points"));
}

TEST_CASE("kdd keeps the discriminator's real features for the generator, in a buffer") {
  at::manual_seed(4);
  const at::Tensor first = randn({5, 4}), second = randn({5, 4}), fake = randn({5, 4});
  Features kdd("kdd", {{"keep_real", true}}, first.clone(), fake.clone());
  REQUIRE(kdd.loss.buffers.size() == 2);
  const auto expected = [&](const at::Tensor& real) {
    return -log_ratio(unit(fake), unit(real), unit(fake), 1).mean().item<double>();
  };
  // Nothing is kept before the discriminator's first update.
  CHECK(kdd.loss.total("generator").item<double>() == Approx(expected(first)));
  kdd.loss.terms("discriminator");
  kdd.loss.tensors["discriminator.real.features"] = second;
  CHECK(kdd.loss.total("generator").item<double>() == Approx(expected(first)));
  CHECK(kdd.loss.total("generator", 7).item<double>() == Approx(expected(first)));
  kdd.loss.terms("discriminator", 7);
  CHECK(kdd.loss.total("generator", 7).item<double>() == Approx(expected(second)));
  CHECK(distance(kdd.loss.buffers[0], unit(second)) < 1e-12);
}

TEST_CASE("kdd's conditional term is y' V phi, and its extremes stay finite") {
  at::manual_seed(5);
  const at::Tensor real = randn({5, 4}), fake = randn({5, 4}), v = randn({3, 4}).requires_grad_();
  const at::Tensor y = at::tensor({0, 1, 2, 1, 0}, at::kLong), z = y.flip(0);
  Features kdd("kdd", {{"conditional", true}}, real.clone(), fake.clone(), {{"classes", 3}});
  kdd.loss.parameters = {v};
  kdd.loss.tensors["real.label"] = y;
  kdd.loss.tensors["fake.label"] = z;
  double expected = 0;
  const at::Tensor plain = log_ratio(unit(fake), unit(real), unit(fake), 1);
  for (int64_t i = 0; i < 5; ++i)
    expected -= (plain[i] + v[z[i].item<int64_t>()].dot(unit(fake)[i])).item<double>() / 5;
  CHECK(kdd.loss.total("generator").item<double>() == Approx(expected));
  const auto found = gradients(kdd.loss.total("discriminator"), {v, kdd.real});
  CHECK(finite_difference_error([&] { return kdd.total("discriminator"); }, v, found[0]) < 1e-7);
  CHECK(finite_difference_error([&] { return kdd.total("discriminator"); }, kdd.real, found[1]) < 1e-7);
  CHECK_THAT(error_of([&] {
               Features("kdd", {{"conditional", true}}, real, fake, {{"classes", 0}});
             }),
             Catch::Contains("kdd: 'conditional' needs a data set with classes"));

  // A tiny temperature overflows exp(); the log-ratio is bounded by 2 / tau all the same.
  Features cold("kdd", {{"temperature", 1e-3}}, real.to(at::kFloat), fake.to(at::kFloat));
  for (const std::string role : {"discriminator", "generator"}) {
    const at::Tensor total = cold.loss.total(role);
    CHECK(std::isfinite(total.item<double>()));
    CHECK(std::abs(total.item<double>()) <= 2 * (2001));
    CHECK(gradients(total, {cold.fake})[0].isfinite().all().item<bool>());
  }
  CHECK_THAT(error_of([&] {
               Features("kdd", json::object(), real.slice(0, 0, 1), fake.slice(0, 0, 1)).total("generator");
             }),
             Catch::Contains("needs a batch of 2"));
}

TEST_CASE("jacobian measures how far features move along a random direction, in one pass more") {
  at::manual_seed(6);
  const at::Tensor w = (randn({12, 5}) * 0.4).requires_grad_();
  const at::Tensor real = randn({6, 3, 2, 2}), fake = randn({6, 3, 2, 2});
  const auto phi = [&](const at::Tensor& x) { return at::tanh(x.flatten(1).mm(w)); };
  std::vector<at::Tensor> seen;
  const auto run = [&](const NamedTensors& in) {
    seen.push_back(worker::find(in, "image"));
    return NamedTensors{{"features", phi(seen.back())}};
  };
  const auto give = [&](TestLoss& loss) {
    loss.tensors = {{"real.image", real},
                    {"fake.image", fake},
                    {"discriminator.real.features", phi(real)},
                    {"discriminator.fake.features", phi(fake)}};
  };
  TestLoss loss("jacobian", {{"delta", 0.01}});
  loss.model = run;
  give(loss);
  const NamedTensors terms = loss.terms("discriminator");
  REQUIRE(seen.size() == 2);
  double expected[2] = {0, 0};
  for (int side = 0; side < 2; ++side) {
    const at::Tensor x = side ? fake : real, step = (seen[static_cast<size_t>(side)] - x).flatten(1) / 0.01;
    CHECK(distance(step.norm(2, {1}), at::ones({6}, at::kDouble)) < 1e-10);
    for (int64_t i = 0; i < 6; ++i) {
      const at::Tensor by = (phi(x + 0.01 * step.view_as(x)) - phi(x))[i];
      expected[side] += std::abs(by.norm().item<double>() / 0.01 - 1) / 6;
    }
  }
  CHECK(value(terms, "real") == Approx(expected[0]));
  CHECK(value(terms, "fake") == Approx(expected[1]));
  const auto total = [&](const std::string& role) {
    at::manual_seed(8);
    give(loss);
    return loss.total(role);
  };
  const at::Tensor slope = gradients(total("discriminator"), {w})[0];
  CHECK(finite_difference_error([&] { return total("discriminator").item<double>(); }, w, slope) < 1e-6);
  CHECK(loss.terms("generator").empty());

  TestLoss half("jacobian", {{"delta", 0.01}, {"mean", true}, {"generator", true}});
  half.model = run;
  for (const char* role : {"discriminator", "generator"}) {
    at::manual_seed(8);
    give(half);
    const double found = value(half.terms(role), "fake");
    CHECK(found > 0);
    if (role == std::string("generator")) continue;
    at::manual_seed(8);
    give(loss);
    CHECK(2 * found == Approx(value(loss.terms(role), "fake")));
  }
  // Where pictures are augmented the features are of the augmented ones.
  give(half);
  half.tensors["real.augmented"] = real + 5;
  seen.clear();
  half.tensors["discriminator.real.features"] = phi(real + 5);
  half.terms("discriminator");
  CHECK(distance(seen[0], real + 5) < 0.011);
  // In a trial of bfloat16 the first pass is of no use: both ends of each step are computed anew, in float32.
  TestLoss mixed("jacobian", {{"delta", 0.01}}, {{"precision", "bfloat16"}});
  std::vector<int> depths;
  mixed.model = [&](const NamedTensors& in) {
    depths.push_back(worker::full_precision_depth());
    return run(in);
  };
  give(mixed);
  mixed.tensors["discriminator.real.features"] = phi(real) + 100;
  seen.clear();
  at::manual_seed(8);
  const double whole = value(mixed.terms("discriminator"), "real");
  CHECK(depths == std::vector<int>(4, 1));
  CHECK(worker::full_precision_depth() == 0);
  CHECK_THAT(error_of(worker::leave_full_precision), Catch::Contains("left more often than it was entered"));
  CHECK(distance(seen[2], real) == 0);
  at::manual_seed(8);
  give(loss);
  CHECK(whole == Approx(value(loss.terms("discriminator"), "real")));
}

TEST_CASE("css's small form is the literal one of N x N, and its real mean runs") {
  at::manual_seed(7);
  const std::string normalize = GENERATE("place", "none"), pool = GENERATE("mean", "sum");
  const auto literal = [&](const at::Tensor& x) {
    at::Tensor f = x.transpose(0, 1).reshape({x.size(1), -1}).relu();
    if (normalize == "place") f = f / f.norm(2, {0}, true).clamp_min(1e-12);
    const at::Tensor m = f.t().mm(f);  // all places against all
    return f.mm(m).sum(1) / (pool == "mean" ? std::pow(f.size(1), 2) : 1.0);
  };
  Features css("css", {{"normalize", normalize}, {"pool", pool}}, randn({4, 3, 2, 5}),
               randn({4, 3, 2, 5}) + 0.2);
  at::Tensor mean = at::zeros({3}, at::kDouble);
  for (int t = 0; t < 4; ++t) {
    const at::Tensor real = randn({4, 3, 2, 5});
    css.loss.tensors["discriminator.real.features"] = real;
    mean = (mean * t + literal(real)) / (t + 1);
    const at::Tensor more = (literal(css.fake) - mean).relu();
    CHECK(css.loss.total("generator", t).item<double>() == Approx(more.square().sum().item<double>()));
    CHECK(distance(css.loss.buffers[0], mean) < 1e-12 * std::max(1.0, mean.max().item<double>()));
    CHECK(css.loss.buffers[1].item<double>() == t + 1);
  }
  CHECK(css.loss.terms("discriminator").empty());
}

TEST_CASE("css waits for its start, and may use an encoder") {
  at::manual_seed(8);
  TestLoss css("css", {{"start", 10}, {"model", "encoder"}},
               {{"shape.discriminator.features", {8}}, {"shape.encoder.features", {3, 2, 2}}});
  CHECK(css.loss.needs("generator") == std::vector<std::string>{"encoder.features"});
  TestLoss code("css", {{"model", "encoder"}, {"output", "code"}}, {{"shape.encoder.code", {5, 2, 2}}});
  CHECK(code.loss.needs("generator") == std::vector<std::string>{"encoder.code"});
  CHECK(code.buffers[0].size(0) == 5);
  css.tensors = {{"encoder.real.features", randn({4, 3, 2, 2})},
                 {"encoder.fake.features", randn({4, 3, 2, 2}) + 1}};
  CHECK(css.terms("generator", 9).empty());
  CHECK(css.buffers[1].item<double>() == 0);
  CHECK(value(css.terms("generator", 10), "similarity") > 0);
  CHECK(css.buffers[1].item<double>() == 1);
}

TEST_CASE("feature_matching compares the means of an encoder's maps place by place, and moves fakes alone") {
  at::manual_seed(10);
  TestLoss matching("feature_matching", {{"model", "encoder"}, {"output", "code"}, {"form", "l1"}});
  CHECK(matching.loss.needs("generator") == std::vector<std::string>{"encoder.code"});
  const at::Tensor real = randn({6, 3, 2, 2}).requires_grad_(), fake = randn({6, 3, 2, 2}).requires_grad_();
  matching.tensors = {{"encoder.real.code", real},
                      {"encoder.fake.code", fake},
                      // What it is not asked for.
                      {"discriminator.real.features", randn({6, 4})},
                      {"discriminator.fake.features", randn({6, 4})}};
  CHECK(matching.terms("discriminator").empty());
  const at::Tensor total = matching.total("generator");
  double expected = 0;
  for (int64_t k = 0; k < 12; ++k)
    expected += std::abs((fake.view({6, 12}).select(1, k).mean() - real.view({6, 12}).select(1, k).mean())
                             .item<double>()) /
                12;
  CHECK(total.item<double>() == Approx(expected));
  const auto found = gradients(total, {real, fake});
  CHECK(found[0].abs().max().item<double>() == 0);
  CHECK(finite_difference_error([&] { return matching.total("generator").item<double>(); }, fake, found[1]) <
        1e-7);
}

TEST_CASE("historical_averaging draws weights to the mean of what they were") {
  at::manual_seed(9);
  train::ParameterSpec weight, bias;
  weight.name = "weight";
  weight.shape = {3, 2};
  bias.name = "bias";
  bias.shape = {3};
  at::Tensor w = randn({3, 2}).requires_grad_(), b = randn({3}).requires_grad_();
  TestLoss loss("historical_averaging", {{"player", "generator"}, {"strength", 0.5}},
                {{"parameters.generator", 9}, {"parameters.discriminator", 4}});
  REQUIRE(loss.buffers.size() == 2);
  at::Tensor sum = at::zeros({9}, at::kDouble);
  for (int t = 0; t < 4; ++t) {
    loss.weights = {{&weight, true, 2 * w, w}, {&bias, true, b, b}};
    const at::Tensor theta = at::cat({w.detach().flatten(), b.detach()});
    sum += theta;
    const at::Tensor away = theta - sum / (t + 1);
    const at::Tensor term = worker::find(loss.terms("generator", t), "distance");
    CHECK(term.item<double>() == Approx(0.5 * away.square().sum().item<double>()).margin(1e-15));
    const auto found = gradients(term, {w, b});
    CHECK(distance(at::cat({found[0].flatten(), found[1]}), away) < 1e-12);
    w = (w.detach() + randn({3, 2})).requires_grad_();
    b = (b.detach() + randn({3})).requires_grad_();
  }
  CHECK(loss.terms("discriminator").empty());
}
