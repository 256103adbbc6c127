#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <common/json.hpp>

namespace saddle {

// A grid file with all that it extends, merged into one object, and where each
// value of it was written. runner/grid/README.md has the rules of merging.
class Source {
 public:
  // Throws Error with a place for what is no JSON, a file that is not there, and
  // files that extend each other in a circle.
  static Source read(const std::filesystem::path& file);

  // The merged object, without "extends".
  const Json& root() const { return root_; }

  // "file:line:col" of the value (or of its key) at a pointer, in the file whose
  // value it is; of the nearest enclosing value when nothing is there.
  std::string where(std::string_view pointer, bool key = false) const;

  // Whether a value was written at this pointer.
  bool has(const std::string& pointer) const;

  // Keys of the object at a pointer as they are written, those of what is extended first.
  std::vector<std::string> keys_in_order(const std::string& pointer) const;

  // The file as it was written; when it extends others, the merged object.
  const std::string& text() const { return text_; }
  // The files that were read, the one that was asked for last.
  const std::vector<Document>& documents() const { return documents_; }

 private:
  friend class Merger;
  struct Place {
    std::size_t document;  // whose value this is
    std::size_t rank;      // among its siblings
  };

  std::vector<Document> documents_;
  std::unordered_map<std::string, Place> places_;  // empty while there is one document
  Json root_;
  std::string text_;
};

}  // namespace saddle
