#include <commands/eval_trial.hpp>

#include <cmath>
#include <iostream>

#include <commands/trained_game.hpp>
#include <common/error.hpp>
#include <game/measure.hpp>

namespace saddle::worker {
namespace {

nlohmann::json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

}  // namespace

void evaluate_trial(const Request& request) {
  try {
    TrainedGame trained = load_game(request);
    if (!trained.game->has_generator() && !request.at("truncations").empty())
      throw Error("trial " + trained.trial.name +
                  " has no player called generator, whose z could be truncated");
    if (!request.at("seed").is_null()) trained.trial.seed = request.at("seed").get<int64_t>();
    Measuring measuring(trained.trial, *trained.game);
    if (!request.at("seed").is_null()) measuring.say_seed(trained.trial.seed);
    nlohmann::json answer = {
        {"step", trained.step}, {"numbers", nlohmann::json::array()}, {"validation", nullptr}};
    std::vector<double> truncations = request.at("truncations").get<std::vector<double>>();
    const bool curve = !truncations.empty();
    if (!curve) truncations.push_back(-1);
    for (const double truncation : truncations)
      measuring.evaluate(
          curve ? std::optional(truncation) : std::nullopt,
          [&](const std::string& name, double value, const nlohmann::json& protocol) {
            answer["numbers"].push_back({{"name", name},
                                         {"value", number(value)},
                                         {"protocol", protocol},
                                         {"truncation", protocol.value("truncation", nlohmann::json())}});
          });
    if (request.at("validation").get<bool>())
      if (const auto held_out = measuring.held_out(); !held_out.split.empty()) {
        answer["validation"] = {{"split", held_out.split}, {"samples", held_out.samples}};
        for (const auto& [name, value] : held_out.numbers)
          answer["validation"]["numbers"][name] = number(value);
      }
    std::cout << answer.dump() << '\n';
  } catch (const PlacedError& e) {
    throw Error((e.pointer.empty() ? "" : e.pointer + ": ") + e.what());
  }
}

}  // namespace saddle::worker
