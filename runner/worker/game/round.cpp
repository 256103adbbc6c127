#include <game/game.hpp>

#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>

#include <game/step.hpp>
#include <train/schedule.hpp>

// A round of a game: each player's updates, in order.
namespace saddle::worker {
namespace {

// Adds what one of `passes` passes said to the mean over them.
void add_share(Record* mean, const Record& pass, int64_t passes) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : pass) {
    const auto same =
        std::find_if(mean->begin(), mean->end(), [&, &n = name](const auto& e) { return e.first == n; });
    const at::Tensor share = passes == 1 ? value : value / passes;
    if (same == mean->end())
      mean->emplace_back(name, share);
    else
      same->second = same->second + share;
  }
}

}  // namespace

bool Game::play(int64_t round, Record* record, Fault* fault) {
  const auto& train = trial_.config.at("train");
  const auto& updates = train.at("updates");
  take_over(round);
  const auto its_rounds = [&](const std::string& name) {
    const auto [from, to] = rounds_of(name);
    return round >= from && round < to;
  };
  const bool evaluated = train.value("resting", "training") == "evaluation";
  for (const auto& [name, player] : players_)
    player->resting = evaluated && player->update && !its_rounds(name);
  for (const std::string& name : order_) {
    Player& player = *players_.at(name);
    if (!player.update || !its_rounds(name)) continue;
    const int64_t count = updates.value(name, int64_t{1});
    for (int64_t i = 0; i < count; ++i)
      if (!update(player, round, i + 1 == count ? record : nullptr, fault)) return false;
  }
  return true;
}

void Game::begin(Player& player, int64_t number) {
  player.update->begin(number);
  for (const auto& [name, other] : players_)
    if (other.get() != &player) other->model.weights.begin(number, train::Use::other);
  for (auto& entry : losses_)
    if (entry.owner != player.name)
      entry.loss->weights.begin(number, train::Use::other);
    else if (entry.loss->instance.declared().parameters.empty())
      entry.loss->weights.begin(number, train::Use::own);
}

bool Game::update(Player& player, int64_t round, Record* record, Fault* fault) {
  const int64_t number = ++update_number_;
  begin(player, number);
  const int64_t passes = trial_.config.at("train").value("accumulate", int64_t{1});
  std::vector<at::Tensor> gradients;
  Record said;
  for (int64_t pass = 0; pass < passes; ++pass) {
    Record terms;
    at::Tensor total;
    const bool finite = compute(player, round, number, &total, &terms, fault);
    add_share(&said, terms, passes);
    if (!finite) {
      if (record) record->insert(record->end(), said.begin(), said.end());
      return false;
    }
    if (!total.defined()) continue;  // lazy losses may have nothing to say in this round
    std::vector<at::Tensor> of_pass = placed("/models/" + player.name, [&] {
      return player.update->gradients(passes == 1 ? total : total / passes);
    });
    if (gradients.empty())
      gradients = std::move(of_pass);
    else
      at::_foreach_add_(gradients, of_pass);
  }
  if (record) record->insert(record->end(), said.begin(), said.end());
  if (gradients.empty()) return true;
  const auto& optimizer = *player.optimizer;
  const double lr = optimizer.lr * train::factor(optimizer.schedule, round,
                                                 trial_.config.at("train").at("rounds").get<int64_t>());
  const at::Tensor norm = placed("/models/" + player.name, [&] {
    return player.update->apply(std::move(gradients), lr, round, record != nullptr);
  });
  if (record) {
    if (norm.defined()) record->emplace_back(player.name + "/grad_norm", norm);
    record->emplace_back(player.name + "/lr", at::scalar_tensor(lr, at::kDouble));
  }
  return true;
}

bool Game::compute(Player& player, int64_t round, int64_t number, at::Tensor* sum, Record* terms_said,
                   Fault* fault) {
  PlayerStep step(*this, player, number);
  for (const auto& entry : losses_)
    if (const std::string role = role_in(entry.cast, entry.loss->instance, player.name); !role.empty())
      for (const std::string& need : entry.loss->instance.needs(role))
        if (need.starts_with("gradient:")) step.mark(entry.cast.input(need.substr(9)));

  at::Tensor& total = *sum;
  std::vector<size_t> heard;  // the losses that had something to say
  NamedTensors said;
  for (size_t i = 0; i < losses_.size(); ++i) {
    LossEntry& entry = losses_[i];
    const std::string role = role_in(entry.cast, entry.loss->instance, player.name);
    if (role.empty()) continue;
    step.play(entry.cast);
    const NamedTensors terms = placed("/losses/" + std::to_string(i), [&] {
      const Declared& declared = entry.loss->instance.declared();
      try {
        return entry.loss->instance.compute(step, role, round,
                                            weights_of(declared, entry.loss->weights, number),
                                            buffers_of(declared, entry.loss->set));
      } catch (const std::exception& e) {
        if (step.failure()) std::rethrow_exception(step.failure());
        const std::string text = message_of(e),
                          why = why_unlabelled(trial_.config.at("dataset"), dataset_->info().classes);
        if (text.find(".label'") == std::string::npos || why.empty()) throw;
        throw Error(text + "; " + why);
      }
    });
    if (!terms.empty()) heard.push_back(i);
    for (const auto& [name, value] : terms) {
      said.emplace_back("term '" + name + "' of loss '" + entry.name + "'", value);
      const at::Tensor weighted = entry.weight == 1 ? value : value * entry.weight;
      total = total.defined() ? total + weighted : weighted;
      terms_said->emplace_back(player.name + "/" + entry.name + "/" + name, value.detach());
    }
  }
  if (!total.defined()) return true;
  terms_said->emplace_back(player.name + "/total", total.detach());
  // On the CPU looking costs nothing; on a GPU it would wait for the device.
  if (trial_device().is_cpu()) {
    const double value = total.item<double>();
    if (!std::isfinite(value)) {
      *fault = {player.name + "/total", value, step.first_nonfinite()};
      for (const auto& [name, term] : said)
        if (fault->origin.empty() && !at::isfinite(term).all().item<bool>()) fault->origin = name;
      return false;
    }
  }
  if (!total.requires_grad())
    throw PlacedError(heard.size() == 1 ? "/losses/" + std::to_string(heard[0]) : "/losses",
                      "loss " + names_of(heard) + ": what it gave '" + player.name +
                          "' to minimise does not depend on that player's weights (was it detached?), so "
                          "nothing can be trained");
  return true;
}

std::string Game::names_of(const std::vector<size_t>& losses) const {
  std::string text;
  for (const size_t i : losses) text += (text.empty() ? "'" : ", '") + losses_[i].name + "'";
  return text;
}

}  // namespace saddle::worker
