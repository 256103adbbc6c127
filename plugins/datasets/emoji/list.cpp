#include "list.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "../files.hpp"

namespace saddle::emoji {
namespace {

constexpr const char* kRemedy = "The list is in Debian's package unicode-data; or set the parameter `list`";

bool is_tone(char32_t c) { return c >= 0x1F3FB && c <= 0x1F3FF; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// "1F468 200D 1F33E"
std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> points;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    uint32_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value, 16);
    if (error != std::errc() || value > 0x10FFFF) return {};
    points.push_back(value);
    at = next;
    while (at != end && *at == ' ') ++at;
  }
  return points;
}

}  // namespace

std::vector<Emoji> read_list(const std::filesystem::path& file) {
  const std::vector<uint8_t> content = files::read(file, kRemedy);
  std::string_view rest(reinterpret_cast<const char*>(content.data()), content.size());
  std::vector<Emoji> list;
  int group = -1;
  for (int line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    constexpr std::string_view kGroup = "# group: ";
    if (text.starts_with(kGroup)) {
      const auto found =
          std::find(std::begin(kGroups), std::end(kGroups), trimmed(text.substr(kGroup.size())));
      group = found == std::end(kGroups) ? -1 : static_cast<int>(found - std::begin(kGroups));
      continue;
    }
    const size_t semicolon = text.find(';');
    if (text.empty() || text[0] == '#' || semicolon == std::string_view::npos || group < 0) continue;
    if (!trimmed(text.substr(semicolon + 1)).starts_with("fully-qualified")) continue;
    Emoji emoji{.sequence = code_points(trimmed(text.substr(0, semicolon))), .base = {}, .group = group};
    if (emoji.sequence.empty())
      files::fail(file.string() + ":" + std::to_string(line), "code points in hexadecimal were expected",
                  kRemedy);
    for (const char32_t c : emoji.sequence) {
      emoji.tone = emoji.tone || is_tone(c);
      if (!is_tone(c) && c != 0xFE0F) emoji.base.push_back(c);
    }
    list.push_back(std::move(emoji));
  }
  if (list.empty()) files::fail(file, "no fully qualified emoji of a known group is in it", kRemedy);
  return list;
}

}  // namespace saddle::emoji
