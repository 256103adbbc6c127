// The pictures of a folder: which there are, in which class and split.
#pragma once
#include "../files.hpp"

namespace saddle {

struct PictureFile {
  std::filesystem::path path;
  int64_t label;
};

struct Folder {
  std::vector<std::string> classes;              // sorted; empty: no labels
  std::vector<std::vector<PictureFile>> splits;  // train, and test where there is one
  std::string version;                           // of the names and sizes of all files
};

Folder scan(const std::filesystem::path& root, double test_share);

}  // namespace saddle
