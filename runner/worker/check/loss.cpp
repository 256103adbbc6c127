#include <algorithm>
#include <set>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <check/game.hpp>
#include <bridge/random.hpp>
#include <check/gradient.hpp>
#include <check/kinds.hpp>
#include <check/usage.hpp>
#include <common/error.hpp>
#include <common/needs.hpp>
#include <train/parameters.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

// Rounds at which a loss is asked: some begin late, or rest in between.
constexpr int64_t kRounds[] = {0, 1, 1000000};

std::vector<std::string> needs_for(const Subject& subject, const Making& making) {
  return needs_of(subject.component->description.at("roles").at(making.role), making.parameters);
}

// A loss in a game for one of its roles.
class Staged {
 public:
  Staged(const Subject& subject, const Making& making, at::ScalarType type)
      : role(making.role),
        drawing_(train::make_generator(3, "create")),
        loss(*subject.component, making.parameters, making.trial.facts),
        game(making.role, making.trial, type, marked(subject, making), outputs(subject, making), making.maps),
        set_(loss.declared().parameters, buffer_specs(loss.declared(), type),
             train::make_generator(3, "weights"), {.dtype = type}) {
    for (const train::Parameter& p : set_.parameters()) parameters.push_back(p.raw);
    for (const auto& b : loss.declared().buffers) buffers.push_back(set_.buffer(b.name));
    for (const at::Tensor& b : buffers) first_buffers_.push_back(b.detach().clone());
  }

  NamedTensors compute(int64_t round) { return compute(game, round); }
  NamedTensors compute(StepSource& source, int64_t round) {
    {
      const at::NoGradGuard no_grad;
      for (size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(first_buffers_[i]);
    }
    game.begin();
    seed_components(5);
    return loss.compute(source, role, round, parameters, buffers);
  }

  // What it may be differentiated by: weights of the player, and its own parameters.
  std::vector<std::pair<std::string, at::Tensor>> variables() const {
    std::vector<std::pair<std::string, at::Tensor>> list(game.trained().begin(), game.trained().end());
    for (size_t i = 0; i < parameters.size(); ++i)
      list.emplace_back(loss.declared().parameters[i].name, parameters[i]);
    return list;
  }

  std::string role;

 private:
  train::DefaultStream drawing_;  // what an instance draws for itself when it is made is of a seed too

 public:
  Loss loss;
  FabricatedGame game;
  std::vector<at::Tensor> parameters, buffers;

 private:
  static std::set<std::string> marked(const Subject& subject, const Making& making) {
    std::set<std::string> names;
    for (const std::string& need : needs_for(subject, making))
      if (need.starts_with("gradient:")) names.insert(need.substr(9));
    return names;
  }
  static std::map<std::string, std::set<std::string>> outputs(const Subject& subject, const Making& making) {
    std::map<std::string, std::set<std::string>> names;
    for (const auto& [role, entry] : subject.component->description.at("roles").items())
      for (const std::string& need : needs_of(entry, making.parameters))
        if (const size_t dot = need.find('.'); dot != std::string::npos && !need.starts_with("gradient:"))
          names[need.substr(0, dot)].insert(need.substr(dot + 1));
    return names;
  }
  static std::vector<train::BufferSpec> buffer_specs(const Declared& declared, at::ScalarType type) {
    std::vector<train::BufferSpec> specs = declared.buffers;
    for (train::BufferSpec& b : specs)
      if (at::isFloatingType(b.dtype) && !b.own.defined()) b.dtype = type;
    return specs;
  }
  train::ParameterSet set_;
  std::vector<at::Tensor> first_buffers_;
};

std::vector<at::Tensor> gradients(const at::Tensor& value,
                                  const std::vector<std::pair<std::string, at::Tensor>>& variables) {
  std::vector<at::Tensor> leaves;
  for (const auto& [name, leaf] : variables) leaves.push_back(leaf);
  if (leaves.empty() || !value.requires_grad()) return std::vector<at::Tensor>(leaves.size());
  return torch::autograd::grad({value}, leaves, {}, /*retain_graph=*/true, /*create_graph=*/false,
                               /*allow_unused=*/true);
}

class LossUsage : public Usage {
 public:
  LossUsage(const Subject& subject, const Making& making) : staged_(subject, making, at::kFloat) {}
  // Terms and gradients of the first rounds.
  NamedTensors run() override {
    NamedTensors all;
    for (const int64_t round : {0, 1})
      for (const auto& [name, term] : staged_.compute(round)) {
        const std::string where = name + " of round " + std::to_string(round);
        all.emplace_back(where, term.detach().clone());
        const auto variables = staged_.variables();
        const auto by = gradients(term, variables);
        for (size_t i = 0; i < by.size(); ++i)
          if (by[i].defined()) all.emplace_back(where + " by " + variables[i].first, by[i].detach().clone());
      }
    return all;
  }

 private:
  Staged staged_;
};

// A game in which nothing is there.
struct Nothing : StepSource {
  bool asked = false;
  at::Tensor input(const std::string&) override { return {}; }
  at::Tensor output(const std::string& model, const std::string& sample, const std::string& name) override {
    asked = true;
    throw Error("check lets there be no " + model + "." + sample + "." + name);
  }
  NamedTensors run(const std::string& model, const NamedTensors&) override {
    asked = true;
    throw Error("check lets there be no model '" + model + "'");
  }
};

class LossCheck {
 public:
  LossCheck(const Subject& subject, Report& report)
      : subject_(subject),
        report_(report),
        usages_{[this](const Making& m) { return std::make_unique<LossUsage>(subject_, m); }, {}, {}},
        pristine_(usages_) {
    for (const auto& [role, entry] : subject.component->description.at("roles").items())
      roles_.push_back(role);
  }

  void run() {
    report_.rule("create", {}, [&] { return try_to_create(subject_, roles_, usages_); });
    report_.rule("terms", {"create"}, [&] { return terms(); });
    report_.rule("borrowed", {"terms"}, [&] { return borrowed(); });
    report_.rule("needs", {"terms"}, [&] { return needs(); });
    report_.rule("seed", {"terms"}, [&] { return check_seed(usages_); });
    report_.rule("gradient", {"terms", "borrowed", "seed"}, [&] { return gradient(); });
    report_.rule("instances", {"terms", "seed"}, [&] { return check_instances(usages_, pristine_); });
    report_.rule("errors", {"terms"}, [&] { return errors(); });
    report_.rule("handles", {"terms"}, [&] { return check_handles_released(usages_); });
  }

 private:
  bool wants_labels(const std::string& role) const {
    const auto& list = subject_.component->description.at("roles").at(role).at("needs");
    return std::find(list.begin(), list.end(), "label") != list.end();
  }

  // Whether it gives any, in any round.
  bool give_terms(const Making& making) const {
    if (wants_labels(making.role) && making.trial.facts.at("classes") == 0)
      throw Error("it needs labels, which this trial has not");
    Staged staged(subject_, making, at::kFloat);
    bool any = false;
    for (const int64_t round : kRounds) {
      const std::string where = making.text() + ", round " + std::to_string(round) + ": ";
      std::set<std::string> names;
      for (const auto& [name, term] : staged.compute(round)) {
        const std::string what = where + "the term \"" + name + "\" ";
        any = true;
        if (!names.insert(name).second) throw Broken(what + "is given twice");
        if (!at::isfinite(term).all().item<bool>()) throw Broken(what + "is not finite");
        const auto by = gradients(term, staged.variables());
        if (std::none_of(by.begin(), by.end(), [](const at::Tensor& g) { return g.defined(); }))
          throw Broken(what + "does not depend on the player's weights: it teaches it nothing");
      }
    }
    return any;
  }

  // The same; where it fails, with outputs of the other form. Of two failures the first one counts.
  bool give_terms_somehow(Making& making) const {
    std::string failure;
    bool any = false;
    for (const bool maps : {false, true}) {
      making.maps = maps;
      const std::string text = error_text([&] { any = give_terms(making); });
      if (text.empty()) return any;
      if (failure.empty()) failure = text;
    }
    throw Error(failure);
  }

  std::string terms() {
    std::set<std::string> with_terms;
    const std::string remark = try_to_use(subject_, usages_, [&](Making& making) {
      if (give_terms_somehow(making)) with_terms.insert(making.role);
    });
    // A parameter may say for which player it is.
    for (Making& made : usages_.accepted) {
      for (const Making& other : usages_.others) {
        if (with_terms.contains(made.role)) break;
        bool any = false;
        if (other.role != made.role || !error_text([&] { any = give_terms(other); }).empty() || !any)
          continue;
        made = other;
        with_terms.insert(made.role);
      }
      if (!with_terms.contains(made.role)) throw Broken("for " + made.role + " it gives no term");
    }
    return remark;
  }

  std::string borrowed() {
    for (const Making& making : usages_.accepted) {
      Staged staged(subject_, making, at::kFloat);
      staged.compute(0);
      if (const std::string name = staged.game.changed(); !name.empty())
        throw Broken("for " + making.text() + ", it changes " + name + ", which it was lent");
    }
    return "";
  }

  // What it asks for in any round and with any parameters, by role.
  std::string needs() {
    std::map<std::string, std::set<std::string>> unused;
    std::set<std::string> used_somewhere, listed_somewhere;
    std::vector<Making> all = usages_.accepted;
    all.insert(all.end(), usages_.others.begin(), usages_.others.end());
    for (const Making& making : all) {
      std::set<std::string> listed, used;
      for (const std::string& need : needs_for(subject_, making)) listed.insert(need);
      if (listed.contains("label") && making.trial.facts.at("classes") == 0) continue;
      listed_somewhere.insert(listed.begin(), listed.end());
      std::unique_ptr<Staged> staged;
      if (!error_text([&] { staged = std::make_unique<Staged>(subject_, making, at::kFloat); }).empty())
        continue;
      for (const int64_t round : kRounds) (void)error_text([&] { staged->compute(round); });
      for (const std::string& output : staged->game.outputs_used) {
        used_somewhere.insert(output);
        if (!output.ends_with(".*") && !listed.contains(output))
          throw Broken("for " + making.role + " it asks for " + output +
                       ", which its description does not list among what it needs");
      }
      for (const std::string& input : staged->game.inputs_used) {
        used_somewhere.insert("gradient:" + input);
        if (input.ends_with(".label")) used_somewhere.insert("label");
      }
    }
    std::vector<std::string> idle;
    for (const std::string& need : listed_somewhere)
      if (!used_somewhere.contains(need) && !used_somewhere.contains(need.substr(0, need.find('.')) + ".*"))
        idle.push_back(need);
    if (!idle.empty())
      throw Broken("its description says that it needs " + listed(idle) + ", which it never asks for");
    return "";
  }

  // It computes with tensors of its own, which are what they are.
  bool keeps_own(const Making& making) const {
    const Loss loss(*subject_.component, making.parameters, making.trial.facts);
    const auto& list = loss.declared().parameters;
    return std::any_of(list.begin(), list.end(), [](const auto& p) { return p.own.defined(); });
  }

  std::string gradient() {
    const bool surrogate = subject_.claims("surrogate_gradient");
    std::string remark = "in float64";
    std::map<std::string, bool> reached;  // its own parameters, by any role
    for (const Making& making : usages_.accepted) {
      at::ScalarType type = keeps_own(making) ? at::kFloat : at::kDouble;
      int64_t round = -1;
      const auto first_round = [&] {
        Staged staged(subject_, making, type);
        for (const int64_t r : kRounds)
          if (!staged.compute(r).empty()) return r;
        return int64_t{0};
      };
      try {
        round = first_round();
      } catch (const std::exception&) {
        type = at::kFloat;
        round = first_round();
      }
      if (type == at::kFloat) remark = "in float32: it cannot compute in float64";
      Staged staged(subject_, making, type);
      Differentiated f;
      f.value = [&] {
        at::Tensor sum = at::zeros({}, at::kDouble);
        double weight = 1;
        for (const auto& [name, term] : staged.compute(round))
          sum = sum + (weight += 0.37) * term.to(at::kDouble);
        return sum;
      };
      (void)f.value();  // now the weights are there
      f.variables = staged.variables();
      const GradientFaults faults = check_gradients(f, !surrogate);
      if (!faults.disagreement.empty()) throw Broken("for " + making.text() + ", " + faults.disagreement);
      for (const auto& p : staged.loss.declared().parameters)
        reached[p.name] |=
            std::find(faults.unreached.begin(), faults.unreached.end(), p.name) == faults.unreached.end();
    }
    for (const auto& [name, any] : reached)
      if (!any) throw Broken("no gradient of any role reaches its parameter \"" + name + "\"");
    return surrogate ? "not compared with differences: its description says surrogate_gradient" : remark;
  }

  std::string errors() {
    for (const Making& making : usages_.accepted) {
      Staged staged(subject_, making, at::kFloat);
      Nothing nothing;
      const std::string text = error_text([&] { staged.compute(nothing, 0); });
      if (text.empty() && nothing.asked)
        throw Broken("for " + making.text() +
                     " it reports success although it was refused what it asked for");
    }
    return check_failing_calls(usages_);
  }

  const Subject& subject_;
  Report& report_;
  std::vector<std::string> roles_;
  Usages usages_;
  Pristine pristine_;
};

}  // namespace

void check_loss(const Subject& subject, Report& report) { LossCheck(subject, report).run(); }

}  // namespace saddle::worker
