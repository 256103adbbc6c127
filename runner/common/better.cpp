#include <common/better.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

#include <common/nearest.hpp>

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

std::string meant_as_higher(const std::string& name, const std::set<std::string>& higher,
                            const std::set<std::string>& gives) {
  std::vector<std::string> others;
  std::copy_if(gives.begin(), gives.end(), std::back_inserter(others),
               [&](const std::string& n) { return !higher.contains(n) && !known_as_higher(n); });
  return nearest(name, others);
}

}  // namespace saddle
