#pragma once
#include <exception>
#include <map>
#include <set>
#include <string>

#include <game/game.hpp>

namespace saddle::worker {

// One update of one player, as losses see it: samples are drawn and outputs
// computed when first asked for, and kept until the update ends.
class PlayerStep : public StepSource {
 public:
  PlayerStep(Game& game, Player& player, int64_t update);

  at::Tensor input(const std::string& name) override;
  at::Tensor output(const std::string& model, const std::string& sample, const std::string& name) override;
  NamedTensors run(const std::string& model, const NamedTensors& inputs) override;
  std::optional<ModelParameter> model_parameter(const std::string& model, std::size_t index) override;

  // What first went wrong in a call that a loss made: it knows its place, which
  // the loss's own error, having crossed the boundary as text, does not.
  std::exception_ptr failure() const { return failure_; }

  // Of what this update drew and computed so far, weights first, the earliest that is not finite: "output
  // 'logit' of discriminator (model 'mlp') on real"; "" when all of it is.
  std::string first_nonfinite() const;

  // From here on gradients with respect to this input ("real.image", or of a cast "real@4.image") can be
  // taken.
  void mark(const std::string& input);
  // Whom and what the loss that asks next means by roles and samples. Below here players and samples have the
  // names of the game: "base", "fake@base", "real@4".
  void play(const Cast& cast) { cast_ = &cast; }

 private:
  template <class F>
  auto remembered(F&& body) -> decltype(body());
  at::Tensor find_input(const std::string& name);
  at::Tensor find_output(const std::string& model, const std::string& sample, const std::string& name);
  Player& player(const std::string& name);
  at::Tensor augmented(const std::string& sample);
  // Another picture of the sample, augmented by the same draws as its `image`.
  at::Tensor augmented_like_image(const std::string& sample, const at::Tensor& picture);
  NamedTensors inputs_of(const Player& player, const std::string& sample);
  void compute(const std::string& model, const std::string& sample);
  void compute_jointly(Player& model, const std::string& real, const std::string& fake);
  void draw_real();
  void draw_labelled();
  // Of the real samples, or the labelled ones, at another side: "real@4".
  void shrink(const std::string& sample);
  void draw_latent_sample();
  // The samples "fake", or "fake@PLAYER".
  void generate(const std::string& sample);
  NamedTensors forward(Player& player, const NamedTensors& inputs);

  Game& game_;
  Player& updated_;
  int64_t update_;
  Cast everybody_;
  const Cast* cast_ = &everybody_;
  std::map<std::string, at::Tensor> inputs_;     // "real.image" -> tensor; undefined when there is none
  std::map<std::string, at::Tensor> augmented_;  // by sample
  std::map<std::string, std::vector<at::Tensor>> draws_;  // states of the generators before that, by sample
  std::map<std::string, NamedTensors> outputs_;           // by "model sample"
  std::set<std::string> marked_;
  std::exception_ptr failure_;
};

}  // namespace saddle::worker
