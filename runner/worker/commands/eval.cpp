#include <algorithm>
#include <iostream>

#include <commands/commands.hpp>
#include <commands/eval_trial.hpp>
#include <commands/sample_set.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

nlohmann::json describe(const SampleSet& set) {
  nlohmann::json d = {{"set", set.name}, {"samples", set.features.size(0)}, {"shape", set.shape}};
  if (!set.version.empty()) d["version"] = set.version;
  if (set.given) d["features"] = "as they are in the file";
  return d;
}

// Two numbers under different protocols must not be compared, so the answer says how they came about.
nlohmann::json protocol(const Request& request, const SampleSet& real, const SampleSet& fake,
                        const SetFeatures& features) {
  nlohmann::json metrics = nlohmann::json::object();
  for (const Request& component : request.at("metrics"))
    metrics[component.at("name").get<std::string>() + "@" +
            open_component(component).description.at("version").get<std::string>()] =
        component.at("parameters");
  return {{"real", describe(real)},
          {"fake", describe(fake)},
          {"features", features.protocol()},
          {"metrics", metrics},
          {"seed", request.at("seed")}};
}

void evaluate(const Request& request) {
  if (request.contains("trial")) return evaluate_trial(request);
  const auto samples = request.at("samples").get<int64_t>();
  const auto seed = request.at("seed").get<uint64_t>();
  SetFeatures features(request.at("features"));
  const SampleSet real = read_set(request.at("real"), samples, seed, features);
  const SampleSet fake = read_set(request.at("fake"), samples, seed, features);
  check_comparable(real, fake);
  // What a metric asks the data set (where the modes are), the real one knows.
  nlohmann::json facts = {{"sample_shape", real.shape}, {"classes", 0}};
  facts.update(real.facts);
  // Files say how many classes there are by their labels alone.
  if (facts["classes"] == 0 && real.labels.defined() && fake.labels.defined())
    facts["classes"] = std::max(real.labels.max().item<int64_t>(), fake.labels.max().item<int64_t>()) + 1;
  nlohmann::json answer = nlohmann::json::object();
  for (const Request& component : request.at("metrics")) {
    const Metric metric(open_component(component), component.at("parameters"), facts);
    metric.reference(real.features, real.labels);
    for (const auto& [name, value] : metric.measure(fake.features, fake.labels)) {
      if (answer.contains(name)) throw Error("two of the metrics give a number called \"" + name + "\"");
      answer[name] = value;
    }
  }
  if (!request.at("json").get<bool>()) {
    for (const auto& [name, value] : answer.items()) std::cout << name << "  " << value << '\n';
    return;
  }
  answer["protocol"] = protocol(request, real, fake, features);
  std::cout << answer.dump(1) << '\n';
}

}  // namespace

int eval_command(int, char**) { return one_shot(evaluate); }

}  // namespace saddle::worker
