#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <game/augmentation.hpp>
#include <game/data.hpp>
#include <game/labelled.hpp>
#include <game/player.hpp>
#include <game/selection.hpp>
#include <game/trial.hpp>
#include <game/wiring.hpp>

namespace saddle::worker {

class PlayerStep;

// A number that is not finite.
struct Fault {
  std::string name;
  double value = 0;
  std::string origin;  // the earliest of what led to it that is not finite either; "" if unknown
};

// What one round left to record: names and 0-d tensors on the device.
using Record = std::vector<std::pair<std::string, at::Tensor>>;

// Any game: players with losses, a source of real samples, a source of z. One
// round updates each player its configured number of times, in order.
class Game {
 public:
  // `batch`: 0 takes the trial's own. Throws PlacedError.
  explicit Game(const Trial& trial, int64_t batch = 0);
  ~Game();

  // Plays round `round` (the first is 0). With `record`, terms, totals, gradient
  // norms and learning rates of each player's last update are appended to it.
  // Returns false when a total is not finite: then the weights were not stepped
  // with it, and `fault` says which.
  bool play(int64_t round, Record* record, Fault* fault);

  // Generated samples in evaluation mode, float, on the device. `generator` draws
  // z and labels only. `average`: with EMA weights, if there are any.
  Batch generate(int64_t count, at::Generator generator, bool average);
  // "MODEL.OUTPUT" on images in evaluation mode, flattened to [n, d]; a model that takes labels needs them.
  // `average`: with its EMA weights, if there are any.
  at::Tensor features(const std::string& output, const at::Tensor& images, const at::Tensor& labels = {},
                      bool average = false);
  // The discriminator's logits in evaluation mode.
  at::Tensor logits(const Batch& batch);

  const nlohmann::json& config() const { return trial_.config; }
  const nlohmann::json& facts() const { return facts_; }
  const Dataset& dataset() const { return *dataset_; }
  DataSource& data() { return *data_; }
  const std::map<std::string, std::unique_ptr<Player>>& players() const { return players_; }
  int64_t batch() const { return batch_; }
  const Wiring& wiring() const { return wiring_; }
  // Rounds in which a player's updates begin: in these a trial first does what it does.
  std::vector<int64_t> first_rounds() const;
  // A number for weights that are about to be read, as an update's; never given twice.
  int64_t next_update() { return ++update_number_; }
  bool has_generator() const { return players_.contains("generator"); }
  // Throws PlacedError where dataset.labelled does nothing: no loss has looked at the sample `labelled` in
  // what was played, nor says that it needs labels.
  void check_labelled() const;
  // Shapes of each model's outputs as the last round saw them.
  const std::map<std::string, std::map<std::string, std::vector<int64_t>>>& output_shapes() const {
    return output_shapes_;
  }

  // Puts in place what "from" of the models and of train name in past trials' checkpoints: for a trial that
  // begins. Throws PlacedError.
  void take_past();

  // All state but counters: tensors by name, and back. Throws saddle::Error when they do not fit.
  std::map<std::string, at::Tensor> state();
  void load_state(const std::map<std::string, at::Tensor>& state);

 private:
  friend class PlayerStep;
  struct LossEntry {
    std::string name;  // unique: a second `r1` is "r1#2"
    double weight;
    std::string owner;  // the player that trains the loss's own parameters
    Cast cast;
    std::unique_ptr<WithTensors<Loss>> loss;
  };
  bool update(Player& player, int64_t round, Record* record, Fault* fault);
  // Everybody's weights as the update `number` of `player` sees them.
  void begin(Player& player, int64_t number);
  // One pass: the sum of the losses' terms on one batch (undefined when none of them says anything), and the
  // terms. False when the sum is not finite.
  bool compute(Player& player, int64_t round, int64_t number, at::Tensor* total, Record* terms, Fault* fault);
  void check_links() const;
  // Of players that start with the weights of another one of this game.
  void check_sources() const;
  // Gives those whose rounds begin with this one the weights of that other one.
  void take_over(int64_t round);
  // [from, to) in which a player is updated.
  std::pair<int64_t, int64_t> rounds_of(const std::string& player) const;
  void check_wiring() const;
  // What the loss calls this player when it computes for it: its role, or that of a player which it feeds; ""
  // when it says nothing to it.
  std::string role_in(const Cast& cast, const Loss& loss, const std::string& player) const;
  // The facts, as a loss of this cast sees them.
  nlohmann::json facts_for(const Cast& cast) const;
  void fork_from(const nlohmann::json& from);
  // Adds to the facts the sizes of one sample of each output that a loss may put a head of its own on.
  void tell_output_shapes();
  // Samples with labels, of a training split that may lack them otherwise.
  LabelledSource& labelled();
  // Models that start from data see a batch of the training split, or of z.
  void first_passes();
  std::string names_of(const std::vector<size_t>& losses) const;

  Trial trial_;
  Wiring wiring_;
  nlohmann::json facts_;
  std::unique_ptr<Dataset> dataset_;
  std::unique_ptr<Selection> selection_;  // null: all samples are trained on
  std::unique_ptr<DataSource> data_;
  std::unique_ptr<LabelledSource> labelled_;  // made when a loss first asks for it, or a checkpoint has it
  std::map<std::string, std::unique_ptr<Player>> players_;
  std::vector<LossEntry> losses_;
  std::unique_ptr<Augmentation> augmentation_;
  std::vector<std::string> order_;
  at::Generator latent_;
  int64_t batch_, update_number_ = 0;
  std::map<std::string, std::map<std::string, std::vector<int64_t>>> output_shapes_;
};

// z as the trial draws it: [count, size] on the device.
at::Tensor draw_latent(const nlohmann::json& latent, int64_t count, at::Generator generator);

}  // namespace saddle::worker
