// Every loss against PyTorch's numbers (tests/reference/losses_reference.py) and finite differences.
#include <plugins/harness.hpp>

#include <fstream>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::test;

namespace {

json reference() {
  std::ifstream in(std::string(SADDLE_TEST_REFERENCE) + "/losses_reference.json");
  return json::parse(in);
}

at::Tensor column(const json& list) {
  const auto v = list.get<std::vector<double>>();
  return at::tensor(v, at::kDouble).view({-1, 1}).clone();
}

}  // namespace

TEST_CASE("adversarial losses give PyTorch's terms and gradients") {
  const json file = reference();
  REQUIRE(file["adversarial"].size() == 9);
  for (const json& c : file["adversarial"]) {
    DYNAMIC_SECTION(c["loss"].get<std::string>() << " " << c["config"].dump()) {
      TestLoss loss(c["loss"], c["config"]);
      const at::Tensor real = column(file["real"]).requires_grad_(),
                       fake = column(file["fake"]).requires_grad_();
      loss.tensors = {{"discriminator.real.logit", real}, {"discriminator.fake.logit", fake}};
      for (const std::string role : {"discriminator", "generator"}) {
        const NamedTensors terms = loss.terms(role);
        REQUIRE(terms.size() == c[role].size());
        for (const auto& [name, value] : terms) {
          INFO(role << " " << name);
          CHECK(value.item<double>() == Approx(c[role].at(name).get<double>()).epsilon(1e-8));
        }
        const auto found = gradients(loss.total(role), {real, fake});
        if (role == "discriminator")
          CHECK(distance(found[0], column(c["gradients"]["discriminator.real"])) < 1e-8);
        CHECK(distance(found[1], column(c["gradients"][role + ".fake"])) < 1e-8);
        const auto value = [&] { return loss.total(role).item<double>(); };
        CHECK(finite_difference_error(value, real, found[0]) < 1e-7);
        CHECK(finite_difference_error(value, fake, found[1]) < 1e-7);
      }
    }
  }
}

TEST_CASE("penalties give PyTorch's values and second-order gradients") {
  const json file = reference();
  REQUIRE(file["penalties"].size() == 5);
  const auto shape = file["image_shape"].get<std::vector<int64_t>>();
  for (const json& c : file["penalties"]) {
    DYNAMIC_SECTION(c["loss"].get<std::string>() << " " << c["config"].dump()) {
      const at::Tensor real = column(file["real_image"]).view(shape).requires_grad_();
      const at::Tensor fake = column(file["fake_image"]).view(shape);
      std::vector<at::Tensor> weights;
      const auto matrix = [](const json& rows) {
        std::vector<at::Tensor> list;
        for (const json& row : rows) list.push_back(column(row).view({-1}));
        return at::stack(list);
      };
      const at::Tensor w1 = matrix(file["network"]["w1"]).requires_grad_();
      const at::Tensor b1 = column(file["network"]["b1"]).view({-1}).requires_grad_();
      const at::Tensor w2 = matrix(file["network"]["w2"]).requires_grad_();
      const auto logit = [&](const at::Tensor& x) {
        return at::linear(at::tanh(at::linear(x.flatten(1), w1, b1)), w2);
      };

      TestLoss loss(c["loss"], c["config"]);
      loss.model = [&](const NamedTensors& in) {
        return NamedTensors{{"logit", logit(worker::find(in, "image"))}};
      };
      const auto total = [&] {
        at::manual_seed(file["seed"].get<uint64_t>());
        loss.tensors = {
            {"real.image", real}, {"fake.image", fake}, {"discriminator.real.logit", logit(real)}};
        return loss.total("discriminator");
      };
      const at::Tensor value = total();
      CHECK(value.item<double>() == Approx(c["penalty"].get<double>()).epsilon(1e-10));
      const auto found = gradients(value, {w1, b1, w2});
      CHECK(distance(found[0], matrix(c["gradients"]["w1"])) < 1e-9);
      CHECK(distance(found[1], column(c["gradients"]["b1"]).view({-1})) < 1e-9);
      CHECK(distance(found[2], matrix(c["gradients"]["w2"])) < 1e-9);
      const auto number = [&] {
        at::AutoGradMode on(true);
        return total().item<double>();
      };
      CHECK(finite_difference_error(number, w1, found[0]) < 1e-6);
      CHECK(finite_difference_error(number, b1, found[1]) < 1e-6);
      CHECK(finite_difference_error(number, w2, found[2]) < 1e-6);
    }
  }
}
