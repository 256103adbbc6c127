#include <nlohmann/json.hpp>

#include "common/error.hpp"
#include "train/optimizers.hpp"

namespace saddle::train {
namespace {

using Json = nlohmann::json;

// Reads keys one by one and knows at the end which were not asked for.
class Keys {
 public:
  Keys(const Json& json, std::string what) : json_(json), what_(std::move(what)) {
    if (!json_.is_object()) throw Error(what_ + ": expected an object, found " + json_.dump());
  }

  template <class T>
  void read(const char* key, T& value) {
    known_ += std::string(known_.empty() ? "" : ", ") + key;
    const auto found = json_.find(key);
    if (found == json_.end()) return;
    ++used_;
    try {
      value = found->get<T>();
    } catch (const Json::exception&) {
      throw Error(what_ + "/" + key + ": found " + found->dump() + ", expected " +
                  (std::is_same_v<T, bool>          ? "true or false"
                   : std::is_same_v<T, std::string> ? "a text"
                                                    : "a number"));
    }
  }
  const Json* child(const char* key) {
    known_ += std::string(known_.empty() ? "" : ", ") + key;
    const auto found = json_.find(key);
    if (found == json_.end()) return nullptr;
    ++used_;
    return &*found;
  }
  void done() const {
    if (used_ != json_.size()) throw Error(what_ + ": unknown key in " + json_.dump() + ". Known: " + known_);
  }

 private:
  const Json& json_;
  std::string what_, known_;
  std::size_t used_ = 0;
};

Schedule schedule_from_json(const Json& json) {
  Schedule schedule;
  std::string use = "constant";
  Keys keys(json, "/schedule");
  keys.read("use", use);
  keys.read("warmup", schedule.warmup);
  if (use == "linear") {
    schedule.kind = Schedule::Kind::linear;
    keys.read("from", schedule.from);
    int64_t to = -1;
    keys.read("to", to);
    if (to >= 0) schedule.to = to;
    keys.read("final", schedule.final);
  } else if (use != "constant") {
    throw Error("/schedule/use: no schedule \"" + use + "\". Known: constant, linear");
  }
  keys.done();
  return schedule;
}

}  // namespace

OptimizerConfig optimizer_from_json(const Json& json) {
  OptimizerConfig config;
  std::string use;
  Keys keys(json, "");
  keys.read("use", use);
  keys.read("lr", config.lr);
  keys.read("weight_decay", config.weight_decay);
  keys.read("clip_norm", config.clip_norm);
  keys.read("clip_weights", config.clip_weights);
  if (const Json* clamp = keys.child("sigma_clamp")) {
    Keys inner(*clamp, "/sigma_clamp");
    inner.read("max", config.sigma_clamp.max);
    inner.read("ratio", config.sigma_clamp.ratio);
    inner.done();
  }
  if (const Json* schedule = keys.child("schedule")) config.schedule = schedule_from_json(*schedule);
  if (use == "adam" || use == "adamw") {
    config.kind = use == "adam" ? OptimizerKind::adam : OptimizerKind::adamw;
    std::vector<double> betas{config.beta1, config.beta2};
    keys.read("betas", betas);
    if (betas.size() != 2) throw Error("/betas: expected two numbers");
    config.beta1 = betas[0];
    config.beta2 = betas[1];
    keys.read("eps", config.eps);
  } else if (use == "sgd") {
    config.kind = OptimizerKind::sgd;
    keys.read("momentum", config.momentum);
    keys.read("dampening", config.dampening);
    keys.read("nesterov", config.nesterov);
    if (config.nesterov && (config.momentum <= 0 || config.dampening != 0))
      throw Error("/nesterov: Nesterov's momentum needs momentum > 0 and dampening 0");
  } else if (use == "rmsprop") {
    config.kind = OptimizerKind::rmsprop;
    keys.read("alpha", config.alpha);
    keys.read("eps", config.eps);
    keys.read("momentum", config.momentum);
    keys.read("centered", config.centered);
  } else {
    throw Error("/use: no optimizer \"" + use + "\". Known: adam, adamw, sgd, rmsprop");
  }
  keys.done();
  return config;
}

}  // namespace saddle::train
