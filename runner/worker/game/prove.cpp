#include <game/prove.hpp>

#include <ATen/Parallel.h>

#include <algorithm>

#include <bridge/shapes_only.hpp>
#include <game/extractor.hpp>
#include <game/game.hpp>
#include <game/measure.hpp>

namespace saddle::worker {

nlohmann::json prove(const nlohmann::json& request) {
  nlohmann::json answer = {{"id", request.value("id", 0)}, {"ok", false}, {"pointer", ""}};
  try {
    Trial trial = Trial::from_json({{"config", request.at("config")},
                                    {"plugins", request.at("plugins")},
                                    {"pins", request.value("pins", nlohmann::json::object())}});
    // Shapes and wiring do not depend on the device, and this machine may lack the trial's.
    trial.config["train"]["device"] = "cpu";
    at::set_num_threads(1);
    const ShapesOnly quick;
    // What is done several times in a round is proved by doing it once.
    trial.config["train"]["accumulate"] = 1;
    for (auto& [player, count] : trial.config["train"]["updates"].items()) count = 1;
    // Nor do they depend on the weights, of which orthogonal ones take minutes for a large network.
    for (auto& [name, model] : trial.config["models"].items())
      if (model.at("init") != "default" && model.at("init") != "data") model["init"] = "normal";
    const bool selects = Selection::wanted(trial);
    // Scores may take hours; that they can be made, and how many samples remain, is known without them.
    const Trial whole = trial;
    if (selects) {
      trial.config["dataset"].erase("select");
      for (auto& metric : trial.config["metrics"]) metric["selected"] = false;
    }
    // A set may have one sample.
    Game game(trial, /*batch=*/std::min<int64_t>(2, trial.config["train"]["batch"]));
    game.take_past();
    if (selects) {
      const Selection::Prospect left = Selection(whole, game.dataset()).prospect(game.data().labels());
      answer["selected"] = {{"kept", left.kept}, {"of", left.of}, {"exact", left.exact}};
    }
    const Measuring measuring(trial, game);
    Fault fault;
    for (const int64_t round : game.first_rounds()) game.play(round, nullptr, &fault);
    game.check_labelled();
    const auto& metrics = trial.config.at("metrics");
    if (!metrics.empty()) {
      const Batch fake = game.has_generator()
                             ? game.generate(2, at::globalContext().defaultGenerator(at::kCPU), false)
                             : game.data().take(2);
      for (size_t i = 0; i < metrics.size(); ++i)
        placed("/metrics/" + std::to_string(i) + "/features", [&] {
          const nlohmann::json& features = metrics[i].at("features");
          if (features.is_object())
            Extractor(trial, features, game.dataset().info())
                .features(fake.image, features.at("output").get<std::string>());
          else if (features != "pixels")
            game.features(features.get<std::string>(), fake.image, fake.label);
        });
    }
    nlohmann::json models = nlohmann::json::object();
    for (const auto& [name, player] : game.players()) {
      nlohmann::json outputs = nlohmann::json::object();
      if (const auto seen = game.output_shapes().find(name); seen != game.output_shapes().end())
        for (const auto& [output, shape] : seen->second) outputs[output] = shape;
      models[name] = {{"parameter_count", player->model.set.count()}, {"outputs", outputs}};
    }
    answer["models"] = models;
    answer["ok"] = true;
    answer.erase("pointer");
  } catch (const PlacedError& e) {
    answer["pointer"] = e.pointer;
    answer["message"] = e.what();
  } catch (const std::exception& e) {
    answer["message"] = message_of(e);
  }
  return answer;
}

}  // namespace saddle::worker
