#include "biggan_tables.hpp"
using namespace saddle;
using namespace saddle::blocks;

// BigGAN-deep (Brock et al. 2019, appendix B.3): bottleneck blocks, two at each resolution, shortcuts that
// keep or add channels instead of convolving them. 3 x 32 x 32, 10 classes, shared embedding 128, attention
// at 16 (PyTorch-StudioGAN): width 128 and z 128 give 7,762,948 and 2,908,930 parameters; its earlier size,
// width 96 in the generator and 48 in the discriminator with z 80, 4,599,876 and 415,010.
struct BigGanDeep {
  static Description describe() {
    return {
        .name = "biggan_deep",
        .doc =
            "BigGAN-deep for square pictures of side 64, 128 and 256, and of 8 to 32 (four widths in every "
            "block, as StudioGAN builds it for CIFAR). All of z, and the shared class embedding, feed the "
            "first layer and every batch norm. Spectral norm in both players, orthogonal initialisation. "
            "Features: the last hidden layer, summed over its places. `map`: the same "
            "before that, [n, channels, side, side].",
        .params = {
            param("width", 128)
                .at_least(1)
                .at_most(65536)
                .doc(
                    "channels next to the picture from side 64 on, a quarter of every block's up to side 32"),
            param("conditional", true)
                .doc("labels in this network: in the generator's embedding, or as the discriminator's "
                     "projection; each player has its own switch"),
            param("shared_embedding", 128).at_least(1).doc("generator: elements of the class embedding"),
            param("depth", 2).at_least(1).at_most(16).doc("blocks at each resolution"),
            param("attention", 0)
                .at_least(0)
                .doc("the side of the map that gets self-attention (paper: 64 at side 128; StudioGAN: 16 "
                     "at 32); 0: none")}};
  }
};

// conv1, conv3, conv3, conv1 through a quarter of the channels, each after a conditional batch norm and ReLU;
// the shortcut keeps the first `out` channels.
class DeepUp {
 public:
  DeepUp(const Builder& b, int64_t in, int64_t out, bool up, const Condition& condition, const Style& s)
      : out_(out), in_(in), up_(up) {
    const int64_t hidden = std::max<int64_t>(1, in / 4);
    for (int i = 0; i < 4; ++i)
      norms_.emplace_back(b, "norm" + std::to_string(i), i == 0 ? in : hidden, condition);
    convs_.push_back(conv1(b, "conv0", in, hidden, s.plain, s.norm));
    convs_.push_back(conv3(b, "conv1", hidden, hidden, s.residual, s.norm));
    convs_.push_back(conv3(b, "conv2", hidden, hidden, s.residual, s.norm));
    convs_.push_back(conv1(b, "conv3", hidden, out, s.plain, s.norm));
  }
  Tensor operator()(const Call& call, const Tensor& x, const Tensor& condition) const {
    Tensor h = x;
    for (size_t i = 0; i < 4; ++i) {
      h = relu(norms_[i](call, h, condition));
      if (i == 1 && up_) h = up(h);
      h = convs_[i](call, h);
    }
    const Tensor kept = out_ < in_ ? narrow(x, 1, 0, out_) : x;
    return h + (up_ ? up(kept) : kept);
  }

 private:
  int64_t out_, in_;
  bool up_;
  std::vector<ConditionalBatchNorm> norms_;
  std::vector<nn::Conv2d> convs_;
};

// The same without norms; the shortcut adds the channels that are missing by a 1 x 1 convolution.
class DeepDown {
 public:
  DeepDown(const Builder& b, int64_t in, int64_t out, bool down, const Style& s) : down_(down) {
    const int64_t hidden = std::max<int64_t>(1, out / 4);
    convs_.push_back(conv1(b, "conv0", in, hidden, s.plain, s.norm));
    convs_.push_back(conv3(b, "conv1", hidden, hidden, s.residual, s.norm));
    convs_.push_back(conv3(b, "conv2", hidden, hidden, s.residual, s.norm));
    convs_.push_back(conv1(b, "conv3", hidden, out, s.plain, s.norm));
    if (out > in) more_.emplace(conv1(b, "shortcut", in, out - in, s.plain, s.norm));
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    Tensor h = x;
    for (size_t i = 0; i < 3; ++i) h = convs_[i](call, relu(h));
    h = relu(h);
    if (down_) h = avg_pool2d(h, 2);
    Tensor kept = down_ ? avg_pool2d(x, 2) : x;
    if (more_) kept = cat(std::vector<Tensor>{kept, (*more_)(call, kept)}, 1);
    return convs_[3](call, h) + kept;
  }

 private:
  bool down_;
  std::vector<nn::Conv2d> convs_;
  std::optional<nn::Conv2d> more_;
};

static const Style kStyle = orthogonal(Norm::spectral);

class Generator {
 public:
  static Role role() { return {"generator", {"z", "label"}, {"image"}}; }
  explicit Generator(const Builder& b) : classes_(classes_if(b, b.get<bool>("conditional"))) {
    check_biggan_side(b.sample_shape(), "biggan_deep");
    const GeneratorTable table = biggan_generator(b.sample_shape(), b.get<int64_t>("width"));
    side_ = table.side;
    first_ = table.first;
    const int64_t embedding = classes_ > 0 ? b.get<int64_t>("shared_embedding") : 0;
    const int64_t size = b.fact<int64_t>("latent_size") + embedding;
    if (classes_ > 0)
      shared_.emplace(b, "shared", classes_, embedding, ParamOptions{Layout::embedding, kStyle.embedding});
    project_.emplace(b, "project", size, first_ * side_ * side_,
                     nn::LayerOptions{.init = kStyle.plain, .norm = kStyle.norm});
    const Condition condition{
        .on = Condition::On::vector, .size = size, .norm = Norm::spectral, .init = init::orthogonal()};
    const int depth = b.get<int>("depth");
    const auto attention = b.get<int64_t>("attention");
    int64_t in = first_, side = side_;
    for (size_t i = 0; i < table.channels.size(); ++i) {
      for (int d = 0; d < depth; ++d) {
        const bool last = d + 1 == depth;
        const int64_t out = last ? table.channels[i] : in;
        blocks_.emplace_back(b.scope("block" + std::to_string(blocks_.size())), in, out, last, condition,
                             kStyle);
        in = out;
      }
      if ((side *= 2) == attention) {
        attention_.emplace(b.scope("attention"), in, kStyle);
        attention_after_ = blocks_.size() - 1;
      }
    }
    if (attention > 0 && !attention_)
      throw Error("no block of this generator ends at side " + std::to_string(attention) +
                  ", where 'attention' is to be");
    norm_.emplace(b, "norm", in, Condition{});
    picture_.emplace(conv3(b, "picture", in, b.sample_shape()[0], kStyle.plain, kStyle.norm));
  }

  Outputs forward(const Call& call) const {
    Tensor condition = call.input("z");
    if (shared_) condition = cat(std::vector<Tensor>{condition, (*shared_)(call, call.input("label"))}, 1);
    Tensor x = reshape((*project_)(call, condition), {-1, first_, side_, side_});
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i](call, x, condition);
      if (attention_ && attention_after_ == i) x = (*attention_)(call, x);
    }
    return {{"image", tanh((*picture_)(call, relu((*norm_)(call, x, {}))))}};
  }

 private:
  int64_t classes_, side_ = 0, first_ = 0;
  std::optional<nn::Embedding> shared_;
  std::optional<nn::Linear> project_;
  std::vector<DeepUp> blocks_;
  size_t attention_after_ = 0;
  std::optional<Attention> attention_;
  std::optional<ConditionalBatchNorm> norm_;
  std::optional<nn::Conv2d> picture_;
};

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : classes_(classes_if(b, b.get<bool>("conditional"))) {
    const auto shape = b.sample_shape();
    check_biggan_side(shape, "biggan_deep");
    const auto width = b.get<int64_t>("width"), attention = b.get<int64_t>("attention");
    const int depth = b.get<int>("depth");
    // A level of `depth` blocks, of which the first halves the side or, in the last level, none does.
    std::vector<int64_t> levels;
    if (shape[1] == 64) levels = {1, 2, 4, 8, 16, 16};
    if (shape[1] == 128) levels = {1, 2, 4, 8, 16, 16, 16};
    if (shape[1] == 256) levels = {1, 2, 4, 8, 8, 16, 16, 16};
    if (levels.empty()) levels.assign(std::max(1, halvings(shape) - 1) + 2, 4);
    int64_t in = levels[0] * width, side = shape[1];
    input_.emplace(conv3(b, "input", shape[0], in, kStyle.residual, kStyle.norm));
    for (size_t level = 1; level < levels.size(); ++level) {
      const bool down = level + 1 < levels.size();
      for (int d = 0; d < depth; ++d) {
        blocks_.emplace_back(b.scope("block" + std::to_string(blocks_.size())), in, levels[level] * width,
                             down && d == 0, kStyle);
        in = levels[level] * width;
      }
      if (down) side /= 2;
      if (side == attention && !attention_) {
        attention_.emplace(b.scope("attention"), in, kStyle);
        attention_after_ = blocks_.size() - 1;
      }
    }
    if (attention > 0 && !attention_)
      throw Error("no block of this discriminator ends at side " + std::to_string(attention) +
                  ", where 'attention' is to be");
    head_.emplace(b, in, classes_, kStyle);
  }

  Outputs forward(const Call& call) const {
    Tensor x = (*input_)(call, call.input("image"));
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i](call, x);
      if (attention_ && attention_after_ == i) x = (*attention_)(call, x);
    }
    const Tensor map = relu(x), features = sum(map, IntList{2, 3});
    return {{"logit", (*head_)(call, features, classes_ > 0 ? call.input("label") : Tensor())},
            {"features", features},
            {"map", map}};
  }

 private:
  int64_t classes_;
  std::optional<nn::Conv2d> input_;
  std::vector<DeepDown> blocks_;
  size_t attention_after_ = 0;
  std::optional<Attention> attention_;
  std::optional<Head> head_;
};

SADDLE_MODEL(BigGanDeep, Generator, Discriminator)
