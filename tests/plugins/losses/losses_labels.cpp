// ac, two_c, d2dce and semi_supervised against the papers' formulas, written sample by sample.
#include <plugins/harness.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <fstream>

using namespace saddle;
using namespace saddle::test;

namespace {

constexpr int64_t kBatch = 6, kFeatures = 5, kSize = 4, kClasses = 3;

const json kFacts = {{"classes", kClasses}, {"shape.discriminator.features", {kFeatures}}};

struct Embedder {
  TestLoss loss;
  at::Tensor x = at::randn({kBatch, kFeatures}, at::kDouble).requires_grad_();
  at::Tensor label = at::tensor({0, 1, 2, 0, 0, 1}, at::kLong);

  Embedder(const std::string& name, json config) : loss(name, sized(std::move(config)), kFacts) {
    loss.parameters = {at::randn({kSize, kFeatures}, at::kDouble).requires_grad_(),
                       at::randn({kClasses, kSize}, at::kDouble).requires_grad_()};
    loss.tensors = {{"discriminator.real.features", x}, {"real.label", label}};
  }
  static json sized(json config) {
    config["size"] = kSize;
    return config;
  }
  // Cosines of two embedded samples, and of a sample and its class.
  double cosine(int64_t i, int64_t j) const { return dot(unit(sample(i)), unit(sample(j))); }
  double own_class(int64_t i) const {
    return dot(unit(sample(i)), unit(loss.parameters[1][label[i].item<int64_t>()]));
  }
  bool same(int64_t i, int64_t j) const { return label[i].item<int64_t>() == label[j].item<int64_t>(); }

 private:
  at::Tensor sample(int64_t i) const { return loss.parameters[0].mv(x[i]); }
  static at::Tensor unit(const at::Tensor& v) { return v / v.norm(); }
  static double dot(const at::Tensor& a, const at::Tensor& b) { return a.dot(b).item<double>(); }
};

void check_gradients(TestLoss& loss, const std::vector<at::Tensor>& variables) {
  const auto found = gradients(loss.total("discriminator"), variables);
  for (size_t i = 0; i < variables.size(); ++i)
    CHECK(finite_difference_error([&] { return loss.total("discriminator").item<double>(); }, variables[i],
                                  found[i]) < 1e-5);
}

}  // namespace

TEST_CASE("two_c is ContraGAN's equation, sample by sample") {
  at::manual_seed(3);
  const double t = 0.7;
  Embedder e("two_c", {{"temperature", t}});
  double expected = 0;
  for (int64_t i = 0; i < kBatch; ++i) {
    double near = std::exp(e.own_class(i) / t), all = near;
    for (int64_t j = 0; j < kBatch; ++j) {
      if (j == i) continue;
      all += std::exp(e.cosine(i, j) / t);
      if (e.same(i, j)) near += std::exp(e.cosine(i, j) / t);
    }
    expected -= std::log(near / all) / kBatch;
  }
  CHECK(e.loss.total("discriminator").item<double>() == Approx(expected).epsilon(1e-9));
  check_gradients(e.loss, {e.x, e.loss.parameters[0], e.loss.parameters[1]});
}

TEST_CASE("d2dce is ReACGAN's equation, sample by sample") {
  at::manual_seed(4);
  const double t = 0.5, positive = 0.3, negative = 0.1;
  Embedder e("d2dce", {{"temperature", t}, {"margin_positive", positive}, {"margin_negative", negative}});
  double expected = 0;
  for (int64_t i = 0; i < kBatch; ++i) {
    const double own = std::exp(std::min(e.own_class(i) - positive, 0.0) / t);
    double others = 0;
    for (int64_t j = 0; j < kBatch; ++j)
      if (!e.same(i, j)) others += std::exp(std::max(e.cosine(i, j) - negative, 0.0) / t);
    expected -= std::log(own / (own + others)) / kBatch;
  }
  CHECK(e.loss.total("discriminator").item<double>() == Approx(expected).epsilon(1e-9));
  check_gradients(e.loss, {e.x, e.loss.parameters[0], e.loss.parameters[1]});
}

TEST_CASE("the generator's terms look at fakes and their labels") {
  at::manual_seed(5);
  for (const char* name : {"two_c", "d2dce"}) {
    Embedder e(name, json::object());
    const double real = e.loss.total("discriminator").item<double>();
    e.loss.tensors = {{"discriminator.fake.features", e.x}, {"fake.label", e.label}};
    CHECK(e.loss.total("generator").item<double>() == Approx(real));
  }
}

TEST_CASE("ac is the cross-entropy of a linear classifier on the features") {
  at::manual_seed(6);
  const bool fakes = GENERATE(true, false);
  TestLoss loss("ac", {{"fakes", fakes}}, kFacts);
  loss.parameters = {at::randn({kClasses, kFeatures}, at::kDouble).requires_grad_(),
                     at::randn({kClasses}, at::kDouble).requires_grad_()};
  const at::Tensor real = at::randn({kBatch, kFeatures}, at::kDouble).requires_grad_(),
                   fake = at::randn({kBatch, kFeatures}, at::kDouble).requires_grad_();
  const at::Tensor label = at::tensor({0, 1, 2, 0, 0, 1}, at::kLong), other = label.flip(0);
  loss.tensors = {{"discriminator.real.features", real},
                  {"real.label", label},
                  {"discriminator.fake.features", fake},
                  {"fake.label", other}};
  const auto plain = [&](const at::Tensor& x, const at::Tensor& y) {
    const at::Tensor p = (x.matmul(loss.parameters[0].t()) + loss.parameters[1]).softmax(1);
    double sum = 0;
    for (int64_t i = 0; i < kBatch; ++i) sum -= std::log(p[i][y[i].item<int64_t>()].item<double>());
    return sum / kBatch;
  };
  CHECK(loss.total("discriminator").item<double>() ==
        Approx(plain(real, label) + (fakes ? plain(fake, other) : 0)));
  CHECK(loss.total("generator").item<double>() == Approx(plain(fake, other)));
  check_gradients(loss, {real, loss.parameters[0], loss.parameters[1]});
}

TEST_CASE("losses on labels need classes") {
  for (const char* name : {"ac", "two_c", "d2dce"})
    CHECK_THAT(error_of([&] {
                 TestLoss(name, json::object(), {{"classes", 0}, {"shape.discriminator.features", {4}}});
               }),
               Catch::Contains(std::string(name) + " needs a data set with classes"));
}

TEST_CASE("semi_supervised is the cross-entropy of K + 1 classes, that of the fakes with the logit 0") {
  const json file =
      json::parse(std::ifstream(std::string(SADDLE_TEST_REFERENCE) + "/semi_supervised_reference.json"));
  const auto rows = [](const json& list) {
    std::vector<at::Tensor> all;
    for (const json& row : list) all.push_back(at::tensor(row.get<std::vector<double>>(), at::kDouble));
    return at::stack(all);
  };
  const std::vector<std::string> samples = {"labelled", "real", "fake"};
  TestLoss loss("semi_supervised");
  std::vector<at::Tensor> logits;
  for (const std::string& sample : samples) {
    logits.push_back(rows(file["logits"][sample]).requires_grad_());
    loss.tensors["discriminator." + sample + ".logits"] = logits.back();
  }
  loss.tensors["labelled.label"] = at::tensor(file["label"].get<std::vector<int64_t>>(), at::kLong);
  const NamedTensors terms = loss.terms("discriminator");
  REQUIRE(terms.size() == 3);
  for (const auto& [name, term] : terms)
    CHECK(term.item<double>() == Approx(file["terms"][name].get<double>()).epsilon(1e-12));
  const auto found = gradients(loss.total("discriminator"), logits);
  for (size_t i = 0; i < samples.size(); ++i)
    CHECK(distance(found[i], rows(file["gradients"][samples[i]])) < 1e-12);
  check_gradients(loss, logits);
  // The same by hand for one sample of each kind.
  const auto chance = [](const at::Tensor& l, int64_t of) {
    const double z = l.exp().sum().item<double>();
    return of < 0 ? 1 / (1 + z) : l[of].exp().item<double>() / (1 + z);
  };
  double expected = 0;
  for (int64_t i = 0; i < logits[1].size(0); ++i) expected -= std::log(1 - chance(logits[1][i], -1)) / 12;
  CHECK(worker::find(terms, "real").item<double>() == Approx(expected));
  expected = 0;
  for (int64_t i = 0; i < logits[2].size(0); ++i) expected -= std::log(chance(logits[2][i], -1)) / 12;
  CHECK(worker::find(terms, "fake").item<double>() == Approx(expected));

  // Far out nothing overflows, and without the unsupervised part only the labelled samples are asked for.
  loss.tensors["discriminator.real.logits"] = at::full({6, 4}, 1e4, at::kDouble);
  loss.tensors["discriminator.fake.logits"] = at::full({6, 4}, -1e4, at::kDouble);
  CHECK(std::isfinite(loss.total("discriminator").item<double>()));
  TestLoss few("semi_supervised", {{"unsupervised", 0}});
  few.tensors = {{"discriminator.labelled.logits", logits[0]},
                 {"labelled.label", loss.tensors["labelled.label"]}};
  CHECK(few.terms("discriminator").size() == 1);
}
