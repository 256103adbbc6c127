#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <game/game.hpp>
#include <game/standing.hpp>

namespace saddle::worker {

// What the generator's batch norms use when samples are drawn.
enum class BatchNorm {
  running,   // the running statistics of training
  batch,     // those of the batch itself, of train.batch samples, as in training
  standing,  // running statistics made anew: see StandingStatistics
};
// Throws Error for an unknown name.
BatchNorm batch_norm_from_name(const std::string& name);

// How samples are drawn.
struct Sampling {
  bool average = true;    // EMA weights, if there are any
  double truncation = 0;  // every coordinate of z is drawn again until |z| < this; 0: as in training
  double z_std = 1;       // then z is multiplied by this
  BatchNorm batch_norm = BatchNorm::running;
  int64_t standing_passes = 16;

  // From the keys of an entry of `metrics`, or of a request: weights, truncation, z_std, batch_norm,
  // standing_passes. Those that are absent or null stay as above.
  static Sampling from_json(const nlohmann::json& entry);
  // What a protocol says of it.
  void describe(nlohmann::json& protocol) const;
};

// Throws Error when this distribution of z cannot be truncated there.
void check_truncation(const nlohmann::json& latent, double truncation);
// z of train.latent under `how`: [count, size] on the device.
at::Tensor draw_latent(const nlohmann::json& latent, int64_t count, at::Generator generator,
                       const Sampling& how);

// The game's generator, drawing samples in one way. Its buffers are put back when this goes; until then
// nobody may train it.
class Sampler {
 public:
  // `seed`: of the batches of standing statistics, which are made here, and of what fills up a batch.
  Sampler(Game& game, const Sampling& how, uint64_t seed);

  // As Game::generate: z and labels are drawn from `generator`, in batches.
  Batch draw(int64_t count, at::Generator generator);
  // What the generator makes of given z and labels (undefined without classes). With batch statistics those
  // of a full batch: fewer samples are filled up with drawn ones.
  // `style`: undefined, or the generator's input z_style.
  at::Tensor images(const at::Tensor& z, const at::Tensor& label, const at::Tensor& style = {});
  // Whether the generator takes a second z for the style.
  bool mixes_styles() const;
  // The same with the embeddings of classes moved: row classes[i] of every embedding is
  // (1 - t) row classes[i] + t row next[i]. Throws Error when the generator has no embedding.
  at::Tensor images_between(const at::Tensor& z, const at::Tensor& label, const std::vector<int64_t>& classes,
                            const std::vector<int64_t>& next, double t);

  at::Tensor latent(int64_t count, at::Generator generator) const;
  // Uniform over the classes; undefined without classes.
  at::Tensor labels(int64_t count, at::Generator generator) const;
  bool average() const { return how_.average; }

 private:
  using Edit = std::function<void(std::vector<at::Tensor>&)>;
  at::Tensor run(const at::Tensor& z, const at::Tensor& label, bool training, const Edit& edit = {},
                 const at::Tensor& style = {});
  at::Tensor filled_up(const at::Tensor& z, const at::Tensor& label, const Edit& edit,
                       const at::Tensor& style = {});

  Game& game_;
  Player& generator_;
  Sampling how_;
  at::Generator filler_;
  int64_t number_;
  std::unique_ptr<const Restored> restored_;
};

}  // namespace saddle::worker
