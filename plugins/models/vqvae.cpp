#include <saddle/nn.hpp>
#include <saddle/trial.hpp>

#include <cmath>
#include <optional>
using namespace saddle;

// VQ-VAE (van den Oord et al. 2017, arXiv:1711.00937): an encoder, a codebook of vectors of which each place
// of the encoder's map gets the nearest, and a decoder. The codebook is the exponential mean of what chose
// each code (its appendix A.1), so it is a set of buffers, which no optimiser knows.
struct Vqvae {
  static Description describe() {
    return {
        .name = "vqvae",
        .doc =
            "VQ-VAE of pictures (van den Oord et al. 2017, arXiv:1711.00937), the networks of its authors' "
            "example for CIFAR10, the codebook by exponential means (appendix A.1). As `autoencoder` it is "
            "trained with the loss vq_reconstruction; as `encoder`, with the weights of a trial that was "
            "(\"from\"), it gives its features to the losses of another game. features: the encoder's last "
            "map, after ReLU. code: its projection to the codes' size. usage: each code's share of a "
            "sample's places.",
        .params = {param("width", 128).at_least(2).doc("channels of the encoder"),
                   param("halvings", 2).at_least(1).at_most(8).doc("how often the side is halved"),
                   param("blocks", 2).at_least(0).doc("residual blocks of encoder and decoder"),
                   param("block_width", 32).at_least(1).doc("channels within them"),
                   param("codes", 512).at_least(1).doc("size of the codebook"),
                   param("code_size", 64).at_least(1).doc("numbers of a code"),
                   param("decay", 0.99).at_least(0).below(1).doc("of the codebook's means, an update"),
                   param("epsilon", 1e-5).at_least(0).doc("added to how often a code was chosen (Laplace)")},
        .surrogate_gradient = true};
  }
};

// ReLU, 3 x 3, ReLU, 1 x 1, each added to what came in; a ReLU after the last.
struct Residual {
  Residual(const Builder& b, int64_t width, int64_t inner, int64_t blocks) {
    for (int64_t i = 0; i < blocks; ++i) {
      const Builder s = b.scope("block" + std::to_string(i));
      layers.push_back({{s, "conv3", width, inner, 3, {.padding = 1, .bias = false}},
                        {s, "conv1", inner, width, 1, {.bias = false}}});
    }
  }
  Tensor operator()(const Call& call, Tensor x) const {
    for (const Layer& layer : layers) x = x + layer.conv1(call, relu(layer.conv3(call, relu(x))));
    return relu(x);
  }
  struct Layer {
    nn::Conv2d conv3, conv1;
  };
  std::vector<Layer> layers;
};

struct Sizes {
  explicit Sizes(const Builder& b)
      : shape(b.sample_shape()),
        width(b.get<int64_t>("width")),
        halvings(b.get<int64_t>("halvings")),
        blocks(b.get<int64_t>("blocks")),
        block_width(b.get<int64_t>("block_width")),
        code_size(b.get<int64_t>("code_size")) {
    if (shape.size() != 3) throw Error("it takes pictures");
    const int64_t factor = int64_t{1} << halvings;
    if (shape[1] % factor != 0 || shape[2] % factor != 0)
      throw Error("pictures of " + std::to_string(shape[1]) + " x " + std::to_string(shape[2]) +
                  " cannot be halved " + std::to_string(halvings) + " times: set 'halvings' lower");
  }
  // Of the encoder's map after each halving, from the picture on.
  int64_t channels(int64_t halved) const {
    if (halved == 0) return shape[0];
    return halved == 1 && halvings > 1 ? width / 2 : width;
  }
  std::vector<int64_t> shape;
  int64_t width, halvings, blocks, block_width, code_size;
};

const nn::ConvOptions kHalve{.stride = 2, .padding = 1}, kKeep{.padding = 1};

struct Body {
  explicit Body(const Builder& b)
      : size(b),
        encode(b.scope("encoder")),
        last(encode, "last", size.width, size.width, 3, kKeep),
        residual(encode, size.width, size.block_width, size.blocks),
        project(encode, "project", size.width, size.code_size, 1) {
    for (int64_t i = 0; i < size.halvings; ++i)
      down.emplace_back(encode, "down" + std::to_string(i), size.channels(i), size.channels(i + 1), 4,
                        kHalve);
  }
  Tensor features(const Call& call) const {
    Tensor x = call.input("image");
    for (const nn::Conv2d& halve : down) x = relu(halve(call, x));
    return residual(call, last(call, x));
  }
  Sizes size;
  Builder encode;
  nn::Conv2d last;
  Residual residual;
  nn::Conv2d project;
  std::vector<nn::Conv2d> down;
};

struct Encoder {
  static Role role() { return {"encoder", {"image"}, {"features", "code"}}; }
  explicit Encoder(const Builder& b) : body(b) {}
  Outputs forward(const Call& call) const {
    const Tensor features = body.features(call);
    return {{"features", features}, {"code", body.project(call, features)}};
  }
  Body body;
};

// Of each place the nearest code.
class Quantizer {
 public:
  Quantizer(const Builder& b, int64_t size)
      : codes_(b.get<int64_t>("codes")), decay_(b.get<double>("decay")), epsilon_(b.get<double>("epsilon")) {
    // Uniform, of the variance 1 / size.
    const double most = std::sqrt(3.0 / static_cast<double>(size));
    const Tensor first = rand({codes_, size}) * (2 * most) - most;
    codebook_ = b.buffer("codebook", first);
    chosen_ = b.buffer("chosen", {codes_}, 1);
    sums_ = b.buffer("sums", clone(first));
  }
  struct Chosen {
    Tensor codes;  // as the map, without a graph
    Tensor usage;  // [samples, codes]
  };
  // map: [samples, size, height, width].
  Chosen operator()(const Call& call, const Tensor& map) const {
    NoGrad guard;
    // In a trial of bfloat16 distances are close to one another, and counts past 256 are not exact.
    const bool reduced = map.dtype() == DType::bfloat16;
    std::optional<trial::FullPrecision> exact;
    if (reduced) exact.emplace();
    const int64_t size = map.size(1);
    const Tensor places = reshape(permute(map, {0, 2, 3, 1}), {-1, size});
    const Tensor flat = reduced ? to(places, DType::float32) : places;
    const Tensor book = to(call[codebook_], flat.dtype());
    const Tensor distance =
        sum(square(flat), {1}, true) - 2 * mm(flat, transpose(book, 0, 1)) + sum(square(book), IntList(1));
    const Tensor index = argmin(distance, 1);
    const Tensor choice = to(eq(unsqueeze(index, 1), arange(codes_)), flat.dtype());
    const Tensor codes = permute(
        reshape(index_select(book, 0, index), {map.size(0), map.size(2), map.size(3), size}), {0, 3, 1, 2});
    const Tensor usage = mean(reshape(choice, {map.size(0), -1, codes_}), IntList(1));
    if (call.training()) learn(call, flat, choice);
    return {codes, usage};
  }

 private:
  // N <- d N + (1 - d) n, m <- d m + (1 - d) sum of z, e = m / N.
  void learn(const Call& call, const Tensor& flat, const Tensor& choice) const {
    const Tensor &chosen = call[chosen_], &sums = call[sums_];
    copy_(chosen, chosen * decay_ + sum(choice, IntList(0)) * (1 - decay_));
    copy_(sums, sums * decay_ + mm(transpose(choice, 0, 1), flat) * (1 - decay_));
    const Tensor all = sum(chosen);
    const Tensor smooth = (chosen + epsilon_) / (all + static_cast<double>(codes_) * epsilon_) * all;
    copy_(call[codebook_], sums / unsqueeze(smooth, 1));
  }
  int64_t codes_;
  double decay_, epsilon_;
  BufferId codebook_, chosen_, sums_;
};

struct Autoencoder {
  static Role role() {
    return {"autoencoder", {"image"}, {"image", "features", "code", "quantized", "usage"}};
  }
  explicit Autoencoder(const Builder& b)
      : body(b),
        quantize(b, body.size.code_size),
        decode(b.scope("decoder")),
        first(decode, "first", body.size.code_size, body.size.width, 3, kKeep),
        residual(decode, body.size.width, body.size.block_width, body.size.blocks) {
    for (int64_t i = body.size.halvings; i > 0; --i)
      up.emplace_back(decode, "up" + std::to_string(i - 1), body.size.channels(i), body.size.channels(i - 1),
                      4, kHalve);
  }
  Outputs forward(const Call& call) const {
    const Tensor features = body.features(call), code = body.project(call, features);
    const Quantizer::Chosen chosen = quantize(call, code);
    const Tensor& quantized = chosen.codes;
    // Straight through: the decoder's gradient goes to the encoder as if there were no quantiser.
    Tensor x = residual(call, first(call, code + detach(quantized - code)));
    for (size_t i = 0; i < up.size(); ++i) x = up[i](call, i == 0 ? x : relu(x));
    return {{"image", x},
            {"features", features},
            {"code", code},
            {"quantized", quantized},
            {"usage", chosen.usage}};
  }
  Body body;
  Quantizer quantize;
  Builder decode;
  nn::Conv2d first;
  Residual residual;
  std::vector<nn::ConvTranspose2d> up;
};
SADDLE_MODEL(Vqvae, Autoencoder, Encoder)
