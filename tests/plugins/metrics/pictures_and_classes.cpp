// swd, ms_ssim, intra_frechet, precision_recall and classifier_accuracy against NumPy's and SciPy's numbers
// (tests/reference/metrics_reference.py) and what must hold of them.
#include "sets.hpp"

#include <bridge/host.hpp>
using namespace saddle::test;
using Catch::Contains;

namespace {

using Found = std::map<std::string, double>;

void check_all(const Found& found, const json& expected, double tolerance) {
  CHECK(found.size() == expected.size());
  for (const auto& [name, value] : expected.items()) {
    INFO(name);
    REQUIRE(found.contains(name));
    CHECK(found.at(name) == Approx(value.get<double>()).epsilon(tolerance).margin(1e-12));
  }
}

json picture_facts(const json& shape, int64_t classes = 0) {
  return {{"sample_shape", shape}, {"classes", classes}};
}
json class_facts(int64_t classes) { return {{"sample_shape", {1, 4, 4}}, {"classes", classes}}; }

at::Tensor with_trend(const at::Tensor& x, int64_t classes) {
  const at::Tensor own = at::arange(x.size(1), at::kLong).remainder(classes);
  return x + 0.4 * own.unsqueeze(0).eq(labels_of(x.size(0), classes).unsqueeze(1)).to(at::kFloat);
}

}  // namespace

TEST_CASE("swd agrees with SciPy's pyramids and distances") {
  for (json one : metrics_reference().at("swd")) {
    INFO(one["name"]);
    json config = one["config"], facts = {{"sample_shape", {5}}};
    if (config.contains("shape"))
      facts = picture_facts(config["shape"]);
    else
      config["form"] = "plain";
    config.erase("shape");
    config.erase("levels");
    // Descriptors are float32, as in the paper's code.
    check_all(TestMetric("swd", config, facts)(make_set(one["real"]), make_set(one["fake"])), one["expected"],
              2e-6);
  }
}

TEST_CASE("swd of points on a line is the Wasserstein distance") {
  const at::Tensor x = normal(200, 1, 1);
  const TestMetric metric("swd", {{"form", "plain"}, {"directions", 3}}, {{"sample_shape", {1}}});
  CHECK(metric(x, x).at("swd") == 0);
  CHECK(metric(x, x.flip(0)).at("swd") == 0);
  CHECK(metric(x, x + 2.5).at("swd") == Approx(2.5));
  CHECK(
      metric(at::tensor({0.f, 1.f, 3.f}).view({3, 1}), at::tensor({5.f, 6.f, 8.f}).view({3, 1})).at("swd") ==
      Approx(5));
}

TEST_CASE("swd of pictures is zero for equal sets, sees detail by its level and survives collapse") {
  const json facts = picture_facts({1, 32, 32});
  const TestMetric metric("swd", {{"directions", 32}, {"patches", 16}}, facts);
  const at::Tensor smooth = at::avg_pool2d(normal(40, 1024, 1).view({40, 1, 32, 32}), 5, 1, 2).flatten(1);
  const Found same = metric(smooth, smooth);
  CHECK(same.size() == 3);
  for (const auto& [name, value] : same) CHECK(value == 0);
  // Detail of a pixel's size changes the finest level most.
  at::Tensor checked = smooth.clone().view({40, 32, 32});
  checked.slice(1, 0, 32, 2).slice(2, 0, 32, 2) += 0.8;
  const Found fine = metric(smooth, checked.flatten(1));
  CHECK(fine.at("swd_32") > 3 * fine.at("swd_16"));
  for (const auto& [name, value] : metric(smooth, at::full({40, 1024}, 0.3))) CHECK(std::isfinite(value));
}

TEST_CASE("swd says what it cannot measure") {
  CHECK_THROWS_WITH(TestMetric("swd", {}, {{"sample_shape", {2}}}), Contains("is for pictures"));
  CHECK_THROWS_WITH(TestMetric("swd", {}, picture_facts({1, 6, 6})), Contains("larger than the pictures"));
  const TestMetric metric("swd", {}, picture_facts({1, 8, 8}));
  CHECK_THROWS_WITH(metric(normal(9, 32, 1), normal(9, 32, 2)),
                    Contains("not features of 32: leave `features` at \"pixels\""));
  at::Tensor broken = normal(9, 64, 1);
  broken[3][3] = INFINITY;
  for (const auto& [name, value] : metric(normal(9, 64, 2), broken)) CHECK(std::isnan(value));
}

TEST_CASE("ms_ssim agrees with SciPy's") {
  for (const json& one : metrics_reference().at("ms_ssim")) {
    INFO(one["name"]);
    const int64_t classes = one["classes"];
    const TestMetric metric("ms_ssim", {{"pairs", one["pairs"]}, {"scales", one["scales"]}},
                            picture_facts(one["shape"], classes));
    const at::Tensor x = make_set(one["set"]), y = labels_of(x.size(0), classes);
    const Found found = metric(x, x, y, y);
    CHECK(found.at("ms_ssim") == Approx(one["expected"][0].get<double>()).epsilon(1e-9));
    CHECK(found.at("ms_ssim_most") == Approx(one["expected"][1].get<double>()).epsilon(1e-9));
    CHECK(found.at("ms_ssim_real") == found.at("ms_ssim"));
    CHECK(found.at("ms_ssim_scales") == one["used"].get<double>());
  }
}

TEST_CASE("ms_ssim finds the class of copies") {
  at::Tensor x = at::tanh(normal(60, 256, 1));
  const at::Tensor y = labels_of(60, 3);
  x.index_put_({y.eq(1)}, x[0].clone());
  const TestMetric metric("ms_ssim", {}, picture_facts({1, 16, 16}, 3));
  const Found found = metric(at::tanh(normal(60, 256, 2)), x, y, y);
  CHECK(found.at("ms_ssim_most") == Approx(1));
  CHECK(found.at("ms_ssim") > 1.0 / 3);
  CHECK(found.at("ms_ssim") < 0.6);
  CHECK(found.at("ms_ssim_real") < 0.2);
  // Of a set without labels every sample may be paired with every other one.
  const TestMetric unlabelled("ms_ssim", {}, picture_facts({1, 16, 16}));
  const at::Tensor copies = x.slice(0, 0, 1).repeat({10, 1});
  CHECK(unlabelled(x, copies).at("ms_ssim") == Approx(1));
  CHECK_THROWS_WITH(metric(x, x, y, y.clone().fill_(0)), Contains("of class 1 the fake set has 0"));
  CHECK_THROWS_WITH(TestMetric("ms_ssim", {{"scales", 5}}, picture_facts({1, 8, 8})),
                    Contains("cannot be halved for 5 scales"));
}

TEST_CASE("intra_frechet agrees with SciPy's, class by class") {
  for (const json& one : metrics_reference().at("intra_frechet")) {
    const int64_t classes = one["classes"];
    const at::Tensor real = make_set(one["real"]), fake = make_set(one["fake"]);
    const at::Tensor y = labels_of(real.size(0), classes), z = labels_of(fake.size(0), classes);
    // Of classes with fewer samples than features SciPy's root of a singular product is good to 1e-7.
    check_all(TestMetric("intra_frechet", {}, class_facts(classes))(real, fake, y, z), one["expected"], 1e-6);
    const Found mean = TestMetric("intra_frechet", {{"each", false}}, class_facts(classes))(real, fake, y, z);
    CHECK(mean.size() == 1);
  }
}

TEST_CASE("intra_frechet sees labels that frechet does not") {
  const at::Tensor y = labels_of(300, 3), x = normal(300, 4, 1) + 3 * y.unsqueeze(1);
  const TestMetric metric("intra_frechet", {}, class_facts(3));
  const Found right = metric(x, x, y, y), wrong = metric(x, x, y, (y + 1).remainder(3));
  CHECK(right.at("intra_frechet") < 1e-9);
  CHECK(wrong.at("intra_frechet") > 30);
  CHECK(TestMetric("frechet")(x, x).at("frechet") < 1e-9);
  at::Tensor broken = x.clone();
  broken[y.eq(1).nonzero()[0].item<int64_t>()][0] = NAN;
  const Found half = metric(x, broken, y, y);
  CHECK(std::isnan(half.at("intra_frechet")));
  CHECK(std::isnan(half.at("intra_frechet_1")));
  CHECK(half.at("intra_frechet_2") < 1e-9);
  CHECK_THROWS_WITH(metric(x, x, y, {}), Contains("needs labels, which the fake set has not"));
  CHECK_THROWS_WITH(TestMetric("intra_frechet", {}, class_facts(0)), Contains("has no labels. Use frechet"));
}

TEST_CASE("precision_recall is that of the definition, edges included") {
  for (const json& one : metrics_reference().at("precision_recall")) {
    INFO(one["name"]);
    check_all(TestMetric("precision_recall", {{"k", one["k"]}})(make_set(one["real"]), make_set(one["fake"])),
              one["expected"], 1e-12);
  }
  // The same as prdc's, with its options for it.
  const at::Tensor real = at::floor(normal(300, 3, 1) * 2), fake = at::floor(normal(200, 3, 2) * 2);
  const Found ours = TestMetric("precision_recall")(real, fake),
              other = TestMetric("prdc", {{"k", 3}, {"ties", "inclusive"}})(real, fake);
  CHECK(ours.at("improved_precision") == other.at("precision"));
  CHECK(ours.at("improved_recall") == other.at("recall"));
  CHECK(ours.at("improved_recall") < 1);
}

TEST_CASE("the classifier that classifier_accuracy trains is SciPy's") {
  for (const json& one : metrics_reference().at("classifier_accuracy")) {
    const at::Tensor real = with_trend(make_set(one["real"]), 3), fake = with_trend(make_set(one["fake"]), 3);
    const TestMetric metric("classifier_accuracy", {{"decay", one["decay"]}, {"steps", 3000}},
                            class_facts(3));
    check_all(metric(real, fake, labels_of(real.size(0), 3), labels_of(fake.size(0), 3)), one["expected"],
              1e-9);
  }
}

TEST_CASE("classifier_accuracy of given logits, and of fakes that teach nothing") {
  const at::Tensor y = labels_of(90, 3);
  const at::Tensor logits = at::one_hot(y, 3).to(at::kFloat) + 0.1 * normal(90, 3, 1);
  const TestMetric given("classifier_accuracy", {{"form", "given"}}, class_facts(3));
  at::Tensor other = y.clone();
  other.slice(0, 0, 30) = (other.slice(0, 0, 30) + 1).remainder(3);
  const Found found = given(logits, logits, y, other);
  CHECK(found.at("classifier_accuracy") == Approx(2.0 / 3));
  CHECK(found.at("classifier_accuracy_real") == 1);
  CHECK_THROWS_WITH(given(normal(9, 4, 1), normal(9, 4, 1), labels_of(9, 3), labels_of(9, 3)),
                    Contains("not logits of 3 classes"));
  // Fakes of one class, and constant ones: the classifier learns what there is, and the number stays finite.
  const TestMetric trained("classifier_accuracy", {}, class_facts(3));
  const at::Tensor x = normal(90, 6, 2) + 2 * y.unsqueeze(1);
  CHECK(trained(x, x, y, y).at("classifier_accuracy") > 0.8);
  CHECK(trained(x, x.clone().fill_(0.5), y, y).at("classifier_accuracy") == Approx(1.0 / 3));
  CHECK(trained(x, x, y, at::zeros_like(y)).at("classifier_accuracy") == Approx(1.0 / 3));
  CHECK_THROWS_WITH(TestMetric("classifier_accuracy", {}, class_facts(0)), Contains("data set with classes"));
}

TEST_CASE("metrics compute in host memory, whatever the trial's device") {
  struct OnMeta {
    OnMeta() { saddle::worker::set_trial_device(at::kMeta); }
    ~OnMeta() { saddle::worker::set_trial_device(at::kCPU); }
  };
  const at::Tensor real = at::tanh(normal(40, 64, 1)), fake = at::tanh(normal(40, 64, 2));
  const at::Tensor y = labels_of(40, 2);
  for (const char* name : {"frechet", "kid", "prdc", "precision_recall", "inception_score", "swd", "ms_ssim",
                           "intra_frechet", "classifier_accuracy"}) {
    INFO(name);
    // inception_score refuses pictures, it measures what a classifier says of them.
    const bool of_logits = std::string_view(name) == "inception_score";
    const TestMetric metric(name, json::object(), of_logits ? class_facts(2) : picture_facts({1, 8, 8}, 2));
    const Found expected = metric(real, fake, y, y);
    const OnMeta meta;
    CHECK(metric(real, fake, y, y) == expected);
  }
}

TEST_CASE("single_image is the literal distance between patches, and the literal diversity") {
  const json facts = picture_facts({3, 8, 7});
  const at::Tensor real = normal(1, 3 * 8 * 7, 31), fake = normal(4, 3 * 8 * 7, 32) * 0.5 + 0.3;
  const auto patches = [](const at::Tensor& row) {
    const at::Tensor x = row.reshape({3, 8, 7}).to(at::kDouble);
    std::vector<at::Tensor> all;
    for (int64_t i = 0; i + 2 <= 8; ++i)
      for (int64_t k = 0; k + 2 <= 7; ++k)
        all.push_back(x.slice(1, i, i + 2).slice(2, k, k + 2).reshape({-1}));
    return at::stack(all);
  };
  const auto covariance = [](const at::Tensor& x) {
    const at::Tensor c = x - x.mean(0);
    return c.t().mm(c) / (x.size(0) - 1);
  };
  const at::Tensor a = patches(real[0]);
  double distance = 0;
  for (int64_t i = 0; i < 4; ++i) {
    const at::Tensor b = patches(fake[i]), s = covariance(a), t = covariance(b);
    const at::Tensor roots = at::real(at::sqrt(at::linalg_eigvals(s.mm(t))));  // of the product itself
    distance +=
        ((a.mean(0) - b.mean(0)).square().sum() + s.trace() + t.trace() - 2 * roots.sum()).item<double>() / 4;
  }
  const at::Tensor of_real = real.reshape({3, 56}).to(at::kDouble).mean(0),
                   of_fake = fake.reshape({4, 3, 56}).to(at::kDouble).mean(1);
  const double diversity = (of_fake.std(0, /*unbiased=*/false).mean() / of_real.std(false)).item<double>();
  const TestMetric metric("single_image", {{"patch", 2}}, facts);
  const Found found = metric(real, fake);
  CHECK(found.at("patch_frechet") == Approx(distance).epsilon(1e-6));
  CHECK(found.at("diversity") == Approx(diversity).epsilon(1e-6));

  const Found same = metric(real, real.expand({3, 3 * 56}).contiguous());
  CHECK(same.at("patch_frechet") == Approx(0).margin(1e-6));
  CHECK(same.at("diversity") == Approx(0).margin(1e-6));
  at::Tensor broken = fake.clone();
  broken[1][5] = std::nan("");
  for (const auto& [name, value] : metric(real, broken)) CHECK(std::isnan(value));
  CHECK_THAT(error_of([&] {
               TestMetric("single_image", {{"patch", 8}}, facts);
             }),
             Contains("a patch of 8 is larger than the pictures"));
  CHECK_THAT(error_of([&] {
               TestMetric("single_image", {{"patch", 7}}, picture_facts({1, 7, 7}));
             }),
             Contains("needs two patches"));
  CHECK_THAT(error_of([&] {
               TestMetric("single_image", json::object(), {{"sample_shape", {2}}});
             }),
             Contains("single_image is for pictures"));
}
