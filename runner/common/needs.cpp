#include <common/needs.hpp>

#include <tuple>
#include <utility>

namespace saddle {
namespace {

// The place of the first pair of braces from `start` on; npos, npos when there is none.
std::pair<std::size_t, std::size_t> braces(const std::string& text, std::size_t start) {
  const std::size_t open = text.find('{', start);
  const std::size_t close = open == std::string::npos ? open : text.find('}', open);
  if (close == std::string::npos) return {close, close};
  return {open, close};
}

}  // namespace

std::vector<std::string> parameters_in(const std::string& need) {
  std::vector<std::string> names;
  for (auto [open, close] = braces(need, 0); open != std::string::npos;
       std::tie(open, close) = braces(need, close))
    names.push_back(need.substr(open + 1, close - open - 1));
  return names;
}

std::vector<std::string> needs_of(const Json& role, const Json& config) {
  std::vector<std::string> needs;
  for (const Json& listed : role.value("needs", Json::array())) {
    std::string need = listed.get<std::string>();
    for (const std::string& name : parameters_in(need))
      if (const auto value = config.find(name); value != config.end() && value->is_string())
        need.replace(need.find("{" + name + "}"), name.size() + 2, value->get<std::string>());
    needs.push_back(std::move(need));
  }
  return needs;
}

}  // namespace saddle
