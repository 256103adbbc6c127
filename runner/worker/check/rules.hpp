#pragma once
#include <string>
#include <vector>

// The rules of `saddle plugins check`. No LibTorch here.
namespace saddle::worker {

struct Rule {
  const char* id;
  const char* kinds;  // "model, transform"; "file": said once of the file
  const char* text;
};

// In the order in which they are applied.
const std::vector<Rule>& rules();
// Those of a kind of component, or of "file".
std::vector<const Rule*> rules_of(const std::string& kind);

}  // namespace saddle::worker
