#include "fastgan_layers.hpp"
using namespace saddle;
using namespace saddle::fastgan;

// FastGAN (Liu et al. 2021, arXiv:2101.04775) as its reproduction report has it, and as its authors published
// it. Its discriminator's decoders are trained by the loss `reconstruction`.
struct FastGan {
  static Description describe() {
    return {
        .name = "fastgan",
        .doc =
            "FastGAN (Liu et al. 2021) for square pictures whose side is 32, 64, 128 ... 1024: a generator "
            "with "
            "skip-layer excitation that gives the picture and a small one, of 128 or half of the side; a "
            "discriminator that judges both in 5 x 5 places each, with three decoders for the loss "
            "`reconstruction`. The generator's optional input z_style makes the excitations from another z. "
            "Published with hinge of random_margin 0.2, diffaugment of color and translation, Adam 2e-4 "
            "(0.5, 0.999), batch 8, average 0.999.",
        .params = {
            param("width", 64)
                .at_least(1)
                .at_most(65536)
                .doc("channels at 128 x 128; others are 1/8 to 16 widths"),
            param("variant", "report")
                .one_of({"report", "published"})
                .doc("report: the copy of the reproduction report (Dong et al., COMP6248 challenge). "
                     "published: "
                     "odegeasslbc/FastGAN-pytorch as projects derived from it have it: an excitation 4 > 64 "
                     "more, half the channels at 8 x 8 in the discriminator, simple blocks in its small "
                     "branch, "
                     "no tanh below 1024"),
            param("sle", true).doc("skip-layer excitation, of the role it is set for"),
            param("decoders", true).doc("of the discriminator; without them no `reconstruction`"),
            param("noise", true).doc("noise injected in the generator; false: that of strength 0")}};
  }
};

bool is_published(const Builder& b) { return b.get<std::string>("variant") == "published"; }

class Generator {
 public:
  static Role role() { return {"generator", {"z", "z_style"}, {"image", "small"}}; }

  explicit Generator(const Builder& b) : side_(side_of(b)), small_(small_side(side_)) {
    const auto width = b.get<int64_t>("width");
    const auto colours = b.sample_shape()[0];
    const auto at = [&](int64_t side) {
      return channels(width, side <= 16   ? 64.0 / static_cast<double>(side)
                             : side <= 64 ? 2
                                          : 128.0 / static_cast<double>(side));
    };
    const bool published = is_published(b), noise = b.get<bool>("noise");
    tanh_ = !published || side_ == 1024;
    start_.emplace(b, "start", b.fact<int64_t>("latent_size"), 2 * at(4), 4, plain(1, 0));
    start_norm_ = batch_norm(b, "start_norm", 2 * at(4));
    for (int64_t side = 8; side <= side_; side *= 2) {
      // At 8, 32, 128 and 512 two convolutions with noise.
      bool twice = false;
      for (const int64_t s : {8, 32, 128, 512}) twice |= s == side;
      blocks_.try_emplace(side, b.scope("up" + std::to_string(side)), at(side / 2), at(side), twice, noise);
    }
    if (b.get<bool>("sle"))
      for (const auto& [low, high] : links(side_, published)) {
        sources_[high] = low;
        excitations_.try_emplace(high, b.scope("sle" + std::to_string(high)), at(low), at(high));
      }
    image_ = conv3(b, "image", at(side_), colours);
    small_image_ = conv1(b, "small", at(small_), colours);
  }

  Outputs forward(const Call& call) const {
    const std::map<int64_t, Tensor> gates = styles(call);
    Tensor h = start(call, call.input("z")), small;
    std::map<int64_t, Tensor> low = {{4, h}};
    const bool own = gates.empty();
    for (const auto& [side, block] : blocks_) {
      h = block(call, h);
      if (const auto source = sources_.find(side); source != sources_.end())
        h = h * (own ? excitations_.at(side)(call, low.at(source->second)) : gates.at(side));
      if (side <= 32) low[side] = h;
      if (side == small_) small = out(*small_image_, call, h);
    }
    return {{"image", out(*image_, call, h)}, {"small", small}};
  }

 private:
  // Sides, low to high. The report's copy has no link at 64 and below, so those are of this project.
  static std::vector<std::pair<int64_t, int64_t>> links(int64_t side, bool published) {
    if (side < 128) return {{4, side / 2}, {8, side}};
    std::vector<std::pair<int64_t, int64_t>> list;
    for (int64_t low = published ? 4 : 8; low <= 32 && 16 * low <= side; low *= 2)
      list.emplace_back(low, 16 * low);
    return list;
  }
  Tensor start(const Call& call, const Tensor& z) const {
    return glu((*start_norm_)(call, (*start_)(call, reshape(z, {z.size(0), z.size(1), 1, 1}))), 1);
  }
  Tensor out(const nn::Conv2d& layer, const Call& call, const Tensor& h) const {
    const Tensor image = layer(call, h);
    return tanh_ ? tanh(image) : image;
  }
  // The excitations that z_style makes; none without it.
  std::map<int64_t, Tensor> styles(const Call& call) const {
    const Tensor z = call.find("z_style");
    std::map<int64_t, Tensor> gates;
    if (!z) return gates;
    if (sources_.empty()) throw Error("without sle there is nothing that z_style could excite");
    Tensor h = start(call, z);
    const int64_t last = sources_.rbegin()->second;
    for (int64_t side = 4;; h = blocks_.at(side *= 2)(call, h)) {
      for (const auto& [high, low] : sources_)
        if (low == side) gates[high] = excitations_.at(high)(call, h);
      if (side == last) return gates;
    }
  }

  int64_t side_, small_;
  bool tanh_ = true;
  std::optional<nn::ConvTranspose2d> start_;
  std::optional<nn::BatchNorm> start_norm_;
  std::map<int64_t, UpBlock> blocks_;   // by the side that they make
  std::map<int64_t, int64_t> sources_;  // side of the map that excites it
  std::map<int64_t, Excitation> excitations_;
  std::optional<nn::Conv2d> image_, small_image_;
};

// With maps instead of pictures as its input it only decodes them.
class Discriminator {
 public:
  static Role role() {
    return {"discriminator",
            {"image", "small", "map_whole", "map_part", "map_small"},
            {"logit", "features", "map_whole", "map_part", "map_small", "rebuilt_whole", "rebuilt_part",
             "rebuilt_small"}};
  }

  explicit Discriminator(const Builder& b) : side_(side_of(b)), small_(small_side(side_)) {
    const auto width = b.get<int64_t>("width");
    const auto colours = b.sample_shape()[0];
    const bool published = is_published(b);
    const auto at = [&](int64_t side) {
      return channels(width, side == 8 ? (published ? 8 : 16) : 64.0 / static_cast<double>(side));
    };
    const int64_t top = std::min<int64_t>(256, side_);
    if (side_ == 1024) {
      stem_.push_back(conv4_down(b, "stem0", colours, channels(width, 0.125)));
      stem_.push_back(conv4_down(b, "stem1", channels(width, 0.125), at(top)));
      stem_norm_ = batch_norm(b, "stem1_norm", at(top));
    } else {
      stem_.push_back(side_ == 512 ? conv4_down(b, "stem0", colours, at(top))
                                   : conv3(b, "stem0", colours, at(top)));
    }
    for (int64_t side = top / 2; side >= 8; side /= 2)
      down_.emplace_back(b.scope("down" + std::to_string(side)), at(2 * side), at(side), true);
    if (b.get<bool>("sle")) {
      factor_ = side_ >= 128 ? 8 : 4;  // below 128, of this project
      for (int64_t side = std::min<int64_t>(32, top / factor_); side >= 8; side /= 2)
        excitations_.try_emplace(side, b.scope("sle" + std::to_string(side)), at(factor_ * side), at(side));
    }
    head1_ = conv1(b, "head1", at(8), channels(width, 16));
    head_norm_ = batch_norm(b, "head_norm", channels(width, 16));
    head2_ = conv4(b, "head2", channels(width, 16), 1);

    const auto branch = [&](int64_t side) { return channels(width, 32.0 / static_cast<double>(side)); };
    small_stem_ = conv4_down(b, "small_stem", colours, branch(small_ / 2));
    for (int64_t side = small_ / 4; side >= 8; side /= 2)
      small_down_.emplace_back(b.scope("small_down" + std::to_string(side)), branch(2 * side), branch(side),
                               !published);
    small_head_ = conv4(b, "small_head", branch(8), 1);
    if (!b.get<bool>("decoders")) return;
    whole_.emplace(b.scope("decode_whole"), at(8), width, side_, colours);
    part_.emplace(b.scope("decode_part"), at(16), width, side_, colours);
    small_decoder_.emplace(b.scope("decode_small"), branch(8), width, side_, colours);
  }

  Outputs forward(const Call& call) const {
    Outputs outputs;
    const Tensor whole = call.find("map_whole"), part = call.find("map_part"), small = call.find("map_small");
    if (whole) outputs.emplace_back("rebuilt_whole", decoded(whole_, call, whole));
    if (part) outputs.emplace_back("rebuilt_part", decoded(part_, call, part));
    if (small) outputs.emplace_back("rebuilt_small", decoded(small_decoder_, call, small));
    if (outputs.empty() || call.find("image")) judge(call, outputs);
    return outputs;
  }

 private:
  static Tensor decoded(const std::optional<Decoder>& decoder, const Call& call, const Tensor& map) {
    if (!decoder)
      throw Error("this fastgan has no decoders: set \"decoders\": true, or leave out what decodes");
    return (*decoder)(call, map);
  }

  // A picture that comes without its small one is made smaller here: real ones are.
  void judge(const Call& call, Outputs& outputs) const {
    const Tensor image = call.input("image");
    Tensor h = leaky(stem_[0](call, image));
    if (stem_norm_) h = leaky((*stem_norm_)(call, stem_[1](call, h)));
    std::map<int64_t, Tensor> maps = {{h.size(2), h}};
    for (const DownBlock& block : down_) {
      h = block(call, h);
      const int64_t side = h.size(2);
      if (const auto e = excitations_.find(side); e != excitations_.end())
        h = h * e->second(call, maps.at(factor_ * side));
      maps[side] = h;
    }
    const Tensor logits = (*head2_)(call, leaky((*head_norm_)(call, (*head1_)(call, h))));

    const Tensor given = call.find("small");
    Tensor s = leaky((*small_stem_)(call, given ? given : resized(image, small_)));
    for (const DownBlock& block : small_down_) s = block(call, s);
    const Tensor small_logits = (*small_head_)(call, s);

    outputs.emplace_back("logit", cat(std::vector<Tensor>{flatten(logits, 1), flatten(small_logits, 1)}, 1));
    outputs.emplace_back("features", mean(h, IntList{2, 3}));
    outputs.emplace_back("map_whole", h);
    outputs.emplace_back("map_part", maps.at(16));
    outputs.emplace_back("map_small", s);
  }

  int64_t side_, small_, factor_ = 0;
  std::vector<nn::Conv2d> stem_;
  std::optional<nn::BatchNorm> stem_norm_, head_norm_;
  std::vector<DownBlock> down_, small_down_;
  std::map<int64_t, Excitation> excitations_;  // by the side of the map that is excited
  std::optional<nn::Conv2d> head1_, head2_, small_stem_, small_head_;
  std::optional<Decoder> whole_, part_, small_decoder_;
};

SADDLE_MODEL(FastGan, Generator, Discriminator)
