#pragma once
#include <memory>
#include <vector>

#include <game/game.hpp>
#include <game/recorder.hpp>

namespace saddle::worker {

// The metrics of a trial. Random numbers used here come from streams of their
// own, and the default generator is put back, so that measuring more often
// changes nothing in the training.
class Measuring {
 public:
  Measuring(const Trial& trial, Game& game);

  // What a number is to be compared with: noise against real, the untrained
  // generator, and one half of the real samples against the other. At step 0.
  void baselines(Recorder& recorder);
  // Every metric that is due after `rounds` rounds; all of them when `last`.
  void measure(Recorder& recorder, int64_t rounds, bool last);

 private:
  struct Entry {
    std::string name, features;
    int64_t every, samples;
    bool average;
    std::unique_ptr<Metric> metric;
    nlohmann::json protocol;
    bool referenced = false;
  };
  at::Tensor features(const Entry& entry, const at::Tensor& images);
  void reference(Entry& entry);
  void report(Recorder& recorder, const Entry& entry, const Batch& fake, int64_t step,
              const std::string& suffix);

  const Trial& trial_;
  Game& game_;
  Batch real_;
  std::vector<Entry> entries_;
};

// Pictures go through uint8 before they are measured or shown, as a file would hold them.
at::Tensor quantised(const at::Tensor& images, at::ScalarType dtype);

}  // namespace saddle::worker
