#include <common/better.hpp>

namespace saddle {

bool known_as_higher(std::string_view metric) {
  const std::string_view name = metric.substr(0, metric.find('/'));  // without /floor and the like
  for (const char* known :
       {"precision", "recall", "density", "coverage", "improved_precision", "improved_recall",
        "modes_covered", "good_share", "inception_score", "inception_score_real", "accuracy",
        "classifier_accuracy", "classifier_accuracy_real", "classifier_accuracy_fake", "images_per_second"})
    if (name == known) return true;
  return false;
}

}  // namespace saddle
