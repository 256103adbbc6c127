#include <saddle/loss.hpp>
using namespace saddle;

// Cross-sample similarity (Cross Sample Similarity for Stable Training of GAN, SIGGRAPH 2021): how much each
// channel of the features lies along all places of all samples of the batch at once; fakes shall not have
// more of it than reals.
//
// With the features F of the batch as a matrix of c channels by N places, the paper's similarity is M = F' F,
// its statistic the sum over places of F M. Neither product need be made: F F' F 1 is (F F') (F 1), of size
// c x c. With 128 channels of 8 x 8, there and back on one core (tests/bench/css_bench.cpp): 0.012 s and 44
// MiB against 0.54 s and 174 MiB at batch 64, 0.10 s and 220 MiB against 75 s and 8.2 GiB at batch 512.
class Css {
 public:
  static Description describe() {
    return {
        .name = "css",
        .doc =
            "Cross-sample similarity (SIGGRAPH 2021): sum over channels of max(0, s_k(fake) - s_k(real))^2, "
            "s "
            "the channel's global sum of F M, M the similarities of all places of the batch; the real "
            "statistic is a running mean, kept in the checkpoint. Add it to the generator's adversarial "
            "loss. "
            "What the paper leaves open are parameters.",
        .params =
            {param("model", "discriminator")
                 .doc("the player whose features are used: the discriminator, or an encoder that another "
                      "trial has trained (\"from\"), which every batch finds the same"),
             param("output", "features")
                 .doc("which of its outputs. `map` of a convolutional discriminator (fastgan's `map_whole`) "
                      "and `features` of vqvae's encoder have places, as the paper means; a discriminator's "
                      "`features` are pooled over them, so that whole samples are compared"),
             param("normalize", "place")
                 .one_of({"place", "none"})
                 .doc("place: the vector of each place has length 1, so M holds cosines. none: as they are"),
             param("relu", true)
                 .doc("negative features count as 0; the paper's similarities are not negative"),
             param("pool", "mean")
                 .one_of({"mean", "sum"})
                 .doc("sum: over all places, which grows with the square of the batch, and the loss with its "
                      "fourth power. mean: that over the square of the number of places"),
             param("over", "sum").one_of({"sum", "mean"}).doc("of the squares over the channels"),
             param("one_sided", true).doc("fakes may have less than reals"),
             param("running", true)
                 .doc("the real statistic is the mean over all batches so far; false: of this batch only"),
             param("start", 0)
                 .at_least(0)
                 .doc("round from which the term counts and reals are averaged: features of a discriminator "
                      "need a time to mean something")},
        .needs = {"{model}.{output}"}};
  }
  explicit Css(const Builder& b)
      : model_(b.get<std::string>("model")),
        output_(b.get<std::string>("output")),
        place_(b.get<std::string>("normalize") == "place"),
        relu_(b.get<bool>("relu")),
        mean_(b.get<std::string>("pool") == "mean"),
        over_mean_(b.get<std::string>("over") == "mean"),
        one_sided_(b.get<bool>("one_sided")),
        running_(b.get<bool>("running")),
        start_(b.get<int64_t>("start")) {
    if (!running_) return;
    average_ = b.buffer("real",
                        {b.fact<std::vector<int64_t>>(("shape." + model_ + "." + output_).c_str()).at(0)}, 0);
    count_ = b.buffer("count", {}, 0);
  }

  Terms generator(Step& s) const {
    if (s.round() < start_) return {};
    Tensor real;
    {
      NoGrad guard;
      real = statistic(s.output(model_.c_str(), "real", output_.c_str()));
      if (running_) {
        // A <- (A t + E) / (t + 1)
        add_(s[*count_], ones({}, DType::float32));
        add_(s[*average_], (real - s[*average_]) / s[*count_]);
        real = clone(s[*average_]);
      }
    }
    const Tensor more = statistic(s.output(model_.c_str(), "fake", output_.c_str())) - real;
    const Tensor squares = square(one_sided_ ? relu(more) : more);
    return {{"similarity", over_mean_ ? mean(squares) : sum(squares)}};
  }

 private:
  // Of features [n, c] or [n, c, ...]: of each channel, [c].
  Tensor statistic(const Tensor& features) const {
    const int64_t c = features.size(1);
    Tensor f = reshape(transpose(flatten(reshape(features, {features.size(0), c, -1}), 2), 0, 1), {c, -1});
    if (relu_) f = saddle::relu(f);
    if (place_) f = f * rsqrt(sum(square(f), {0}, true) + 1e-24);
    const Tensor pooled = mv(mm(f, transpose(f, 0, 1)), sum(f, IntList(1)));
    const auto places = static_cast<double>(f.size(1));
    return mean_ ? pooled / (places * places) : pooled;
  }

  std::string model_, output_;
  bool place_, relu_, mean_, over_mean_, one_sided_, running_;
  int64_t start_;
  std::optional<BufferId> average_, count_;
};
SADDLE_LOSS(Css)
