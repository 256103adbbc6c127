#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

#include <nlohmann/json.hpp>

namespace saddle {

using Json = nlohmann::json;

// JSON pointers (RFC 6901) as plain strings: "" is the whole document,
// "/losses/0/use" a value in it.
std::string pointer_child(std::string_view pointer, std::string_view key);
std::string pointer_child(std::string_view pointer, std::size_t index);
// The pointer without its last part; "" stays "".
std::string pointer_parent(std::string_view pointer);

// A JSON text that remembers where everything stands. nlohmann/json 3.11.2 alone
// does not: it also lets the last of two equal keys win and turns integers past
// 64 bits into doubles. Here both are errors, with a place.
class Document {
 public:
  // Throws Error "file:line:col ..." for what is not strict JSON, for duplicate
  // keys, integers past 64 bits, numbers past the range of double, and nesting
  // deeper than 200.
  static Document parse(std::string text, std::string file);
  static Document read(const std::filesystem::path& file);

  const Json& root() const { return root_; }
  const std::string& text() const { return text_; }
  const std::string& file() const { return file_; }

  // "file:line:col" of the value (or of its key, for unknown-key errors) at a
  // pointer; of the nearest enclosing value that exists when it does not.
  std::string where(std::string_view pointer, bool key = false) const;

  // Byte offset of the value at a pointer, for ordering by place in the file;
  // npos when nothing is there.
  std::size_t offset(std::string_view pointer) const;

 private:
  friend class DocumentBuilder;
  struct Place {
    std::size_t key, value;
  };
  std::string location(std::size_t offset) const;

  std::string text_, file_;
  Json root_;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace saddle
