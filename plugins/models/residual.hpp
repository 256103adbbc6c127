// The residual generator and discriminator as the SNGAN and BigGAN families share them: a model file gives
// the table of channels and the style.
#pragma once
#include "blocks.hpp"
#include "minibatch.hpp"

#pragma GCC visibility push(hidden)
namespace saddle::blocks {

struct GeneratorTable {
  int64_t side = 4;               // at the first block
  int64_t first = 0;              // channels before it
  std::vector<int64_t> channels;  // after each block, which doubles the side
};

struct GeneratorOptions {
  Style style;
  int64_t classes = 0;           // 0: unconditional
  int64_t shared_embedding = 0;  // elements; 0: a table of its own for each batch norm
  bool skip_z = false;           // z in pieces, one for the first layer and one for each block
  bool self_modulated = false;   // z modulates every batch norm by a hidden layer
  bool bilinear = false;         // how the side doubles
  int64_t attention = 0;         // the side at which attention is; 0: none
  Norm condition_norm = Norm::none;
  Init condition_init = init::zeros();
  double eps = 1e-5;  // of batch norm
};

class ResidualGenerator {
 public:
  // z: [batch, latent_size] and label: [batch] int64 -> image: [batch, channels, side, side] in (-1, 1).
  ResidualGenerator(const Builder& b, const GeneratorTable& table, const GeneratorOptions& o)
      : side_(table.side),
        first_(table.first),
        pieces_(o.skip_z ? static_cast<int64_t>(table.channels.size()) + 1 : 1),
        classes_(o.classes),
        self_modulated_(o.self_modulated) {
    const auto latent = b.fact<int64_t>("latent_size");
    if (latent % pieces_ != 0)
      throw Error("a latent of " + std::to_string(latent) + " does not split into " +
                  std::to_string(pieces_) + " pieces: choose train.latent.size as a multiple of " +
                  std::to_string(pieces_));
    project_.emplace(b, "project", latent / pieces_, first_ * side_ * side_,
                     nn::LayerOptions{.init = o.style.plain, .norm = o.style.norm});
    if (classes_ > 0 && o.shared_embedding > 0)
      shared_.emplace(b, "shared", classes_, o.shared_embedding,
                      ParamOptions{Layout::embedding, o.style.embedding});
    const Condition condition = condition_of(o, latent);
    int64_t in = first_, side = side_;
    for (size_t i = 0; i < table.channels.size(); ++i) {
      blocks_.emplace_back(b.scope("block" + std::to_string(i)), in, table.channels[i], condition, o.style,
                           o.bilinear);
      in = table.channels[i];
      if ((side *= 2) == o.attention) {
        attention_after_ = i;
        attention_.emplace(b.scope("attention"), in, o.style);
      }
    }
    if (o.attention > 0 && !attention_)
      throw Error("no block of this generator ends at side " + std::to_string(o.attention) +
                  ", where 'attention' is to be");
    norm_.emplace(b, "norm", in, Condition{.eps = o.eps});
    picture_.emplace(conv3(b, "picture", in, b.sample_shape().at(0), o.style.plain, o.style.norm));
  }

  Outputs forward(const Call& call) const {
    const Tensor z = call.input("z"), label = classes_ > 0 ? call.input("label") : Tensor();
    const Tensor y = shared_ ? (*shared_)(call, label) : label;
    const std::vector<Tensor> pieces = pieces_ > 1 ? chunk(z, pieces_, 1) : std::vector<Tensor>{z};
    Tensor x = reshape((*project_)(call, pieces[0]), {-1, first_, side_, side_});
    for (size_t i = 0; i < blocks_.size(); ++i) {
      Tensor condition = self_modulated_ ? z : y;
      if (pieces_ > 1) condition = y ? cat(std::vector<Tensor>{pieces[i + 1], y}, 1) : pieces[i + 1];
      x = blocks_[i](call, x, condition);
      if (attention_ && attention_after_ == i) x = (*attention_)(call, x);
    }
    return {{"image", tanh((*picture_)(call, relu((*norm_)(call, x, {}))))}};
  }

 private:
  Condition condition_of(const GeneratorOptions& o, int64_t latent) const {
    Condition c{.norm = o.condition_norm, .init = o.condition_init, .eps = o.eps};
    if (self_modulated_) {
      c.on = Condition::On::latent;
      c.size = latent;
    } else if (pieces_ > 1 || shared_) {
      c.on = Condition::On::vector;
      c.size = (pieces_ > 1 ? latent / pieces_ : 0) + (shared_ ? o.shared_embedding : 0);
    } else if (classes_ > 0) {
      c.on = Condition::On::label;
      c.size = classes_;
    }
    return c;
  }

  int64_t side_, first_, pieces_, classes_;
  bool self_modulated_;
  std::optional<nn::Linear> project_;
  std::optional<nn::Embedding> shared_;
  std::vector<UpBlock> blocks_;
  size_t attention_after_ = 0;
  std::optional<Attention> attention_;
  std::optional<ConditionalBatchNorm> norm_;
  std::optional<nn::Conv2d> picture_;
};

struct DiscriminatorTable {
  struct Block {
    int64_t out;
    bool down;
  };
  std::vector<Block> blocks;
  bool narrow = false;  // the hidden layer of a block is as wide as its input, not as its output
};

struct DiscriminatorOptions {
  Style style;
  int64_t classes = 0;     // of the projection; 0: none
  int64_t attention = 0;   // the side at which attention is; 0: none
  bool mean = false;       // features averaged over places instead of summed
  bool minibatch = false;  // the model has the parameters of minibatch.hpp
  double dropout = 0;      // of the features that the head sees
};

class ResidualDiscriminator {
 public:
  // image: [batch, channels, side, side] and label: [batch] int64 -> logit: [batch, 1], features: [batch, n]:
  // the last hidden layer, summed (or averaged) over its places, map: [batch, n, side, side]: before that.
  ResidualDiscriminator(const Builder& b, const DiscriminatorTable& table, const DiscriminatorOptions& o)
      : classes_(o.classes), mean_(o.mean), dropout_(o.dropout) {
    const auto shape = b.sample_shape();
    int64_t in = shape.at(0), side = shape.at(1);
    for (size_t i = 0; i < table.blocks.size(); ++i) {
      const auto& [out, down] = table.blocks[i];
      blocks_.emplace_back(b.scope("block" + std::to_string(i)), in, table.narrow && i > 0 ? in : out, out,
                           i == 0, down, o.style);
      in = out;
      if (down) side /= 2;
      if (side == o.attention && !attention_) {
        attention_after_ = i;
        attention_.emplace(b.scope("attention"), in, o.style);
      }
    }
    if (o.attention > 0 && !attention_)
      throw Error("no block of this discriminator ends at side " + std::to_string(o.attention) +
                  ", where 'attention' is to be");
    if (o.minibatch) minibatch_.emplace(b, in, o.style.norm);
    head_.emplace(b, in, classes_, o.style, minibatch_ ? minibatch_->width() - in : 0);
  }

  Outputs forward(const Call& call) const {
    Tensor x = call.input("image");
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i](call, x);
      if (attention_ && attention_after_ == i) x = (*attention_)(call, x);
    }
    x = relu(x);
    const Tensor features = mean_ ? mean(x, IntList{2, 3}) : sum(x, IntList{2, 3});
    const Tensor seen = dropout_ > 0 ? dropout(features, dropout_, call.training()) : features;
    const Tensor all = minibatch_ ? (*minibatch_)(call, seen) : seen;
    return {{"logit", (*head_)(call, seen, classes_ > 0 ? call.input("label") : Tensor(), all)},
            {"features", features},
            {"map", x}};
  }

 private:
  int64_t classes_;
  bool mean_;
  double dropout_;
  std::vector<DownBlock> blocks_;
  size_t attention_after_ = 0;
  std::optional<Attention> attention_;
  std::optional<Minibatch> minibatch_;
  std::optional<Head> head_;
};

}  // namespace saddle::blocks
#pragma GCC visibility pop
