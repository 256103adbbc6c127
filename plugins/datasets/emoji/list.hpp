// Unicode's list of emoji (emoji-test.txt): which sequences there are, in which groups.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace saddle::emoji {

struct Emoji {
  std::vector<char32_t> sequence;  // fully qualified
  std::vector<char32_t> base;      // without skin tones and variation selectors: the same for all tones
  int group = 0;                   // index into kGroups
  bool tone = false;               // a copy of another in a skin tone
};

inline constexpr const char* kGroups[] = {"Smileys & Emotion", "People & Body",   "Animals & Nature",
                                          "Food & Drink",      "Travel & Places", "Activities",
                                          "Objects",           "Symbols",         "Flags"};

// The fully qualified emoji of the file, in its order. Throws saddle::Error with file and line.
std::vector<Emoji> read_list(const std::filesystem::path& file);

}  // namespace saddle::emoji
