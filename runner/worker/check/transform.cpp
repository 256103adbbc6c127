#include <ATen/core/grad_mode.h>

#include <bridge/random.hpp>
#include <check/gradient.hpp>
#include <check/kinds.hpp>
#include <check/usage.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

at::Tensor image_of(const Making& making, int64_t n, at::ScalarType type) {
  return make_input("image", making.trial, n, type, {});
}

// With buffers as they are at first, and logits as the discriminator's.
at::Tensor apply(const Transform& transform, const at::Tensor& image) {
  seed_components(5);
  return transform.apply(image, transform.first_buffers(),
                         normal({image.size(0), 1}, "real_logit").to(at::kFloat));
}

class TransformUsage : public Usage {
 public:
  TransformUsage(const Subject& subject, const Making& making)
      : making_(making), transform_(*subject.component, making.parameters, making.trial.facts) {}
  NamedTensors run() override {
    return {{"image", apply(transform_, image_of(making_, 4, at::kFloat)).detach().clone()}};
  }

 private:
  Making making_;
  Transform transform_;
};

Transform made(const Subject& subject, const Making& making) {
  return Transform(*subject.component, making.parameters, making.trial.facts);
}

std::string forward(const Subject& subject, Usages& usages) {
  return try_to_use(subject, usages, [&](Making& making) {
    const Transform transform = made(subject, making);
    for (const int64_t n : {4, 1}) {
      // What it gives is held against what it was given by the bridge: shape, type and place.
      const at::Tensor out = apply(transform, image_of(making, n, at::kFloat));
      if (!at::isfinite(out).all().item<bool>())
        throw Broken(making.text() + ", what it gives is not finite");
    }
  });
}

std::string borrowed(const Subject& subject, const Usages& usages) {
  for (const Making& making : usages.accepted) {
    const Transform transform = made(subject, making);
    const at::Tensor image = image_of(making, 4, at::kFloat), before = image.clone();
    apply(transform, image);
    if (!at::equal(image, before)) throw Broken(making.text() + ", it changes the picture it was lent");
  }
  return "";
}

std::string gradient(const Subject& subject, const Usages& usages) {
  std::string remark = "in float64";
  const bool surrogate = subject.claims("surrogate_gradient");
  for (const Making& making : usages.accepted) {
    const Transform transform = made(subject, making);
    at::ScalarType type = at::kDouble;
    try {
      (void)apply(transform, image_of(making, 3, type));
    } catch (const std::exception&) {
      type = at::kFloat;
      remark = "in float32: it cannot compute in float64";
    }
    const at::Tensor image = image_of(making, 3, type).requires_grad_(true);
    const Differentiated f = {[&] {
                                const at::Tensor out = apply(transform, image);
                                return (out.to(at::kDouble) * normal(out.sizes(), "image/weight")).sum();
                              },
                              {{"image", image}}};
    const GradientFaults faults = check_gradients(f, !surrogate);
    if (!faults.disagreement.empty()) throw Broken(making.text() + ", " + faults.disagreement);
    if (!faults.unreached.empty()) throw Broken(making.text() + ", no gradient reaches the picture");
  }
  return surrogate ? "not compared with differences: its description says surrogate_gradient" : remark;
}

}  // namespace

void check_transform(const Subject& subject, Report& report) {
  Usages usages;
  usages.make = [&](const Making& m) {
    train::seed_default_generators(3);
    return std::make_unique<TransformUsage>(subject, m);
  };
  const Pristine pristine(usages);
  report.rule("create", {}, [&] { return try_to_create(subject, {""}, usages); });
  report.rule("forward", {"create"}, [&] { return forward(subject, usages); });
  report.rule("borrowed", {"forward"}, [&] { return borrowed(subject, usages); });
  report.rule("seed", {"forward"}, [&] { return check_seed(usages); });
  report.rule("gradient", {"forward", "borrowed", "seed"}, [&] { return gradient(subject, usages); });
  report.rule("instances", {"forward", "seed"}, [&] { return check_instances(usages, pristine); });
  report.rule("errors", {"forward"}, [&] { return check_failing_calls(usages); });
  report.rule("handles", {"forward"}, [&] { return check_handles_released(usages); });
}

}  // namespace saddle::worker
