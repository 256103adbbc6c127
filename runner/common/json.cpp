#include <common/json.hpp>

#include <utility>
#include <vector>

#include <common/error.hpp>
#include <common/paths.hpp>

namespace saddle {
namespace {

constexpr std::size_t kDeepest = 200;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// nlohmann's text without its number and its own, later, position.
std::string reason(const std::string& what) {
  std::string text = what.substr(what.find("] ") == std::string::npos ? 0 : what.find("] ") + 2);
  const std::size_t start = text.find(": ");
  if (text.starts_with("parse error") && start != std::string::npos) text = text.substr(start + 2);
  return text;
}

}  // namespace

std::string pointer_child(std::string_view pointer, std::string_view key) {
  std::string result(pointer);
  result += '/';
  for (char c : key) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

std::string pointer_child(std::string_view pointer, std::size_t index) {
  return std::string(pointer) + '/' + std::to_string(index);
}

std::string pointer_parent(std::string_view pointer) {
  return std::string(pointer.substr(0, pointer.empty() ? 0 : pointer.rfind('/')));
}

// Receives nlohmann's events. Each event is one token, so the place of the token
// is found by walking the text alongside: what stands between two tokens is
// white space and at most one separator.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(Document& document) : document_(document) {
    if (document.text_.starts_with("\xEF\xBB\xBF")) cursor_ = 3;
  }

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(Json::number_integer_t value) { return scalar(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return scalar(value); }
  bool number_float(Json::number_float_t value, const std::string& spelled) {
    if (spelled.find_first_of(".eE") == std::string::npos) {
      fail(token(),
           "the integer " + spelled + " does not fit in 64 bits; write it as a string or with an exponent");
    }
    return scalar(value);
  }
  bool string(std::string& value) { return scalar(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }

  bool start_object(std::size_t) { return open(Json::object()); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    key_start_ = token();
    Level& level = levels_.back();
    if (level.value->contains(name)) {
      const std::string before = pointer_child(level.pointer, name);
      fail(key_start_, before + ": the key \"" + name + "\" was given already at " +
                           document_.where(before, true) + "; keep one of the two");
    }
    key_ = std::move(name);
    skip_token();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    std::string text = reason(error.what());
    std::size_t place = token();
    if (place < document_.text_.size() && document_.text_[place] == '"' && position > 0 &&
        text.find("invalid string") != std::string::npos) {
      place = std::min(position - 1, document_.text_.size());
    } else if (place < document_.text_.size() && position > 0) {
      place = std::min(place, position - 1);  // inside what looked like one token, as in 01
    }
    if (place < document_.text_.size() && (document_.text_[place] == '}' || document_.text_[place] == ']') &&
        comma_skipped_) {
      text = "the comma before this '" + std::string(1, document_.text_[place]) + "' is one too many";
    }
    fail(place, text);
  }

 private:
  struct Level {
    Json* value;
    std::string pointer;
  };

  [[noreturn]] void fail(std::size_t place, const std::string& text) const {
    throw Error(document_.location(place) + " " + text);
  }

  // Start of the next token.
  std::size_t token() {
    comma_skipped_ = false;
    const std::string& text = document_.text_;
    bool separator = false;
    while (cursor_ < text.size()) {
      const char c = text[cursor_];
      if ((c == ',' || c == ':') && !separator) {
        separator = true;
        comma_skipped_ = c == ',';
      } else if (!blank(c)) {
        break;
      }
      ++cursor_;
    }
    return cursor_;
  }

  // Behind the token that starts at the cursor.
  void skip_token() {
    const std::string& text = document_.text_;
    if (text[cursor_] == '"') {
      for (++cursor_; text[cursor_] != '"'; ++cursor_) {
        if (text[cursor_] == '\\') ++cursor_;
      }
      ++cursor_;
    } else if (std::string_view("{}[]").find(text[cursor_]) != std::string_view::npos) {
      ++cursor_;
    } else {
      while (cursor_ < text.size() && !blank(text[cursor_]) && text[cursor_] != ',' && text[cursor_] != ']' &&
             text[cursor_] != '}') {
        ++cursor_;
      }
    }
  }

  Json* place(Json value, std::string& pointer) {
    const std::size_t start = token();
    if (levels_.empty()) {
      document_.places_[""] = {start, start};
      document_.root_ = std::move(value);
      return &document_.root_;
    }
    Level& level = levels_.back();
    if (level.value->is_object()) {
      pointer = pointer_child(level.pointer, key_);
      document_.places_[pointer] = {key_start_, start};
      return &((*level.value)[key_] = std::move(value));
    }
    pointer = pointer_child(level.pointer, level.value->size());
    document_.places_[pointer] = {start, start};
    level.value->push_back(std::move(value));
    return &level.value->back();
  }

  bool scalar(Json value) {
    std::string pointer;
    place(std::move(value), pointer);
    skip_token();
    return true;
  }

  bool open(Json value) {
    if (levels_.size() >= kDeepest)
      fail(token(), "nested deeper than " + std::to_string(kDeepest) + " levels");
    std::string pointer;
    Json* placed = place(std::move(value), pointer);
    levels_.push_back({placed, pointer});
    skip_token();
    return true;
  }

  bool close() {
    token();
    skip_token();
    levels_.pop_back();
    return true;
  }

  Document& document_;
  std::vector<Level> levels_;
  std::string key_;
  std::size_t key_start_ = 0, cursor_ = 0;
  bool comma_skipped_ = false;
};

Document Document::parse(std::string text, std::string file) {
  Document document;
  document.text_ = std::move(text);
  document.file_ = std::move(file);
  DocumentBuilder builder(document);
  Json::sax_parse(document.text_, &builder);
  return document;
}

Document Document::read(const std::filesystem::path& file) { return parse(read_file(file), file.string()); }

std::string Document::where(std::string_view pointer, bool key) const {
  std::string at(pointer);
  auto found = places_.find(at);
  while (found == places_.end() && !at.empty()) {
    at = pointer_parent(at);
    found = places_.find(at);
    key = false;
  }
  if (found == places_.end()) return file_;
  return location(key ? found->second.key : found->second.value);
}

std::size_t Document::offset(std::string_view pointer) const {
  const auto found = places_.find(std::string(pointer));
  return found == places_.end() ? std::string::npos : found->second.value;
}

// Columns count characters, as editors do, not the bytes of UTF-8.
std::string Document::location(std::size_t offset) const {
  int line = 1, column = 1;
  for (std::size_t i = 0; i < offset && i < text_.size(); ++i) {
    if (text_[i] == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return file_ + ":" + std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace saddle
