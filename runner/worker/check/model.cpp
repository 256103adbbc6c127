#include <algorithm>
#include <optional>
#include <set>

#include <ATen/core/grad_mode.h>

#include <bridge/random.hpp>
#include <check/gradient.hpp>
#include <check/kinds.hpp>
#include <check/small.hpp>
#include <check/usage.hpp>
#include <common/error.hpp>
#include <train/parameters.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

// A model in a role with tensors of its own.
class Played {
 public:
  Played(const Subject& subject, const Making& making, at::ScalarType type)
      : drawing_(train::make_generator(3, "create")),
        model(*subject.component, making.role, making.parameters, making.trial.facts),
        set_(model.declared().parameters, buffer_specs(model.declared(), type),
             train::make_generator(3, "weights"), {.dtype = type}),
        making_(making),
        type_(type) {
    for (const train::Parameter& p : set_.parameters()) parameters.push_back(p.raw);
    for (const auto& b : model.declared().buffers) buffers.push_back(set_.buffer(b.name));
    first_buffers_ = clones(buffers);
  }

  NamedTensors inputs(int64_t n) const {
    NamedTensors list;
    for (const std::string& name : model.inputs())
      if (const at::Tensor t = make_input(name, making_.trial, n, type_, making_.shapes); t.defined())
        list.emplace_back(name, t);
    return list;
  }
  // Those whose shape is known.
  NamedTensors known_inputs(int64_t n) const {
    NamedTensors list;
    for (const std::string& name : model.inputs()) {
      try {
        if (const at::Tensor t = make_input(name, making_.trial, n, type_, making_.shapes); t.defined())
          list.emplace_back(name, t);
      } catch (const NotApplied&) {
        continue;
      }
    }
    return list;
  }
  // As if it were the first pass.
  NamedTensors forward(const NamedTensors& given, bool training) {
    restore();
    seed_components(5);
    return model.forward(parameters, buffers, given, training);
  }
  void restore() {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(first_buffers_[i]);
  }
  // It computes with tensors of its own, which are what they are.
  static bool keeps_own(const Declared& declared) {
    return std::any_of(declared.parameters.begin(), declared.parameters.end(),
                       [](const auto& p) { return p.own.defined(); });
  }
  static std::vector<at::Tensor> clones(const std::vector<at::Tensor>& list) {
    std::vector<at::Tensor> copies;
    for (const at::Tensor& t : list) copies.push_back(t.detach().clone());
    return copies;
  }

 private:
  train::DefaultStream drawing_;  // what an instance draws for itself when it is made is of a seed too

 public:
  Model model;
  std::vector<at::Tensor> parameters, buffers;

 private:
  static std::vector<train::BufferSpec> buffer_specs(const Declared& declared, at::ScalarType type) {
    std::vector<train::BufferSpec> specs = declared.buffers;
    for (train::BufferSpec& b : specs)
      if (at::isFloatingType(b.dtype) && !b.own.defined()) b.dtype = type;
    return specs;
  }
  train::ParameterSet set_;
  Making making_;
  at::ScalarType type_;
  std::vector<at::Tensor> first_buffers_;
};

class ModelUsage : public Usage {
 public:
  ModelUsage(const Subject& subject, const Making& making) : played_(subject, making, at::kFloat) {}
  NamedTensors run() override {
    const at::NoGradGuard no_grad;
    NamedTensors all;
    for (const bool training : {true, false})
      for (const auto& [name, tensor] : played_.forward(played_.inputs(3), training))
        all.emplace_back(name + (training ? " in training" : " in evaluation"), tensor.detach().clone());
    return all;
  }

 private:
  Played played_;
};

// Of one instance; more of them make rules slow that try every weight.
constexpr double kWeights = 100'000;

class ModelCheck {
 public:
  ModelCheck(const Subject& subject, Report& report)
      : subject_(subject),
        report_(report),
        usages_{[this](const Making& m) { return std::make_unique<ModelUsage>(subject_, m); }, {}, {}},
        pristine_(usages_) {
    for (const auto& [role, entry] : subject.component->description.at("roles").items())
      roles_.push_back(role);
  }

  void run() {
    report_.rule("create", {}, [&] { return create(); });
    report_.rule("forward", {"create"}, [&] { return forward(); });
    report_.rule("borrowed", {"forward"}, [&] { return borrowed(); });
    report_.rule("seed", {"forward"}, [&] { return check_seed(usages_); });
    report_.rule("gradient", {"forward", "borrowed", "seed"}, [&] { return gradient(); });
    report_.rule("instances", {"forward", "seed"}, [&] { return check_instances(usages_, pristine_); });
    report_.rule("errors", {"forward"}, [&] { return errors(); });
    report_.rule("handles", {"forward"}, [&] { return check_handles_released(usages_); });
  }

 private:
  // Networks that give features read published weights; where those are not at hand, random ones do.
  std::string create() {
    try {
      return try_to_create(subject_, roles_, usages_);
    } catch (const Broken& e) {
      const std::string fault = e.what();
      const auto weights = subject_.parameters.find("weights");
      if (subject_.given.contains("weights") ||
          !subject_.component->description.at("roles").contains("features") ||
          weights == subject_.parameters.end() || !weights->is_string())
        throw;
      *weights = "random";
      usages_.accepted.clear();
      usages_.others.clear();
      try {
        return try_to_create(subject_, roles_, usages_) + ", with weights=random: not with its default ones";
      } catch (const Broken&) {
        throw Broken(fault);
      }
    }
  }

  // An input of one role may be what another one gives, or the same one in another call: a decoder's code.
  void learn_shapes(Usages& usages) const {
    Shapes learnt;
    for (const auto* list : {&usages.accepted, &usages.others})
      for (const Making& making : *list) {
        try {
          Played played(subject_, making, at::kFloat);
          const at::NoGradGuard no_grad;
          for (const auto& [name, tensor] : played.forward(played.known_inputs(2), false))
            if (tensor.dim() > 1) learnt.try_emplace(name, tensor.sizes().slice(1).vec());
        } catch (const std::exception&) {
          continue;  // what is wrong is said when it is checked
        }
      }
    for (auto* list : {&usages.accepted, &usages.others})
      for (Making& making : *list) making.shapes.insert(learnt.begin(), learnt.end());
  }

  void check_outputs(const Making& making, const NamedTensors& outputs, int64_t n, const std::string& how) {
    const std::string where = making.text() + ", " + how + ": ";
    std::set<std::string> names;
    for (const auto& [name, tensor] : outputs) {
      if (!names.insert(name).second) throw Broken(where + "output \"" + name + "\" is given twice");
      if (tensor.dim() < 1 || tensor.size(0) != n)
        throw Broken(where + "output \"" + name + "\" is " + shape_text(tensor) + " for a batch of " +
                     std::to_string(n));
      if (at::isFloatingType(tensor.scalar_type()) && tensor.scalar_type() != at::kFloat)
        throw Broken(where + "output \"" + name + "\" is " + c10::toString(tensor.scalar_type()) +
                     ", its inputs are float32");
      if (!at::isfinite(tensor).all().item<bool>())
        throw Broken(where + "output \"" + name + "\" is not finite");
      if (name == "image" && tensor.sizes().slice(1) != at::IntArrayRef(sample_shape(making.trial)))
        throw Broken(where + "image is " + shape_text(tensor) + ", the data set's are " +
                     shape_name(sample_shape(making.trial)));
      given_[making.role].insert(name);
    }
  }
  static std::string shape_text(const at::Tensor& t) { return "[" + shape_name(t.sizes().vec()) + "]"; }

  std::string use(const Subject& subject, Usages& usages) {
    learn_shapes(usages);
    return try_to_use(subject, usages, [&](Making& making) {
      Played played(subject_, making, at::kFloat);
      const at::NoGradGuard no_grad;
      for (const bool training : {true, false})
        for (const int64_t n : {int64_t{4}, training ? int64_t{2} : int64_t{1}})
          check_outputs(
              making, played.forward(played.inputs(n), training), n,
              std::string(training ? "training" : "evaluation") + " with a batch of " + std::to_string(n));
    });
  }

  // The most weights and numbers in buffers that an instance has with these parameters.
  std::optional<double> size_of(const std::vector<Making>& makings, const nlohmann::json& parameters) const {
    double most = 0;
    const std::string refusal = error_text([&] {
      for (const Making& making : makings) {
        const Model model(*subject_.component, making.role, parameters, making.trial.facts);
        double size = 0;
        const auto add = [&](const auto& specs) {
          for (const auto& spec : specs) size += static_cast<double>(c10::multiply_integers(spec.shape));
        };
        add(model.declared().parameters);
        add(model.declared().buffers);
        most = std::max(most, size);
      }
    });
    return refusal.empty() ? std::optional(most) : std::nullopt;
  }

  std::string forward() {
    const Usages made = usages_;
    std::string remark = use(subject_, usages_);
    for (const auto& [role, entry] : subject_.component->description.at("roles").items())
      for (const nlohmann::json& output : entry.at("outputs"))
        if (!given_[role].contains(output.get<std::string>()))
          throw Broken("as " + role + " it lists the output " + output.dump() + ", but never gives it");
    std::vector<Making> all = made.accepted;
    all.insert(all.end(), made.others.begin(), made.others.end());
    const std::string small = make_small(
        subject_, usages_, made, kWeights, [&](const auto& p) { return size_of(all, p); },
        [&](const Subject& subject, Usages& usages) { use(subject, usages); });
    return remark + (remark.empty() || small.empty() ? "" : "; ") + small;
  }

  std::string borrowed() {
    for (const Making& making : usages_.accepted) {
      Played played(subject_, making, at::kFloat);
      const NamedTensors given = played.inputs(3), before = copies(given);
      const auto weights = Played::clones(played.parameters), buffers = Played::clones(played.buffers);
      const auto same = [&](const std::vector<at::Tensor>& was, const std::vector<at::Tensor>& is,
                            const auto& specs, const std::string& what) {
        for (size_t i = 0; i < was.size(); ++i)
          if (!at::equal(was[i], is[i].detach()))
            throw Broken(making.text() + ", it changes the " + what + " \"" + specs[i].name + "\"");
      };
      const at::NoGradGuard no_grad;
      for (const bool training : {false, true}) {
        played.forward(given, training);
        if (!training) same(buffers, played.buffers, played.model.declared().buffers, "buffer in evaluation");
        same(weights, played.parameters, played.model.declared().parameters, "parameter");
        if (const std::string fault = difference(before, given); !fault.empty())
          throw Broken(making.text() + ", it changes its input: " + fault);
      }
    }
    return "";
  }

  // The sum of all outputs with random weights, as a function of parameters and inputs.
  std::string gradient_of(const Making& making, at::ScalarType type) {
    Played played(subject_, making, type);
    NamedTensors given = played.inputs(3);
    Differentiated f;
    for (size_t i = 0; i < played.parameters.size(); ++i) {
      const std::string& name = played.model.declared().parameters[i].name;
      f.variables.emplace_back(name, played.parameters[i]);
      // A bias of zero behind units that are all off would stand on the kink of the next ReLU.
      const at::NoGradGuard no_grad;
      played.parameters[i].add_(normal(played.parameters[i].sizes(), name + "/shift").mul_(0.01).to(type));
    }
    for (auto& [name, tensor] : given)
      if (at::isFloatingType(tensor.scalar_type()))
        f.variables.emplace_back(name, tensor.requires_grad_(true));
    f.value = [&] {
      at::Tensor sum = at::zeros({}, at::kDouble);
      for (const auto& [name, tensor] : played.forward(given, true))
        if (at::isFloatingType(tensor.scalar_type()))
          sum = sum + (tensor.to(at::kDouble) * normal(tensor.sizes(), name + "/weight")).sum();
      return sum;
    };
    const bool surrogate = subject_.claims("surrogate_gradient");
    const GradientFaults faults = check_gradients(f, !surrogate);
    if (!faults.disagreement.empty()) throw Broken(making.text() + ", " + faults.disagreement);
    if (!faults.unreached.empty())
      throw Broken(making.text() + ", no gradient reaches " + listed(faults.unreached));
    return surrogate ? "not compared with differences: its description says surrogate_gradient" : "";
  }

  std::string gradient() {
    std::string remark = "in float64";
    for (const Making& making : usages_.accepted) {
      const bool own = Played::keeps_own(Played(subject_, making, at::kFloat).model.declared());
      bool doubles = !own;
      if (doubles) {
        try {
          const at::NoGradGuard no_grad;
          Played played(subject_, making, at::kDouble);
          for (const auto& [name, tensor] : played.forward(played.inputs(3), true))
            doubles &= !at::isFloatingType(tensor.scalar_type()) || tensor.scalar_type() == at::kDouble;
        } catch (const std::exception&) {
          doubles = false;
        }
      }
      const std::string said = gradient_of(making, doubles ? at::kDouble : at::kFloat);
      if (!doubles) remark = "in float32: it cannot compute in float64";
      if (!said.empty()) remark = said;
    }
    return remark;
  }

  std::string errors() {
    for (const Making& making : usages_.accepted) {
      Played played(subject_, making, at::kFloat);
      if (played.model.inputs().empty()) continue;
      if (error_text([&] { played.forward({}, false); }).empty())
        throw Broken(making.text() + ", it reports success without " + listed(played.model.inputs()));
    }
    return check_failing_calls(usages_);
  }

  Subject subject_;
  Report& report_;
  std::vector<std::string> roles_;
  Usages usages_;
  Pristine pristine_;
  std::map<std::string, std::set<std::string>> given_;  // outputs, by role
};

}  // namespace

void check_model(const Subject& subject, Report& report) { ModelCheck(subject, report).run(); }

}  // namespace saddle::worker
