#include <saddle/loss.hpp>
#include <saddle/trial.hpp>
#include <saddle/weights.hpp>

using namespace saddle;

// Self-supervision of FastGAN's discriminator (Liu et al. 2021, arXiv:2101.04775, section 3.2): from its maps
// of a real picture decoders shall make the picture again, E |G(f) - T(x)|.
class Reconstruction {
 public:
  static Description describe() {
    return {
        .name = "reconstruction",
        .doc =
            "What the decoders of the discriminator `fastgan` make of its maps of real pictures against "
            "those "
            "pictures (Liu et al. 2021, eq. 4): the whole one, a quadrant that is drawn for each batch, and "
            "the small branch. The published code's distance is LPIPS, summed over the batch: distance "
            "perceptual, lin lpips_vgg, over sum, and in `models` \"perceptual\": {\"use\": \"vgg16\"}.",
        .params =
            {param("distance", "l1")
                 .one_of({"l1", "l2", "perceptual"})
                 .doc("per picture: mean absolute or squared difference of pixels, or of the unit-length "
                      "features of a network (LPIPS, Zhang et al. 2018, eq. 1)"),
             param("whole", 1.0).at_least(0).doc("weight of the whole picture"),
             param("part", 1.0).at_least(0).doc("weight of the quadrant"),
             param("small", 1.0).at_least(0).doc("weight of what the small branch decodes"),
             param("style", 0.0)
                 .at_least(0)
                 .doc("weight of the squared difference of the network's Gram matrices, divided by the size "
                      "of the map (Johnson et al. 2016, eq. 3; the report misses it in the published loss). "
                      "Its size depends on the network: look at the term first"),
             param("network", "perceptual")
                 .doc("the model with outputs map1 to map5 for perceptual and style: vgg16, or "
                      "efficientnet_lite0, in the role perceptual; it is not trained"),
             param("lin", "none")
                 .doc("weights of the channels in the perceptual distance. none: alike. lpips_vgg: LPIPS's "
                      "for "
                      "vgg16, which `./saddle fetch lpips_vgg` puts into the data folder. Or a safetensors "
                      "file with lin0.model.1.weight to lin4.model.1.weight"),
             param("over", "mean").one_of({"mean", "sum"}).doc("the pictures of a batch")},
        .needs = {"discriminator.map_whole", "discriminator.map_part", "discriminator.map_small",
                  "discriminator.rebuilt_whole", "discriminator.rebuilt_part",
                  "discriminator.rebuilt_small"}};
  }

  explicit Reconstruction(const Builder& b)
      : distance_(b.get<std::string>("distance")),
        network_(b.get<std::string>("network")),
        whole_(b.get<double>("whole")),
        part_(b.get<double>("part")),
        small_(b.get<double>("small")),
        style_(b.get<double>("style")),
        sum_(b.get<std::string>("over") == "sum") {
    if (distance_ != "perceptual" && style_ == 0) return;
    if (b.has_fact("parameters.discriminator") && !b.has_fact(("parameters." + network_).c_str()))
      throw Error("reconstruction compares features of a network: add \"" + network_ +
                  "\": {\"use\": \"efficientnet_lite0\", \"role\": \"perceptual\"} (or vgg16) to `models`");
    const auto lin = b.get<std::string>("lin");
    if (distance_ != "perceptual" || lin == "none") return;
    const Weights file(
        lin == "lpips_vgg" ? b.fact<std::string>("data_folder") + "/extractors/lpips_vgg.safetensors" : lin);
    for (int i = 0; i < kMaps; ++i)
      lin_.push_back(b.buffer("lin" + std::to_string(i),
                              reshape(file["lin" + std::to_string(i) + ".model.1.weight"], {1, -1, 1, 1})));
  }

  Terms discriminator(Step& s) const {
    const Tensor image = detach(s.input("real.augmented"));
    std::vector<Piece> pieces;
    if (whole_ > 0)
      pieces.push_back({"whole", "map_whole", "rebuilt_whole", whole_, s.real("map_whole"), image});
    if (part_ > 0) {
      const auto drawn = static_cast<int64_t>(trial::random() % 4);
      pieces.push_back({"part", "map_part", "rebuilt_part", part_, quadrant(s.real("map_part"), drawn),
                        quadrant(image, drawn)});
    }
    if (small_ > 0)
      pieces.push_back({"small", "map_small", "rebuilt_small", small_, s.real("map_small"), image});
    if (pieces.empty()) return {};
    Inputs maps;
    std::vector<const char*> names;
    for (const Piece& p : pieces) {
      maps.emplace_back(p.input, p.map);
      names.push_back(p.output);
    }
    const std::vector<Tensor> rebuilt = s.run("discriminator", maps, names);
    Terms terms;
    Tensor style;
    for (size_t i = 0; i < pieces.size(); ++i) {
      const Piece& p = pieces[i];
      const Tensor target = resized(p.picture, rebuilt[i]);
      if (distance_ == "l1") terms.emplace_back(p.name, p.weight * batch(abs(rebuilt[i] - target)));
      if (distance_ == "l2") terms.emplace_back(p.name, p.weight * batch(square(rebuilt[i] - target)));
      if (distance_ != "perceptual" && style_ == 0) continue;
      const auto [seen, wanted] = maps_of(s, rebuilt[i], target);
      if (distance_ == "perceptual") terms.emplace_back(p.name, p.weight * perceptual(s, seen, wanted));
      if (style_ == 0) continue;
      const Tensor more = (style_ * p.weight) * gram_difference(seen, wanted);
      style = style ? style + more : more;
    }
    if (style) terms.emplace_back("style", style);
    return terms;
  }

 private:
  static constexpr int kMaps = 5;
  struct Piece {
    const char *name, *input, *output;
    double weight;
    Tensor map, picture;
  };

  static Tensor quadrant(const Tensor& x, int64_t which) {
    const int64_t h = x.size(2) / 2, w = x.size(3) / 2;
    return narrow(narrow(x, 2, (which / 2) * h, h), 3, (which % 2) * w, w);
  }
  static Tensor resized(const Tensor& picture, const Tensor& like) {
    if (like.dim() != 4 || like.size(1) != picture.size(1))
      throw Error("reconstruction: the discriminator decodes to something else than pictures of " +
                  std::to_string(picture.size(1)) + " channels");
    if (picture.size(2) == like.size(2) && picture.size(3) == like.size(3)) return picture;
    return upsample_nearest2d(picture, {like.size(2), like.size(3)});
  }
  // Mean over what belongs to a picture, mean or sum over pictures.
  Tensor batch(const Tensor& x) const { return sum_ ? mean(x) * static_cast<double>(x.size(0)) : mean(x); }

  std::pair<std::vector<Tensor>, std::vector<Tensor>> maps_of(Step& s, const Tensor& rebuilt,
                                                              const Tensor& target) const {
    const std::vector<const char*> names = {"map1", "map2", "map3", "map4", "map5"};
    std::vector<Tensor> wanted;
    {
      NoGrad guard;
      wanted = s.run(network_.c_str(), {{"image", target}}, names);
    }
    return {s.run(network_.c_str(), {{"image", rebuilt}}, names), wanted};
  }
  // [n, c, h, w]: each place of length 1.
  static Tensor unit(const Tensor& x) { return x / (sqrt(sum(square(x), {1}, true) + 1e-20) + 1e-10); }
  Tensor perceptual(const Step& s, const std::vector<Tensor>& a, const std::vector<Tensor>& b) const {
    Tensor total;
    for (size_t i = 0; i < a.size(); ++i) {
      Tensor by = square(unit(a[i]) - unit(b[i]));
      if (!lin_.empty()) by = by * s[lin_[i]];
      const Tensor more = batch(sum(by, {1}, true));
      total = total ? total + more : more;
    }
    return total;
  }
  static Tensor gram(const Tensor& x) {
    const Tensor f = reshape(x, {x.size(0), x.size(1), -1});
    return bmm(f, transpose(f, 1, 2)) / static_cast<double>(f.size(1) * f.size(2));
  }
  Tensor gram_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) const {
    Tensor total;
    for (size_t i = 0; i < a.size(); ++i) {
      const Tensor more = batch(sum(square(gram(a[i]) - gram(b[i])), {1, 2}));
      total = total ? total + more : more;
    }
    return total;
  }

  std::string distance_, network_;
  double whole_, part_, small_, style_;
  bool sum_;
  std::vector<BufferId> lin_;
};
SADDLE_LOSS(Reconstruction)
