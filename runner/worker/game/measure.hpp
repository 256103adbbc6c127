#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <game/extractor.hpp>
#include <game/game.hpp>
#include <game/recorder.hpp>
#include <game/sampling.hpp>

namespace saddle::worker {

// The metrics of a trial: of its generator's samples, or, in a game without one, of what its models say of
// the real samples that training does not see. Random numbers used here come from streams of their own, and
// the default generator is put back, so that measuring more often changes nothing in the training.
class Measuring {
 public:
  Measuring(const Trial& trial, Game& game);

  // What a number is to be compared with: noise against real, the untrained
  // generator, and one half of the real samples against the other. At step 0.
  void baselines(Recorder& recorder);
  // Every metric that is due after `rounds` rounds; all of them when `last`.
  void measure(Recorder& recorder, int64_t rounds, bool last);

  // Every metric now, of a generator that is not trained any more; `truncation` in place of the metrics' own.
  using Tell = std::function<void(const std::string& name, double value, const nlohmann::json& protocol)>;
  void evaluate(std::optional<double> truncation, const Tell& tell);
  // The protocols say that z was drawn with this seed instead of the trial's own.
  void say_seed(int64_t seed);
  // What the metrics say of real samples that training has not seen, as many as they take of the generator's
  // if there are as many.
  struct HeldOut {
    std::string split;  // "" when the data set has none
    int64_t samples = 0;
    std::map<std::string, double> numbers;
  };
  HeldOut held_out();

 private:
  struct Entry {
    std::string name, features, split;  // features: "pixels", MODEL.OUTPUT, or the extractor's output
    std::shared_ptr<Extractor> extractor;
    int64_t every, samples;
    bool selected;  // the real samples are those that dataset.select keeps
    bool averaged;  // MODEL.OUTPUT is that of the model's averaged weights
    Sampling sampling;
    std::unique_ptr<Metric> metric;
    nlohmann::json protocol;
    std::set<std::string> higher;  // of its values those whose protocol says that more is better
    std::set<std::string> given;   // names of the values that it has given
    bool referenced = false;
  };
  // The extractor that "features" of a metric name.
  std::shared_ptr<Extractor> extractor(const nlohmann::json& entry);
  at::Tensor features(const Entry& entry, const Batch& set, bool real = false);
  // Warns of a name in `higher` that is likely a misspelt one of those given.
  static void check_higher(const Entry& entry);
  // One half of the real samples against the other.
  void floor(Recorder& recorder, Entry& entry);
  void reference(Entry& entry);
  // The real samples of a split, or those of the training split that are trained on, at most 50,000.
  const Batch& real(const std::string& split, bool selected = false);
  // The generator's samples for an entry; of entries that draw alike they are drawn once.
  const Batch& drawn(const Entry& entry);
  void report(const Tell& tell, Entry& entry, const Batch& fake);
  void report(Recorder& recorder, Entry& entry, const Batch& fake, int64_t step, const std::string& suffix);

  const Trial& trial_;
  Game& game_;
  std::string held_out_;  // without a generator: the split on which the models are measured
  std::map<std::pair<std::string, bool>, Batch> real_;
  bool frozen_ = false;  // the models are not trained any more
  std::string drawn_as_;
  Batch drawn_;
  std::map<std::string, std::shared_ptr<Extractor>> extractors_;
  std::vector<Entry> entries_;
};

// Pictures go through uint8 before they are measured or shown, as a file would hold them.
at::Tensor quantised(const at::Tensor& images, at::ScalarType dtype);

}  // namespace saddle::worker
