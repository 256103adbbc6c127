// Shapes depend on parameters, so no description can promise them: the worker
// builds every distinct game of the plan once and says what does not fit.
#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <set>
#include <tuple>

#include <common/error.hpp>
#include <common/paths.hpp>
#include <common/process.hpp>
#include <common/sha256.hpp>
#include <grid/file_hashes.hpp>
#include <grid/identity.hpp>
#include <grid/plan.hpp>
#include <grid/problems.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace fs = std::filesystem;
namespace {

constexpr double kSilence_s = 120;

struct Proof {
  std::shared_ptr<const PlannedConfig> config;
  Json plugins;
  fs::path kept;  // where a success is remembered; empty when there is no cache
  bool settled = false;
};

// What shapes depend on: all but the optimizers and how long and on what it runs.
std::string shape_key(const ResolvedConfig& config) {
  std::string key;
  for (const char* name : {"dataset", "models", "losses"})
    key += canonical_json(*config.section(name)) + "\n";
  const Json& train = *config.section("train");
  for (const char* name : {"latent", "pass", "augment", "precision", "memory_format", "spectral_norm"})
    key += canonical_json(train.at(name)) + "\n";
  // What instance selection leaves must be enough for a batch.
  if (config.section("dataset")->contains("select")) key += canonical_json(train.at("batch")) + "\n";
  // The optimizers' state must fit, too.
  if (train.contains("from"))
    key += canonical_json(train["from"]) + canonical_json(*config.section("optimizers")) + "\n";
  for (const Json& metric : *config.section("metrics"))
    for (const char* name : {"use", "features", "split", "selected", "truncation"})
      key += canonical_json(metric.at(name)) + "\n";
  return key;
}

// The part of the key that a rebuilt plugin or worker changes.
std::string binaries_key(const Json& files, const Catalogue& catalogue) {
  std::string key;
  for (const auto& [name, file] : files.items()) {
    const std::size_t slash = name.find('/');
    key += name + "=" + catalogue.find(name.substr(0, slash), name.substr(slash + 1))->sha256 + ";";
  }
  return key;
}

// Points of the grid that share these sections share their shapes.
using Shares = std::array<const Section*, 6>;

// What a proof found out about a config's instance selection; "" for none.
std::string told(const ResolvedConfig& config, const Json& found) {
  const Json& dataset = *config.section("dataset");
  const Json selected = found.is_object() ? found.value("selected", Json()) : Json();
  if (!dataset.contains("select") || !selected.is_object()) return "";
  const Json& select = dataset["select"];
  return "dataset.select: keep " + select.at("keep").dump() + " of " + dataset.at("use").get<std::string>() +
         " by " + select.at("score").get<std::string>() + " leaves " +
         (selected.at("exact") == true ? "" : "about ") + selected.at("kept").dump() + " of " +
         selected.at("of").dump() + " samples";
}

std::vector<Proof> wanted(const Plan& plan, const Catalogue& catalogue, std::set<std::string>& notes) {
  FileHashes hashes;
  const std::string worker = hashes.of(worker_path());
  hashes.save();
  const fs::path cache = cache_folder();
  std::set<Shares> looked_at;
  std::set<std::string> shapes;
  std::vector<Proof> proofs;
  for (const PlannedTrial& trial : plan.trials) {
    const ResolvedConfig& config = trial.config->config;
    const Shares shares = {config.shared("dataset"),
                           config.shared("models"),
                           config.shared("losses"),
                           config.shared("train"),
                           config.shared("metrics"),
                           config.section("train")->contains("from") ? config.shared("optimizers") : nullptr};
    if (!looked_at.insert(shares).second) continue;
    const std::string shape = shape_key(config);
    if (!shapes.insert(shape).second) continue;
    const Json files = plugin_files(config.json(), catalogue);
    const std::string key = sha256(shape + binaries_key(files, catalogue) + worker);
    const fs::path kept = cache.empty() ? fs::path() : cache / "proofs" / key;
    std::error_code error;
    if (!kept.empty() && fs::exists(kept, error)) {
      if (config.section("dataset")->contains("select"))
        notes.insert(told(config, Json::parse(read_file(kept), nullptr, false)));
      continue;
    }
    proofs.push_back({trial.config, files, kept, false});
  }
  return proofs;
}

class Prover {
 public:
  // What may take no longer in training may take no longer here.
  Prover(std::vector<Proof> proofs, double time_limit_s, const Pins& pins)
      : proofs_(std::move(proofs)), pins_(pins) {
    limits_.silence_s = time_limit_s > 0 ? std::min(time_limit_s, kSilence_s) : kSilence_s;
    limits_.start_s = kSilence_s;
    limits_.answers_only = true;
  }

  // What those that succeeded say.
  std::set<std::string> notes;

  void run() {
    while (const std::size_t open = count_open()) {
      if (failures_.size() > Problems::kShown) return;
      const ChildResult result = run_child({worker_path().string(), "prove"}, questions(), limits_);
      take_answers(result.out);
      const std::size_t left = count_open();
      if (left == 0) return;
      // Answers come in order, so the process ended in the first one left.
      Proof& culprit = first_open();
      // SIGKILL comes from outside: from the kernel that is out of memory, or from a person.
      if (result.signal == SIGKILL && !result.timed_out && spared_ != &culprit) {
        spared_ = &culprit;
        continue;
      }
      culprit.settled = true;
      if (result.ok() && left == open) {
        throw Error(
            "the worker left without proving anything; is " + worker_path().string() + " of this build?",
            kEnvironment);
      }
      fail(culprit, "", "the worker that built this " + result.failure());
    }
  }

  // One line for a fault, however many points of the grid share it.
  void throw_failures() const {
    Problems problems;
    for (const auto& [fault, labels] : failures_) {
      const auto& [where, pointer, text] = fault;
      std::string in = labels.front().empty() ? "" : " (in " + labels.front();
      if (labels.size() > 1) in += " and " + std::to_string(labels.size() - 1) + " more";
      problems.add(where, pointer, text + in + (in.empty() ? "" : ")"));
    }
    problems.throw_if_any();
  }

 private:
  std::size_t count_open() const {
    std::size_t count = 0;
    for (const Proof& proof : proofs_) count += !proof.settled;
    return count;
  }

  Proof& first_open() {
    for (Proof& proof : proofs_) {
      if (!proof.settled) return proof;
    }
    throw Error("no proof is open", kEnvironment);
  }

  std::string questions() const {
    std::string lines;
    for (std::size_t i = 0; i < proofs_.size(); ++i) {
      if (proofs_[i].settled) continue;
      const Json line = {{"id", i},
                         {"config", proofs_[i].config->resolved()},
                         {"plugins", proofs_[i].plugins},
                         {"pins", pins_}};
      lines += line.dump() + "\n";
    }
    return lines;
  }

  void take_answers(const std::string& out) {
    std::size_t start = 0;
    while (start < out.size()) {
      const std::size_t end = std::min(out.find('\n', start), out.size());
      const Json answer = Json::parse(out.begin() + static_cast<std::ptrdiff_t>(start),
                                      out.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      start = end + 1;
      if (!answer.is_object() || !answer.contains("id") || !answer["id"].is_number_unsigned())
        continue;  // a plugin's print
      const std::size_t id = answer["id"];
      if (id >= proofs_.size() || proofs_[id].settled) continue;
      Proof& proof = proofs_[id];
      proof.settled = true;
      const auto text = [&](const char* name, const char* otherwise) {
        return answer.contains(name) && answer[name].is_string() ? answer[name].get<std::string>()
                                                                 : otherwise;
      };
      if (answer.contains("ok") && answer["ok"] == true) {
        Json found = {{"models", answer.value("models", Json::object())}};
        if (answer.contains("selected")) found["selected"] = answer["selected"];
        notes.insert(told(proof.config->config, found));
        if (!proof.kept.empty()) replace_file(proof.kept, found.dump() + "\n");
      } else {
        fail(proof, text("pointer", ""), text("message", "the worker gave no reason"));
      }
    }
  }

  void fail(const Proof& proof, const std::string& pointer, const std::string& text) {
    std::vector<std::string>& labels = failures_[{proof.config->origin->where(pointer), pointer, text}];
    labels.push_back(proof.config->label);
  }

  std::vector<Proof> proofs_;
  const Proof* spared_ = nullptr;  // its process was killed from outside once
  ChildLimits limits_;
  Json pins_;
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<std::string>> failures_;
};

}  // namespace

std::vector<std::string> prove(const Plan& plan, const Catalogue& catalogue) {
  std::set<std::string> notes;
  Prover prover(wanted(plan, catalogue, notes), plan.rules.limits.time_s, plan.rules.pins);
  prover.run();
  prover.throw_failures();
  notes.merge(prover.notes);
  notes.erase("");
  return {notes.begin(), notes.end()};
}

}  // namespace saddle
