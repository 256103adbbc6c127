#include <commands/sample_page.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include <commands/nearest.hpp>
#include <common/error.hpp>
#include <train/random.hpp>

namespace saddle::worker {
namespace {

constexpr int64_t kRow = 8;  // pictures, unless --grid says otherwise

at::Tensor numbers(const std::vector<int64_t>& list) {
  return at::tensor(list, at::TensorOptions().dtype(at::kLong)).to(trial_device());
}

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

class Drawing {
 public:
  Drawing(const Request& request, const Trial& trial, Game& game)
      : request_(request),
        trial_(trial),
        game_(game),
        seed_(request.at("seed").get<uint64_t>()),
        rows_(request.at("rows").get<int64_t>()),
        columns_(request.at("columns").get<int64_t>()),
        count_(request.at("count").get<int64_t>()),
        truncations_(request.at("truncation").get<std::vector<double>>()),
        z_stds_(request.at("z_std").get<std::vector<double>>()),
        how_(Sampling::from_json(
            {{"batch_norm", request.at("batch_norm")}, {"standing_passes", request.at("standing_passes")}})) {
    how_.average = request.at("weights") != "raw";
    for (const double t : truncations_) check_truncation(game.config().at("train").at("latent"), t);
    choose_classes();
  }

  Page page() {
    const auto paths = request_.at("interpolate").get<std::vector<std::string>>();
    const auto neighbours = request_.at("nearest").get<int64_t>();
    Page page;
    if (request_.at("style_mixing").get<bool>())
      page = mixed();
    else if (!paths.empty())
      page = interpolated(std::find(paths.begin(), paths.end(), "z") != paths.end(),
                          std::find(paths.begin(), paths.end(), "classes") != paths.end());
    else if (truncations_.size() > 1 || z_stds_.size() > 1)
      page = swept();
    else if (!classes_.empty())
      page = of_classes();
    else
      page = plain();
    page.batch.image = page.batch.image.to(at::kCPU, at::kFloat);
    if (page.batch.label.defined()) page.batch.label = page.batch.label.cpu();
    if (neighbours > 0) add_neighbours(page, neighbours);
    if (truncations_.size() == 1) page.remark += ", truncation " + number_text(truncations_[0]);
    if (z_stds_.size() == 1) page.remark += ", z times " + number_text(z_stds_[0]);
    if (how_.batch_norm != BatchNorm::running)
      page.remark += ", " + request_.at("batch_norm").get<std::string>() + " statistics";
    return page;
  }

 private:
  void choose_classes() {
    const auto& asked = request_.at("classes");
    if (asked.is_null()) return;
    const int64_t known = game_.dataset().info().classes;
    if (known <= 0)
      throw Error("--classes: the data set " + game_.config().at("dataset").at("use").get<std::string>() +
                  " has no classes");
    classes_ = asked.get<std::vector<int64_t>>();
    if (classes_.empty()) {
      classes_.resize(static_cast<size_t>(known));
      std::iota(classes_.begin(), classes_.end(), 0);
    }
    for (const int64_t c : classes_)
      if (c < 0 || c >= known)
        throw Error("--classes " + std::to_string(c) + ": expected 0 to " + std::to_string(known - 1));
    for (const int64_t c : classes_)
      if (std::count(classes_.begin(), classes_.end(), c) > 1)
        throw Error("--classes " + std::to_string(c) + ": is named twice");
  }

  Sampling single() const {
    Sampling how = how_;
    if (!truncations_.empty()) how.truncation = truncations_[0];
    if (!z_stds_.empty()) how.z_std = z_stds_[0];
    return how;
  }
  at::Generator stream() const { return train::make_generator(seed_, "sample"); }
  int64_t rows_or(int64_t rows, const std::string& what) const {
    if (rows_ != 0 && rows_ != rows)
      throw Error("--grid " + std::to_string(rows_) + "x" + std::to_string(columns_) +
                  ": there is a row for each " + what + ", which makes " + std::to_string(rows));
    return rows;
  }

  Page plain() {
    const int64_t count = rows_ > 0 ? rows_ * columns_ : count_ > 0 ? count_ : 64;
    return {Sampler(game_, single(), seed_).draw(count, stream()), columns_, {}, ""};
  }

  // A row for each class, the same z in each of a column.
  Page of_classes() {
    const int64_t columns = columns_ > 0 ? columns_ : kRow,
                  rows = rows_or(static_cast<int64_t>(classes_.size()), "class");
    Sampler sampler(game_, single(), seed_);
    const at::Tensor z = sampler.latent(columns, stream()).repeat({rows, 1});
    const at::Tensor label = numbers(classes_).repeat_interleave(columns);
    return {{sampler.images(z, label), label}, columns, {}, ""};
  }

  // A row for each z, a column for each z of the style; in front of both, what each is alone. The corner is
  // empty.
  Page mixed() {
    const int64_t rows = rows_ > 0 ? rows_ : kRow, columns = columns_ > 0 ? columns_ : kRow;
    Sampler sampler(game_, single(), seed_);
    if (!sampler.mixes_styles())
      throw Error("--style-mixing: the generator " +
                  game_.players().at("generator")->model.instance.component().name +
                  " has no input z_style, a second z for the style, as fastgan has");
    const at::Generator generator = stream();
    const at::Tensor z = sampler.latent(rows, generator), style = sampler.latent(columns, generator);
    at::Tensor label;
    if (game_.dataset().info().classes > 0)
      label = sampler.labels(1, train::make_generator(seed_, "labels")).repeat({(rows + 1) * (columns + 1)});
    const auto labels = [&](int64_t n) { return label.defined() ? label.narrow(0, 0, n) : label; };
    const at::Tensor top = sampler.images(style, labels(columns)), left = sampler.images(z, labels(rows));
    const at::Tensor inside =
        sampler.images(z.repeat_interleave(columns, 0), labels(rows * columns), style.repeat({rows, 1}));
    const at::Tensor first = at::cat({at::zeros_like(top.narrow(0, 0, 1)), top}).unsqueeze(0);
    const at::Tensor others = at::cat({left.unsqueeze(1), inside.unflatten(0, {rows, columns})}, 1);
    return {{at::cat({first, others}).flatten(0, 1), label},
            columns + 1,
            {},
            ", z by row, excited by that of the column"};
  }

  // A row for each value of truncation or of z's deviation, drawn from the same random numbers.
  Page swept() {
    const bool truncated = truncations_.size() > 1;
    const auto& values = truncated ? truncations_ : z_stds_;
    const int64_t columns = columns_ > 0 ? columns_ : kRow;
    rows_or(static_cast<int64_t>(values.size()), truncated ? "value of --truncation" : "value of --z-std");
    std::vector<at::Tensor> images, labels;
    std::string remark;
    for (const double value : values) {
      Sampling how = single();
      (truncated ? how.truncation : how.z_std) = value;
      Sampler sampler(game_, how, seed_);
      // Labels first: they are the same in each row, however many numbers truncation takes.
      const at::Tensor label = sampler.labels(columns, train::make_generator(seed_, "labels"));
      images.push_back(sampler.images(sampler.latent(columns, stream()), label));
      if (label.defined()) labels.push_back(label);
      remark += (remark.empty() ? (truncated ? ", truncation by row " : ", z by row times ") : ", ") +
                number_text(value);
    }
    return {{at::cat(images), labels.empty() ? at::Tensor() : at::cat(labels)}, columns, {}, remark};
  }

  // Each row goes from one z to another, or from one class to the next in the list, or both.
  Page interpolated(bool in_z, bool in_classes) {
    if (in_classes && classes_.empty()) {
      const int64_t known = game_.dataset().info().classes;
      if (known < 2) throw Error("--interpolate classes: the data set has no classes to go between");
      const int64_t most = rows_ > 0 ? std::min(rows_, known) : known;
      for (int64_t c = 0; c < most; ++c) classes_.push_back(c);
    }
    if (in_classes && classes_.size() < 2)
      throw Error("--interpolate classes: it takes two classes at least to go between");
    const int64_t columns = columns_ > 0 ? columns_ : kRow;
    const int64_t rows = !classes_.empty() ? rows_or(static_cast<int64_t>(classes_.size()), "class")
                         : rows_ > 0       ? rows_
                                           : kRow;
    if (columns < 2) throw Error("--interpolate: it takes a grid of two columns at least");
    Sampler sampler(game_, single(), seed_);
    const at::Generator generator = stream();
    const at::Tensor from = sampler.latent(rows, generator), to = sampler.latent(rows, generator);
    at::Tensor label;
    if (!classes_.empty())
      label = numbers(classes_);
    else if (game_.dataset().info().classes > 0)
      label = sampler.labels(rows, train::make_generator(seed_, "labels"));
    std::vector<int64_t> next = classes_;
    if (!next.empty()) std::rotate(next.begin(), next.begin() + 1, next.end());
    std::vector<at::Tensor> images;
    for (int64_t c = 0; c < columns; ++c) {
      const double t = static_cast<double>(c) / static_cast<double>(columns - 1);
      const at::Tensor z = in_z ? between(from, to, t) : from;
      images.push_back(in_classes ? sampler.images_between(z, label, classes_, next, t)
                                  : sampler.images(z, label));
    }
    // From columns to rows.
    const at::Tensor image = at::stack(images, 1).flatten(0, 1);
    return {{image, label.defined() ? label.repeat_interleave(columns) : label}, columns, {}, ""};
  }

  // Of normal z along the great circle, which keeps its length what the generator was trained with; of others
  // along the line.
  at::Tensor between(const at::Tensor& a, const at::Tensor& b, double t) const {
    if (game_.config().at("train").at("latent").at("use") != "normal") return a.lerp(b, t);
    const at::Tensor length_a = a.norm(2, {1}, true), length_b = b.norm(2, {1}, true);
    const at::Tensor cosine = ((a / length_a) * (b / length_b)).sum(1, true).clamp(-1, 1);
    const at::Tensor angle = cosine.acos(), sine = angle.sin();
    const at::Tensor circle = (angle * (1 - t)).sin() / sine * a + (angle * t).sin() / sine * b;
    return at::where(sine > 1e-4, circle, a.lerp(b, t));
  }

  void add_neighbours(Page& page, int64_t k) {
    const Request& features = request_.at("features");
    const Neighbours found = find_neighbours(trial_, game_, page.batch, features, k);
    page.beside["nearest"] = found.index;
    page.beside["distance"] = found.distance;
    page.beside["nearest_image"] = found.image;
    page.remark += ", nearest training sample in " +
                   (features.is_object() ? features.at("use") : features).get<std::string>() + " at " +
                   number_text(found.distance.select(1, 0).median().item<double>()) + " in the median";
  }

  const Request& request_;
  const Trial& trial_;
  Game& game_;
  uint64_t seed_;
  int64_t rows_, columns_, count_;
  std::vector<double> truncations_, z_stds_;
  Sampling how_;
  std::vector<int64_t> classes_;
};

}  // namespace

Page make_page(const Request& request, const Trial& trial, Game& game) {
  return Drawing(request, trial, game).page();
}

}  // namespace saddle::worker
