#pragma once
#include <map>
#include <string>

#include <grid/resolve.hpp>

namespace saddle {

// Which configs take about as long for a round as each other: those that agree in
// all but the numbers that are no counts (a learning rate, a weight), how many
// rounds there are, and what is recorded.
class Families {
 public:
  // A name for the family of a config; equal for its members only.
  std::string of(const ResolvedConfig& config);
  static std::string of(const Json& config);

 private:
  std::map<const Section*, std::string> known_;
};

}  // namespace saddle
