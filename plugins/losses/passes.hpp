// For losses that run the discriminator on pictures of their own making.
#pragma once
#include <saddle/loss.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

// Pictures, and their classes if there are any.
struct Pictures {
  Tensor image, label;
};

// Whether the trial wants the discriminator to see real and fake in one pass (train.pass), which costs less,
// and mixes their statistics where it has any.
inline bool wants_joint_pass(const Builder& b) {
  return b.has_fact("pass") && b.fact<std::string>("pass") == "joint";
}

// The discriminator's features of each set, in a pass of its own or all in one.
inline std::vector<Tensor> features_of(const Step& s, const std::vector<Pictures>& sets, bool joint) {
  std::vector<Tensor> found;
  if (!joint) {
    for (const Pictures& set : sets)
      found.push_back(s.run("discriminator", {{"image", set.image}, {"label", set.label}}, "features"));
    return found;
  }
  std::vector<Tensor> images, labels;
  for (const Pictures& set : sets) {
    images.push_back(set.image);
    if (set.label) labels.push_back(set.label);
  }
  const Tensor all =
      s.run("discriminator", {{"image", cat(images)}, {"label", labels.empty() ? Tensor() : cat(labels)}},
            "features");
  int64_t first = 0;
  for (const Tensor& image : images) {
    found.push_back(narrow(all, 0, first, image.size(0)));
    first += image.size(0);
  }
  return found;
}

}  // namespace saddle
#pragma GCC visibility pop
