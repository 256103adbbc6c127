#include <saddle/loss.hpp>
#include <saddle/trial.hpp>

#include <algorithm>
using namespace saddle;

// The game on which Salimans et al. 2016 (arXiv:1606.03498, section 3.3) try historical averaging: one player
// moves x, the other y, of V = (f(x) - 1)(y - 1) with f(x) = x below 0 and x^2 from there.
class ToyGame {
 public:
  static Description describe() {
    return {.name = "toy_game",
            .doc =
                "A game of two numbers in place of two networks: the generator's parameter x makes V = (f(x) "
                "- 1)(y - 1) small, the discriminator's y makes it large, f(x) = x for x < 0 and x^2 "
                "otherwise (Salimans et al. 2016, section 3.3). Gradient descent circles round the "
                "equilibrium (1, 1). Take the model `particles` with count 1; where there are more "
                "parameters, the k-th of the one plays with the k-th of the other. Recorded: x and y of the "
                "first pair, and how far the farthest pair is from the equilibrium.",
            .needs = {}};
  }
  explicit ToyGame(const Builder&) {}

  Terms discriminator(Step& s) const { return {{"value", -value(s)}}; }
  Terms generator(Step& s) const {
    const Tensor now = value(s);
    {
      NoGrad guard;
      const auto [x, y] = pairs(s);
      trial::scalar("x", narrow(x, 0, 0, 1).item());
      trial::scalar("y", narrow(y, 0, 0, 1).item());
      trial::scalar("distance", max(sqrt(square(x - 1) + square(y - 1))).item());
    }
    return {{"value", now}};
  }

 private:
  static Tensor numbers(const Step& s, const char* player) {
    std::vector<Tensor> all;
    for (const ModelParameter& p : s.model_parameters(player)) all.push_back(flatten(p.weight));
    return cat(all);
  }
  static std::pair<Tensor, Tensor> pairs(const Step& s) {
    const Tensor x = numbers(s, "generator"), y = numbers(s, "discriminator");
    const int64_t n = std::min(x.numel(), y.numel());
    return {narrow(x, 0, 0, n), narrow(y, 0, 0, n)};
  }
  static Tensor value(const Step& s) {
    const auto [x, y] = pairs(s);
    const Tensor f = where(lt(x, 0), x, square(x));
    return sum((f - 1) * (y - 1));
  }
};
SADDLE_LOSS(ToyGame)
