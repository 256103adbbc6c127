#include <grid/condition.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

#include <common/nearest.hpp>
#include <grid/spec.hpp>

namespace saddle {
namespace {

using Check = std::function<bool(const Json&)>;

// Whether a value that the rest of the path leads to passes the check.
bool some(const Json& value, const Condition::Path& path, std::size_t at, const Check& check) {
  if (at == path.size()) return check(value);
  const std::string& part = path[at];
  if (part == "*") {
    return value.is_structured() && std::any_of(value.begin(), value.end(), [&](const Json& entry) {
             return some(entry, path, at + 1, check);
           });
  }
  if (value.is_object()) {
    const auto found = value.find(part);
    return found != value.end() && some(*found, path, at + 1, check);
  }
  if (!value.is_array()) return false;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  return error == std::errc() && end == part.data() + part.size() && index < value.size() &&
         some(value[index], path, at + 1, check);
}

bool some(const Condition::Path& path, const Condition::Sections& sections, const Check& check) {
  const Json* section = sections(path[0]);
  return section != nullptr && some(*section, path, 1, check);
}

bool agrees(const Json& pattern, const Json& value) {
  if (pattern.is_object()) {
    if (!value.is_object()) return false;
    for (const auto& [key, entry] : pattern.items()) {
      if (!value.contains(key) || !agrees(entry, value[key])) return false;
    }
    return true;
  }
  if (pattern.is_array() && value.is_array())
    return std::equal(pattern.begin(), pattern.end(), value.begin(), value.end(), agrees);
  return pattern == value;
}

bool compare(const Json& left, const std::string& sign, const Json& right) {
  if (sign == "in")
    return std::any_of(right.begin(), right.end(), [&](const Json& entry) { return entry == left; });
  if (sign == "==") return left == right;
  if (sign == "!=") return left != right;
  const bool ordered = (left.is_number() && right.is_number()) || (left.is_string() && right.is_string());
  if (!ordered) return false;
  if (sign == "<") return left < right;
  if (sign == "<=") return left <= right;
  if (sign == ">") return left > right;
  return left >= right;
}

bool word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

class ConditionParser {
 public:
  ConditionParser(const std::string& text, Condition& condition) : text_(text), condition_(condition) {}

  Condition::Node parse() {
    Condition::Node node = any();
    skip();
    if (at_ < text_.size()) fail("expected \"and\", \"or\" or the end");
    return node;
  }

 private:
  using Node = Condition::Node;
  using Kind = Condition::Kind;

  [[noreturn]] void fail(const std::string& expected) {
    skip();
    throw Condition::Fault(
        at_, expected + ", found " + (at_ < text_.size() ? "\"" + text_.substr(at_, 20) + "\"" : "the end"));
  }

  void skip() {
    while (at_ < text_.size() && std::string(" \t\n\r").find(text_[at_]) != std::string::npos) ++at_;
  }

  // The word that comes next; it stays.
  std::string peek_word() {
    skip();
    std::size_t end = at_;
    while (end < text_.size() && word_char(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }

  bool take_word(const std::string& word) {
    if (peek_word() != word) return false;
    at_ += word.size();
    return true;
  }

  bool take_char(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Node any() {
    return chain(Kind::any, "or", [this] { return all(); });
  }
  Node all() {
    return chain(Kind::all, "and", [this] { return one(); });
  }

  Node chain(Kind kind, const std::string& word, const std::function<Node()>& part) {
    Node node;
    node.kind = kind;
    do node.nodes.push_back(part());
    while (take_word(word));
    if (node.nodes.size() > 1) return node;
    Node alone = std::move(node.nodes.front());
    return alone;
  }

  Node one() {
    if (++depth_ > 100) fail("nested deeper than 100 levels");
    Node node;
    if (take_word("not")) {
      node.kind = Kind::none;
      node.nodes.push_back(one());
    } else if (take_char('(')) {
      node = any();
      if (!take_char(')')) fail("expected \")\"");
    } else {
      node = comparison();
    }
    --depth_;
    return node;
  }

  Node comparison() {
    Node node;
    node.path = path();
    node.sign = sign();
    node.kind = node.sign.empty() ? Kind::present : Kind::compare;
    if (node.sign.empty()) return node;
    skip();
    const bool quote = at_ < text_.size() && text_[at_] == '\'';
    const bool word = at_ < text_.size() &&
                      ((text_[at_] >= 'a' && text_[at_] <= 'z') || (text_[at_] >= 'A' && text_[at_] <= 'Z'));
    const std::string literal = peek_word();
    if (quote) {
      const std::size_t end = text_.find('\'', at_ + 1);
      if (end == std::string::npos) fail("a quote that is not closed");
      node.value = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      node.other = Condition::no_path;
    } else if (word && literal != "true" && literal != "false" && literal != "null") {
      node.other = path();
    } else {
      node.value = json();
      node.other = Condition::no_path;
    }
    if (node.sign == "in" && (node.other != Condition::no_path || !node.value.is_array()))
      fail("expected a list behind \"in\", as [1, 2]");
    return node;
  }

  std::string sign() {
    skip();
    for (const char* sign : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (text_.compare(at_, std::string(sign).size(), sign) != 0) continue;
      at_ += std::string(sign).size();
      return sign;
    }
    if (at_ < text_.size() && text_[at_] == '=') fail("equality is written ==");
    return take_word("in") ? "in" : "";
  }

  // Index of the path in the condition's list.
  std::size_t path() {
    skip();
    const std::size_t start = at_;
    while (at_ < text_.size() && (word_char(text_[at_]) || text_[at_] == '.' || text_[at_] == '*')) ++at_;
    const std::string word = text_.substr(start, at_ - start);
    const Condition::Path path = split_path(word);
    std::vector<std::string> known = config_sections();
    known.push_back("seed");
    if (path.empty() || std::find(known.begin(), known.end(), path[0]) == known.end()) {
      at_ = start;
      if (word.empty()) fail("expected a path, as models.generator.width");
      throw Condition::Fault(start, "\"" + word +
                                        "\" is no path in a config (a word to compare with stands in "
                                        "quotes). " +
                                        suggestion(path.empty() ? word : path[0], known));
    }
    condition_.paths_.push_back(path);
    return condition_.paths_.size() - 1;
  }

  // The JSON value that begins here.
  Json json() {
    std::size_t end = at_;
    int open = 0;
    for (bool quoted = false; end < text_.size(); ++end) {
      const char c = text_[end];
      if (quoted) {
        if (c == '\\') ++end;
        if (c == '"') quoted = false;
      } else if (c == '"') {
        quoted = true;
      } else if (c == '[' || c == '{') {
        ++open;
      } else if (c == ']' || c == '}') {
        if (--open < 0) break;
      } else if (open == 0 && std::string(" \t\n\r()").find(c) != std::string::npos) {
        break;
      }
    }
    Json value = Json::parse(text_.substr(at_, end - at_), nullptr, false);
    if (value.is_discarded() || end == at_) fail("expected a JSON value or a path");
    at_ = std::min(end, text_.size());
    return value;
  }

  const std::string& text_;
  Condition& condition_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

Condition Condition::parse(const std::string& text) {
  Condition condition;
  condition.root_ = ConditionParser(text, condition).parse();
  return condition;
}

Condition Condition::all_of(const Json& pattern) {
  Condition condition;
  for (const auto& [key, value] : pattern.items()) {
    Node node;
    node.kind = Kind::matches;
    node.path = condition.paths_.size();
    node.value = value;
    condition.root_.nodes.push_back(std::move(node));
    condition.paths_.push_back(split_path(key));
  }
  return condition;
}

bool Condition::holds(const Node& node, const Sections& sections) const {
  const auto each = [&](const Node& part) { return holds(part, sections); };
  switch (node.kind) {
    case Kind::all:
      return std::all_of(node.nodes.begin(), node.nodes.end(), each);
    case Kind::any:
      return std::any_of(node.nodes.begin(), node.nodes.end(), each);
    case Kind::none:
      return !each(node.nodes.front());
    case Kind::present:
      return some(paths_[node.path], sections,
                  [](const Json& value) { return !value.is_null() && value != Json(false); });
    case Kind::matches:
      return some(paths_[node.path], sections, [&](const Json& value) { return agrees(node.value, value); });
    case Kind::compare:
      return some(paths_[node.path], sections, [&](const Json& left) {
        if (node.other == no_path) return compare(left, node.sign, node.value);
        return some(paths_[node.other], sections,
                    [&](const Json& right) { return compare(left, node.sign, right); });
      });
  }
  return false;
}

bool Condition::uses(const std::string& section) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const Path& path) { return path[0] == section; });
}

bool Condition::exists(const Path& path, const Sections& sections) {
  return some(path, sections, [](const Json&) { return true; });
}

std::string joined_path(const Condition::Path& path) {
  std::string text;
  for (const std::string& part : path) text += (text.empty() ? "" : ".") + part;
  return text;
}

}  // namespace saddle
