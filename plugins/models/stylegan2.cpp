#include "pictures.hpp"
#include "stylegan.hpp"
using namespace saddle;
using namespace saddle::stylegan;

// StyleGAN2 (Karras et al. 2020, arXiv:1912.04958), config F: mapping network, synthesis with skip
// connections, residual discriminator. Its losses are ns, r1 (gamma 10 at 1024, every 16) and path_length.
struct StyleGan2 {
  static Description describe() {
    return {
        .name = "stylegan2",
        .doc =
            "StyleGAN2 (Karras et al. 2020, config F) for square pictures whose side is 4 times a power of "
            "two, "
            "from 8 up. Losses: ns, r1 with every 16, path_length; Adam at 2e-3 with betas 0, 0.99; averaged "
            "weights. The generator also gives w, [n, layers, width], and paints from an input of that name "
            "instead of z; the optional input z_style is a z for the layers from the middle on. The "
            "discriminator's features: its last hidden layer; `map`: the one before, [n, channels, 4, 4].",
        .params = {
            param("width", 512)
                .at_least(1)
                .at_most(65536)
                .doc("the most channels of a layer, elements of w, width of the mapping network"),
            param("channel_base", 32768)
                .at_least(1)
                .doc("layers at side s have this / s channels, `width` at most (config E: 16384)"),
            param("mapping_layers", 8).at_least(1).at_most(64).doc("of the mapping network"),
            param("mapping_rate", 0.01).above(0).doc("its learning rate by that of the rest"),
            param("mixing", 0.9)
                .at_least(0)
                .at_most(1)
                .doc("probability of style mixing: in training the layers from a random one on take "
                     "their style from another z"),
            param("noise", true).doc("added to every map of the generator, drawn anew in every pass"),
            param("truncation_psi", 1.0)
                .doc("in evaluation w is drawn to its mean by this (Karras et al. 2019, appendix B); 1: not"),
            param("mean_decay", 0.998).at_least(0).at_most(1).doc("of the running mean of w"),
            param("modulate", "activations")
                .one_of({"activations", "weights"})
                .doc("weights: each sample convolves with weights of its own, as the paper's equations "
                     "are written; activations: the same, with the factors moved to the maps"),
            param("group", 4)
                .at_least(1)
                .doc("samples over which the discriminator's minibatch deviation is taken, or the next "
                     "smaller "
                     "number that divides the batch"),
            param("conditional", false)
                .doc("the label enters the mapping network, and the discriminator's logit by projection")}};
  }
};

// Side, channels and classes as both networks have them.
struct Plan {
  explicit Plan(const Builder& b)
      : width(b.get<int64_t>("width")), base(b.get<int64_t>("channel_base")), classes(classes_of(b)) {
    const auto shape = b.sample_shape();
    doublings = halvings(shape);
    if (doublings == 0 || shape[1] >> doublings != 4)
      throw Error("stylegan2 needs square pictures whose side is 8, 16, 32, 64 ..., not " +
                  samples_of(shape));
    picture = shape[0];
  }
  // After `i` doublings of 4 x 4.
  int64_t channels(int64_t i) const {
    return std::max<int64_t>(1, std::min(width, base / (int64_t{4} << i)));
  }

  int64_t width, base, classes, picture = 0;
  int doublings = 0;

 private:
  static int64_t classes_of(const Builder& b) {
    if (!b.get<bool>("conditional")) return 0;
    const int64_t n = b.has_fact("classes") ? b.fact<int64_t>("classes") : 0;
    if (n < 1) throw Error("'conditional' needs a data set with labels, and this one has none: turn it off");
    return n;
  }
};

// z, or the label's row of a table, or both, each of unit second moment, through equalised layers.
class Mapping {
 public:
  Mapping(const Builder& b, const Plan& p, int64_t latent) : latent_(latent), classes_(p.classes) {
    const Builder s = b.scope("mapping");
    if (classes_ > 0) {
      table_ = s.parameter("embedding.weight", {classes_, p.width}, {Layout::embedding, init::normal(0, 1)});
      bias_ = s.parameter("embedding.bias", {p.width});
    }
    int64_t in = latent_ + (classes_ > 0 ? p.width : 0);
    for (int64_t i = 0; i < b.get<int64_t>("mapping_layers"); ++i, in = p.width)
      layers_.emplace_back(s, "layer" + std::to_string(i), in, p.width,
                           DenseOptions{.rate = b.get<double>("mapping_rate")});
  }
  // z: [n, latent], or empty where there is none; label: [n] int64 -> [n, width].
  Tensor operator()(const Call& c, const Tensor& z, const Tensor& label) const {
    Tensor x = latent_ > 0 ? unit(z) : Tensor();
    if (classes_ > 0) {
      const double scale = 1 / std::sqrt(static_cast<double>(classes_));
      const Tensor y = unit(embedding(c[table_], label) * scale + c[bias_]);
      x = x ? cat(std::vector<Tensor>{x, y}, 1) : y;
    }
    for (const Dense& layer : layers_) x = activate(layer(c, x));
    return x;
  }

 private:
  static Tensor unit(const Tensor& x) { return x * rsqrt(mean(square(x), {1}, true) + 1e-8); }
  int64_t latent_, classes_;
  ParamId table_, bias_;
  std::vector<Dense> layers_;
};

// Modulated convolution, noise, bias, activation.
class StyledLayer {
 public:
  StyledLayer(const Builder& b, int64_t style, int64_t in, int64_t out, bool up)
      : convolution_(b, style, in, out, 3,
                     {.up = up, .grouped = b.get<std::string>("modulate") == "weights"}) {
    bias_ = b.parameter("bias", {out});
    if (b.get<bool>("noise")) noise_ = b.parameter("noise", IntList{});
  }
  Tensor operator()(const Call& c, const Filter& filter, const Tensor& x, const Tensor& w) const {
    Tensor y = convolution_(c, filter, x, w);
    if (noise_) y = y + randn({y.size(0), 1, y.size(2), y.size(3)}, y.dtype()) * c[*noise_];
    return activate(y + reshape(c[bias_], {1, -1, 1, 1}));
  }

 private:
  ModulatedConv convolution_;
  ParamId bias_;
  std::optional<ParamId> noise_;
};

class Generator {
 public:
  static Role role() { return {"generator", {"z", "z_style", "label"}, {"image", "w"}}; }
  explicit Generator(const Builder& b)
      : plan_(b),
        mixing_(b.get<double>("mixing")),
        psi_(b.get<double>("truncation_psi")),
        mean_decay_(b.get<double>("mean_decay")),
        mapping_(b, plan_, b.fact<int64_t>("latent_size")),
        filter_(b) {
    mean_ = b.buffer("mean_w", {plan_.width}, 0);
    start_ = b.parameter("start", {plan_.channels(0), 4, 4}, {Layout::other, init::normal(0, 1)});
    for (int i = 0; i <= plan_.doublings; ++i) {
      const Builder s = b.scope("block" + std::to_string(i));
      const int64_t out = plan_.channels(i);
      if (i > 0) layers_.emplace_back(s.scope("layer0"), plan_.width, plan_.channels(i - 1), out, true);
      layers_.emplace_back(s.scope("layer1"), plan_.width, out, out, false);
      const Builder picture = s.scope("picture");
      pictures_.emplace_back(picture, plan_.width, out, plan_.picture, 1,
                             ModulatedOptions{.demodulate = false});
      picture_biases_.push_back(picture.parameter("bias", {plan_.picture}));
    }
  }

  Outputs forward(const Call& c) const {
    Tensor w = c.find("w");
    if (!w) w = styles(c);
    if (w.dim() == 2) w = expand(unsqueeze(w, 1), {w.size(0), layer_count(), w.size(1)});
    return {{"image", paint(c, w)}, {"w", w}};
  }

 private:
  // One for each layer and one for the last picture.
  int64_t layer_count() const { return static_cast<int64_t>(layers_.size()) + 1; }

  // -> [n, layers, width]
  Tensor styles(const Call& c) const {
    const Tensor label = plan_.classes > 0 ? c.input("label") : Tensor(), second = c.find("z_style");
    const Tensor w = mapping_(c, c.input("z"), label);
    if (c.training()) {
      NoGrad guard;
      lerp_(c[mean_], to(mean(w, 0), c[mean_].dtype()), 1 - mean_decay_);
    }
    Tensor own = in_all_layers(c, w);
    const Tensor layers = arange(layer_count(), DType::float32);
    if (second)  // from the middle on
      return mixed(ge(layers, static_cast<double>(layer_count()) / 2), own,
                   in_all_layers(c, mapping_(c, second, label)));
    if (!c.training() || mixing_ == 0) return own;
    const Tensor other = in_all_layers(c, mapping_(c, randn_like(c.input("z")), label));
    const Tensor from = floor(rand({1}, DType::float32) * static_cast<double>(layer_count() - 1)) + 1;
    return mixed(logical_and(ge(layers, from), lt(rand({1}, DType::float32), mixing_)), own, other);
  }
  // Truncated in evaluation.
  Tensor in_all_layers(const Call& c, const Tensor& w) const {
    const bool truncated = !c.training() && psi_ != 1;
    return expand(unsqueeze(truncated ? c[mean_] + (w - c[mean_]) * psi_ : w, 1),
                  {w.size(0), layer_count(), w.size(1)});
  }
  // `other` in the layers where `where_other`, [layers], says so.
  static Tensor mixed(const Tensor& where_other, const Tensor& own, const Tensor& other) {
    return where(reshape(where_other, {1, -1, 1}), other, own);
  }

  Tensor paint(const Call& c, const Tensor& w) const {
    const auto style = [&](int64_t layer) { return select(w, 1, layer); };
    Tensor x = expand(unsqueeze(c[start_], 0), {w.size(0), plan_.channels(0), 4, 4}), picture;
    int64_t layer = 0;
    for (size_t i = 0; i < pictures_.size(); ++i) {
      for (int k = i == 0 ? 1 : 0; k < 2; ++k, ++layer)
        x = layers_[static_cast<size_t>(layer)](c, filter_, x, style(layer));
      // The picture shares its style with the layer after it.
      const Tensor more =
          pictures_[i](c, filter_, x, style(layer)) + reshape(c[picture_biases_[i]], {1, -1, 1, 1});
      picture = picture ? filter_.doubled(c, picture) + more : more;
    }
    return picture;
  }

  Plan plan_;
  double mixing_, psi_, mean_decay_;
  Mapping mapping_;
  Filter filter_;
  BufferId mean_;
  ParamId start_;
  std::vector<StyledLayer> layers_;
  std::vector<ModulatedConv> pictures_;
  std::vector<ParamId> picture_biases_;
};

// The minibatch deviation in groups of `group` samples, or of the largest smaller number that divides the
// batch.
Tensor deviation_beside(const Tensor& x, int64_t group) {
  const int64_t n = x.size(0);
  group = std::min(group, n);
  while (n % group != 0) --group;
  const int64_t groups = n / group;
  // Sample i is in group i modulo their number, as in the released code.
  const Tensor apart = reshape(x, {group, groups, x.size(1), x.size(2), x.size(3)});
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < groups; ++i) parts.push_back(nn::minibatch_stddev(select(apart, 1, i)));
  return reshape(stack(parts, 1), {n, x.size(1) + 1, x.size(2), x.size(3)});
}

class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b)
      : plan_(b),
        group_(b.get<int64_t>("group")),
        filter_(b),
        input_(b, "input", plan_.picture, plan_.channels(plan_.doublings), 1),
        last_(b, "last", plan_.channels(0) + 1, plan_.channels(0), 3),
        hidden_(b, "hidden", plan_.channels(0) * 16, plan_.channels(0)),
        output_(b, "output", plan_.channels(0), plan_.classes > 0 ? plan_.width : 1) {
    const double half = std::sqrt(0.5);  // two paths of unit size are added
    for (int i = plan_.doublings; i > 0; --i) {
      const Builder s = b.scope("block" + std::to_string(plan_.doublings - i));
      const int64_t in = plan_.channels(i), out = plan_.channels(i - 1);
      blocks_.push_back({Conv(s, "conv0", in, in, 3),
                         Conv(s, "conv1", in, out, 3, {.down = true, .gain = half}),
                         Conv(s, "skip", in, out, 1, {.down = true, .bias = false, .gain = half})});
    }
    if (plan_.classes > 0) mapping_.emplace(b, plan_, 0);
    if (b.has_fact("pass") && b.fact<std::string>("pass") == "joint") joint_ = 2 * b.fact<int64_t>("batch");
  }

  Outputs forward(const Call& c) const {
    Tensor x = input_(c, filter_, c.input("image"));
    for (const Block& block : blocks_)
      x = block.conv1(c, filter_, block.conv0(c, filter_, x)) + block.skip(c, filter_, x);
    // Real and fake apart in a joint pass.
    const int64_t half = c.training() && x.size(0) == joint_ ? joint_ / 2 : x.size(0);
    Tensor beside = deviation_beside(narrow(x, 0, 0, half), group_);
    if (half < x.size(0))
      beside = cat(std::vector<Tensor>{beside, deviation_beside(narrow(x, 0, half, half), group_)}, 0);
    x = last_(c, filter_, beside);
    const Tensor features = activate(hidden_(c, flatten(x, 1)));
    Tensor logit = output_(c, features);
    if (mapping_)
      logit = sum(logit * (*mapping_)(c, {}, c.input("label")), 1, true) *
              (1 / std::sqrt(static_cast<double>(plan_.width)));
    return {{"logit", logit}, {"features", features}, {"map", x}};
  }

 private:
  struct Block {
    Conv conv0, conv1, skip;
  };
  Plan plan_;
  int64_t group_, joint_ = 0;
  Filter filter_;
  Conv input_;
  std::vector<Block> blocks_;
  Conv last_;
  Dense hidden_, output_;
  std::optional<Mapping> mapping_;
};

SADDLE_MODEL(StyleGan2, Generator, Discriminator)
