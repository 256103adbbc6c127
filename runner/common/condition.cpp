#include <common/condition.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>

#include <common/error.hpp>

namespace saddle {
namespace {

constexpr int kDeepest = 100;  // brackets in brackets; recursion has an end

struct Token {
  enum class Kind { end, sign, word, quoted_name, text, number };
  Kind kind = Kind::end;
  std::string text;  // as it is meant: without quotes
  std::variant<std::monostate, std::int64_t, double, std::string> number;
  std::size_t position = 0;
};

[[noreturn]] void fail(const std::string& option, std::size_t position, const std::string& why) {
  throw Error(option + ", character " + std::to_string(position) + ": " + why);
}

std::string lower(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& option) : text_(text), option_(option) {}

  std::vector<Token> all() {
    std::vector<Token> tokens;
    do tokens.push_back(next());
    while (tokens.back().kind != Token::Kind::end);
    return tokens;
  }

 private:
  static bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("_./-+:*").find(c) < 7 ||
           static_cast<unsigned char>(c) >= 0x80;
  }

  Token next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    Token token;
    token.position = at_ + 1;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (c == '\'' || c == '"' || c == '`') {
      token.kind = c == '`' ? Token::Kind::quoted_name : Token::Kind::text;
      token.text = quoted(c);
      return token;
    }
    for (const std::string_view sign : {"<=", ">=", "==", "!=", "<>", "<", ">", "=", "(", ")", ","})
      if (text_.substr(at_, sign.size()) == sign) {
        at_ += sign.size();
        token.kind = Token::Kind::sign;
        token.text = sign == "==" ? "=" : sign == "<>" ? "!=" : sign;
        return token;
      }
    if (!in_word(c)) fail(option_, token.position, std::string("\"") + c + "\" does not belong here");
    const std::size_t begin = at_;
    while (at_ < text_.size() && in_word(text_[at_])) ++at_;
    token.text = text_.substr(begin, at_ - begin);
    token.kind = read_number(token) ? Token::Kind::number : Token::Kind::word;
    return token;
  }

  std::string quoted(char quote) {
    const std::size_t begin = at_ + 1;
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != quote) {
        out += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
        out += quote;
        ++at_;
      } else {
        ++at_;
        return out;
      }
    }
    fail(option_, begin, std::string("the quote ") + quote + " is not closed");
  }

  static bool read_number(Token& token) {
    std::string_view text = token.text;
    if (text.starts_with("+")) text.remove_prefix(1);
    std::int64_t integer = 0;
    const char* end = text.data() + text.size();
    if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc() && r.ptr == end) {
      token.number = integer;
      return true;
    }
    double real = 0;
    const auto r = std::from_chars(text.data(), end, real);
    if (r.ec != std::errc() || r.ptr != end) return false;
    // "inf" and "nan" are words: no stored value compares with them.
    if (!std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); })) return false;
    token.number = real;
    return true;
  }

  std::string_view text_;
  const std::string& option_;
  std::size_t at_ = 0;
};

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& option)
      : tokens_(std::move(tokens)), option_(option) {}

  Condition whole() {
    Condition condition = either(0);
    if (now().kind != Token::Kind::end) unexpected("\"and\", \"or\", or the end");
    return condition;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  bool is_sign(std::string_view text) const { return now().kind == Token::Kind::sign && now().text == text; }
  bool is_word(std::string_view text) const {
    return now().kind == Token::Kind::word && lower(now().text) == text;
  }
  bool take_word(std::string_view text) {
    if (!is_word(text)) return false;
    ++at_;
    return true;
  }
  void need_sign(std::string_view text) {
    if (!is_sign(text)) unexpected("\"" + std::string(text) + "\"");
    ++at_;
  }

  [[noreturn]] void unexpected(const std::string& expected) const {
    const std::string found = now().kind == Token::Kind::end ? "the end" : "\"" + now().text + "\"";
    fail(option_, now().position, "found " + found + ", expected " + expected);
  }

  Condition list(int depth, std::string_view word, Condition::Kind kind, Condition (Parser::*part)(int)) {
    Condition first = (this->*part)(depth);
    if (!is_word(word)) return first;
    Condition all;
    all.kind = kind;
    all.parts.push_back(std::move(first));
    while (take_word(word)) all.parts.push_back((this->*part)(depth));
    return all;
  }
  Condition either(int depth) { return list(depth, "or", Condition::Kind::either, &Parser::both); }
  Condition both(int depth) { return list(depth, "and", Condition::Kind::both, &Parser::negation); }

  static Condition negated(Condition condition) {
    Condition outer;
    outer.kind = Condition::Kind::negation;
    outer.parts.push_back(std::move(condition));
    return outer;
  }

  Condition negation(int depth) {
    if (depth > kDeepest) fail(option_, now().position, "too many brackets in brackets");
    if (take_word("not")) return negated(negation(depth + 1));
    if (!is_sign("(")) return comparison();
    ++at_;
    Condition inner = either(depth + 1);
    need_sign(")");
    return inner;
  }

  static bool is_keyword(const std::string& word) {
    const std::string l = lower(word);
    return l == "and" || l == "or" || l == "not" || l == "in" || l == "like" || l == "is" || l == "null";
  }

  static bool looks_like_number(const std::string& word) {
    const std::size_t first = word.find_first_not_of("+-.");
    return first != std::string::npos && std::isdigit(static_cast<unsigned char>(word[first]));
  }

  // `right`: a word without a dot is a text there.
  Operand operand(bool right) {
    Operand result;
    const Token& token = now();
    result.position = token.position;
    switch (token.kind) {
      case Token::Kind::number:
        result.value = token.number;
        break;
      case Token::Kind::text:
        result.value = token.text;
        break;
      case Token::Kind::quoted_name:
        result.kind = Operand::Kind::name;
        result.name = token.text;
        break;
      case Token::Kind::word:
        if (is_keyword(token.text)) unexpected(right ? "a value" : "a name, as params.lr or finals.frechet");
        if (const std::string word = lower(token.text); word == "true" || word == "false") {
          result.value = std::int64_t{word == "true"};
        } else if (right && token.text.find('.') == std::string::npos) {
          result.value = token.text;
        } else {
          result.kind = Operand::Kind::name;
          result.name = token.text;
        }
        break;
      default:
        unexpected(right ? "a value" : "a name, as params.lr or finals.frechet");
    }
    ++at_;
    return result;
  }

  Operand literal() {
    Operand value = operand(true);
    if (value.kind == Operand::Kind::name)
      fail(option_, value.position,
           "found the name \"" + value.name + "\", expected a value; texts stand in quotes");
    return value;
  }

  Condition comparison() {
    Condition result;
    result.left = operand(false);
    for (const std::string_view sign : {"<", "<=", ">", ">=", "=", "!="})
      if (is_sign(sign)) {
        ++at_;
        result.comparison = sign;
        if (now().kind == Token::Kind::word && sign != "=" && sign != "!=" && looks_like_number(now().text))
          fail(option_, now().position, "\"" + now().text + "\" is not a number; texts stand in quotes");
        result.right.push_back(operand(result.left.kind == Operand::Kind::name));
        return with_name_left(std::move(result));
      }
    if (result.left.kind != Operand::Kind::name) unexpected("one of < <= > >= = !=");
    if (take_word("is")) {
      const bool present = take_word("not");
      if (!take_word("null")) unexpected("\"null\"");
      result.kind = Condition::Kind::absence;
      return present ? negated(std::move(result)) : result;
    }
    const bool inverse = take_word("not");
    if (take_word("like")) {
      result.kind = Condition::Kind::likeness;
      result.right.push_back(literal());
      if (!std::holds_alternative<std::string>(result.right[0].value))
        fail(option_, result.right[0].position, "like takes a text, as name like '%hinge%'");
    } else if (take_word("in")) {
      result.kind = Condition::Kind::membership;
      need_sign("(");
      do result.right.push_back(literal());
      while (is_sign(",") && ++at_ > 0);
      need_sign(")");
    } else {
      unexpected("one of < <= > >= = != in like is");
    }
    return inverse ? negated(std::move(result)) : result;
  }

  // 40 > finals.frechet is finals.frechet < 40.
  Condition with_name_left(Condition condition) const {
    if (condition.left.kind == Operand::Kind::name) return condition;
    if (condition.right[0].kind != Operand::Kind::name)
      fail(option_, condition.left.position,
           "compares two values; a name is needed, as params.lr or finals.frechet");
    std::swap(condition.left, condition.right[0]);
    char& sign = condition.comparison[0];
    sign = sign == '<' ? '>' : sign == '>' ? '<' : sign;
    return condition;
  }

  std::vector<Token> tokens_;
  const std::string& option_;
  std::size_t at_ = 0;
};

}  // namespace

Condition parse_condition(std::string_view text, const std::string& option) {
  return Parser(Lexer(text, option).all(), option).whole();
}

}  // namespace saddle
