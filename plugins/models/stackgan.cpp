#include "pictures.hpp"

#include <bit>
using namespace saddle;

// StackGAN (Zhang et al. 2017, arXiv:1612.03242), with the label in place of the text: a generator paints a
// small picture, a second one, the refiner, takes it and the label and paints the large one. Each has a
// discriminator. A grid links them: "inputs": {"image": "base.image"}.
struct StackGan {
  static Description describe() {
    return {
        .name = "stackgan",
        .doc =
            "StackGAN (Zhang et al. 2017) for square pictures whose side is a multiple of 4, on labels: "
            "stage I in "
            "the role generator; stage II in the role refiner, whose input image is linked to what stage I "
            "makes; "
            "a discriminator for either. Without labels there is no condition. The loss of the condition's "
            "augmentation is conditioning. The discriminator's `map`: its last hidden layer, [n, channels, "
            "side, side]; features: that as one row.",
        .params = {
            param("width", 96)
                .at_least(1)
                .at_most(65536)
                .doc("channels at the full side; twice as many "
                     "each time the side halves, up to 8 times"),
            param("condition", 128).at_least(1).doc("elements of the label's embedding"),
            param("augment_condition", true)
                .doc("the condition is drawn from a Gaussian whose mean and deviation the label gives "
                     "(section 3.2); false: it is the mean"),
            param("ratio", 4)
                .at_least(1)
                .doc("refiner: of its pictures' side to that of the coarse ones; others are averaged to it"),
            param("blocks", 4).at_least(0).at_most(64).doc("refiner: residual blocks at the lowest side")}};
  }
};

// BatchNorm, then ReLU of the given slope.
class Normed {
 public:
  Normed(const Builder& b, int64_t channels, double slope = 0) : slope_(slope), norm_(b, "norm", channels) {}
  Tensor operator()(const Call& c, const Tensor& x) const {
    const Tensor y = norm_(c, x);
    return slope_ == 0 ? relu(y) : leaky_relu(y, slope_);
  }

 private:
  double slope_;
  nn::BatchNorm norm_;
};

// A convolution without bias and what is Normed.
class Layer {
 public:
  Layer(const Builder& b, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, double slope = 0)
      : convolution_(b, "conv", in, out, kernel,
                     {.stride = stride, .padding = kernel / 2 - (stride == 2 ? 1 : 0), .bias = false}),
        normed_(b, out, slope) {}
  Tensor operator()(const Call& c, const Tensor& x) const { return normed_(c, convolution_(c, x)); }

 private:
  nn::Conv2d convolution_;
  Normed normed_;
};

struct Shape {
  explicit Shape(const Builder& b) : width(b.get<int64_t>("width")) {
    const auto sample = b.sample_shape();
    if (sample.size() != 3 || sample[1] != sample[2] || sample[1] % 4 != 0)
      throw Error("stackgan needs square pictures whose side is a multiple of 4, not " + samples_of(sample));
    picture = sample[0];
    side = sample[1];
    doublings = halvings(sample);
  }
  // When the full side has been halved so often.
  int64_t channels(int64_t times) const { return width << std::min<int64_t>(times, 3); }
  int64_t width, picture = 0, side = 0;
  int doublings = 0;
};

// The label as a vector: its mean and, with augmentation, a draw around it.
class Condition {
 public:
  explicit Condition(const Builder& b, bool generates = true) : size_(b.get<int64_t>("condition")) {
    const int64_t classes = b.has_fact("classes") ? b.fact<int64_t>("classes") : 0;
    if (classes < 1) return;
    augment_ = generates && b.get<bool>("augment_condition");
    table_.emplace(b, "condition", classes, (augment_ ? 2 : 1) * size_);
  }
  int64_t size() const { return table_ ? size_ : 0; }
  struct Drawn {
    Tensor condition,
        statistics;  // [n, size]; [n, 2 size], mean and log of the deviation; empty where there is none
  };
  Drawn operator()(const Call& c) const {
    if (!table_) return {};
    const Tensor row = (*table_)(c, c.input("label"));
    if (!augment_) return {row, {}};
    const Tensor middle = narrow(row, 1, 0, size_), deviation = exp(narrow(row, 1, size_, size_));
    return {middle + deviation * randn_like(middle), row};
  }
  // Maps with the condition beside every place.
  static Tensor beside(const Tensor& x, const Tensor& condition) {
    if (!condition) return x;
    const Tensor everywhere = expand(reshape(condition, {x.size(0), -1, 1, 1}),
                                     {x.size(0), condition.size(1), x.size(2), x.size(3)});
    return cat(std::vector<Tensor>{x, everywhere}, 1);
  }

 private:
  int64_t size_;
  bool augment_ = false;
  std::optional<nn::Embedding> table_;
};

Outputs with_condition(const Tensor& image, const Condition::Drawn& drawn) {
  Outputs outputs = {{"image", image}};
  if (drawn.statistics) outputs.emplace_back("condition", drawn.statistics);
  return outputs;
}

// Stage I: z and the condition, doubled up to the full side.
class Generator {
 public:
  static Role role() { return {"generator", {"z", "label"}, {"image", "condition"}}; }
  explicit Generator(const Builder& b)
      : shape_(b),
        condition_(b),
        low_(shape_.side >> shape_.doublings),
        project_(b, "project", b.fact<int64_t>("latent_size") + condition_.size(),
                 shape_.channels(shape_.doublings) * low_ * low_, {.bias = false}),
        first_(b.scope("first"), shape_.channels(shape_.doublings)) {
    for (int i = shape_.doublings; i > 0; --i)
      layers_.emplace_back(b.scope("up" + std::to_string(shape_.doublings - i)), shape_.channels(i),
                           shape_.channels(i - 1), 3);
    picture_.emplace(b, "picture", shape_.channels(0), shape_.picture, 3, nn::ConvOptions{.padding = 1});
  }
  Outputs forward(const Call& c) const {
    const auto drawn = condition_(c);
    Tensor x = c.input("z");
    if (drawn.condition) x = cat(std::vector<Tensor>{x, drawn.condition}, 1);
    x = first_(c, reshape(project_(c, x), {-1, shape_.channels(shape_.doublings), low_, low_}));
    for (const Layer& layer : layers_) x = layer(c, nn::upsample_nearest(x));
    return with_condition(tanh((*picture_)(c, x)), drawn);
  }

 private:
  Shape shape_;
  Condition condition_;
  int64_t low_;
  nn::Linear project_;
  Normed first_;
  std::vector<Layer> layers_;
  std::optional<nn::Conv2d> picture_;
};

// Stage II: the coarse picture is taken down twice, joined by the condition, and painted anew.
class Refiner {
 public:
  static Role role() { return {"refiner", {"image", "label"}, {"image", "condition"}}; }
  explicit Refiner(const Builder& b) : shape_(b), condition_(b) {
    const auto ratio = b.get<int64_t>("ratio");
    if (shape_.side % ratio != 0 || shape_.side / ratio < 2)
      throw Error("with 'ratio' " + std::to_string(ratio) + " the coarse pictures of those of side " +
                  std::to_string(shape_.side) + " would have no whole side of 2 or more");
    coarse_ = shape_.side / ratio;
    const int doubled = static_cast<int>(std::countr_zero(static_cast<uint64_t>(ratio)));
    if (int64_t{1} << doubled != ratio)
      throw Error("'ratio' is a power of two, not " + std::to_string(ratio));
    const int downs = std::min(2, halvings({shape_.picture, coarse_, coarse_})), ups = downs + doubled;
    first_.emplace(b.scope("first"), shape_.picture, shape_.channels(ups - downs), 3);
    for (int i = 0; i < downs; ++i)
      downs_.emplace_back(b.scope("down" + std::to_string(i)), shape_.channels(ups - downs + i),
                          shape_.channels(ups - downs + i + 1), 4, 2);
    const int64_t low = shape_.channels(ups);
    join_.emplace(b.scope("join"), low + condition_.size(), low, 3);
    for (int64_t i = 0; i < b.get<int64_t>("blocks"); ++i) {
      const Builder s = b.scope("block" + std::to_string(i));
      blocks_.push_back({Layer(s.scope("layer0"), low, low, 3),
                         nn::Conv2d(s, "conv1", low, low, 3, {.padding = 1, .bias = false}),
                         nn::BatchNorm(s, "norm1", low)});
    }
    for (int i = ups; i > 0; --i)
      ups_.emplace_back(b.scope("up" + std::to_string(ups - i)), shape_.channels(i), shape_.channels(i - 1),
                        3);
    picture_.emplace(b, "picture", shape_.channels(0), shape_.picture, 3, nn::ConvOptions{.padding = 1});
  }
  Outputs forward(const Call& c) const {
    const auto drawn = condition_(c);
    Tensor x = c.input("image");
    if (x.size(2) != coarse_ || x.size(3) != coarse_) x = adaptive_avg_pool2d(x, {coarse_, coarse_});
    x = (*first_)(c, x);
    for (const Layer& layer : downs_) x = layer(c, x);
    x = (*join_)(c, Condition::beside(x, drawn.condition));
    for (const Block& b : blocks_) x = relu(x + b.norm(c, b.convolution(c, b.first(c, x))));
    for (const Layer& layer : ups_) x = layer(c, nn::upsample_nearest(x));
    return with_condition(tanh((*picture_)(c, x)), drawn);
  }

 private:
  struct Block {
    Layer first;
    nn::Conv2d convolution;
    nn::BatchNorm norm;
  };
  Shape shape_;
  Condition condition_;
  int64_t coarse_ = 0;
  std::optional<Layer> first_, join_;
  std::vector<Layer> downs_, ups_;
  std::vector<Block> blocks_;
  std::optional<nn::Conv2d> picture_;
};

// Halved down to 4 (to 7) places a side, joined by the label's embedding there.
class Discriminator {
 public:
  static Role role() { return {"discriminator", {"image", "label"}, {"logit", "features", "map"}}; }
  explicit Discriminator(const Builder& b) : shape_(b), condition_(b, false) {
    const int last = shape_.doublings;
    const int64_t low = shape_.channels(last), side = shape_.side >> last;
    if (last == 0)
      input_.emplace(b, "input", shape_.picture, low, 3, nn::ConvOptions{.padding = 1});
    else
      input_.emplace(b, "input", shape_.picture, shape_.channels(1), 4,
                     nn::ConvOptions{.stride = 2, .padding = 1});
    for (int i = 1; i < last; ++i)
      downs_.emplace_back(b.scope("down" + std::to_string(i)), shape_.channels(i), shape_.channels(i + 1), 4,
                          2, 0.2);
    join_.emplace(b.scope("join"), low + condition_.size(), low, 1, 1, 0.2);
    output_.emplace(b, "output", low * side * side, 1);
  }
  Outputs forward(const Call& c) const {
    Tensor x = leaky_relu((*input_)(c, c.input("image")), 0.2);
    for (const Layer& layer : downs_) x = layer(c, x);
    x = (*join_)(c, Condition::beside(x, condition_(c).condition));
    const Tensor features = flatten(x, 1);
    return {{"logit", (*output_)(c, features)}, {"features", features}, {"map", x}};
  }

 private:
  Shape shape_;
  Condition condition_;
  std::optional<nn::Conv2d> input_;
  std::vector<Layer> downs_;
  std::optional<Layer> join_;
  std::optional<nn::Linear> output_;
};

SADDLE_MODEL(StackGan, Generator, Refiner, Discriminator)
