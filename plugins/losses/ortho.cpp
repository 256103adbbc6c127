#include <saddle/loss.hpp>
using namespace saddle;

// Orthogonal regularisation (Brock et al. 2017; BigGAN, Brock et al. 2019, eqs. 2 and 3): beta |W W' -
// I|_F^2, or, relaxed, only what is off the diagonal, for every weight as a matrix W of (outputs, rest).
struct Ortho {
  static Description describe() {
    return {.name = "ortho",
            .doc =
                "Orthogonal regularisation of a player's weights (BigGAN, Brock et al. 2019, eq. 3: off the "
                "diagonal; "
                "eq. 2 with `diagonal`), on the raw weights, spectral norm or not. Embeddings that all "
                "blocks share are "
                "left out.",
            .params = {param("beta", 1e-4).at_least(0).doc("strength; 1e-4 in the paper"),
                       param("player", "generator")
                           .one_of({"generator", "discriminator", "both"})
                           .doc("whose weights; the paper's are the generator's"),
                       param("diagonal", false).doc("also pull the rows' lengths to 1 (eq. 2)"),
                       param("form", "loss")
                           .one_of({"loss", "gradient"})
                           .doc("loss: the formula. gradient: half of it, whose slope is what BigGAN-PyTorch "
                                "adds to the "
                                "gradients, 2 beta (W W' - I) W")},
            .needs = {}};
  }
  explicit Ortho(const Builder& b)
      : scale_(b.get<double>("beta") * (b.get<std::string>("form") == "gradient" ? 0.5 : 1)),
        player_(b.get<std::string>("player")),
        diagonal_(b.get<bool>("diagonal")) {}

  Terms discriminator(Step& s) const { return penalty(s, "discriminator"); }
  Terms generator(Step& s) const { return penalty(s, "generator"); }

 private:
  Terms penalty(Step& s, const char* player) const {
    if (player_ != "both" && player_ != player) return {};
    Tensor total;
    for (const ModelParameter& p : s.model_parameters(player)) {
      const bool shared = p.layout == Layout::embedding && p.name.starts_with("shared");
      if (!p.trained || p.layout == Layout::other || shared) continue;
      const Tensor turned = p.layout == Layout::conv_transpose ? transpose(p.raw, 0, 1) : p.raw;
      const Tensor w = flatten(turned, 1), gram = mm(w, transpose(w, 0, 1));
      const Tensor identity = eye(gram.size(0), gram.dtype());
      const Tensor excess = diagonal_ ? gram - identity : gram * (1 - identity);
      const Tensor term = sum(square(excess));
      total = total ? total + term : term;
    }
    if (!total) throw Error(std::string("the ") + player + " has no weights to make orthogonal");
    return {{"penalty", scale_ * total}};
  }

  double scale_;
  std::string player_;
  bool diagonal_;
};
SADDLE_LOSS(Ortho)
