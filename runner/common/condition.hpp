#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The language of --where, as text only: what its names mean is up to who uses it.
//
//   condition   = conjunction { "or" conjunction }
//   conjunction = negation { "and" negation }
//   negation    = "not" negation | "(" condition ")" | comparison
//   comparison  = operand ( "<" | "<=" | ">" | ">=" | "=" | "==" | "!=" | "<>" ) operand
//               | name [ "not" ] "in" "(" literal { "," literal } ")"
//               | name [ "not" ] "like" text        % any letters, _ one letter
//               | name "is" [ "not" ] "null"
//
// Names hold letters, digits and _ . / - + : * (params.losses.0.use); one with
// other signs stands in backquotes. Texts stand in ' or ", doubled inside; on the
// right of a comparison a word without a dot needs no quotes (state = done).
// true and false are 1 and 0. Words of the language may be in capitals.
namespace saddle {

struct Operand {
  enum class Kind { name, literal };
  Kind kind = Kind::literal;
  std::string name;
  std::variant<std::monostate, std::int64_t, double, std::string> value;  // of a literal; never monostate
  std::size_t position = 0;                                               // in the text, from 1
};

struct Condition {
  enum class Kind { both, either, negation, comparison, membership, likeness, absence };
  Kind kind = Kind::comparison;
  std::vector<Condition> parts;  // both and either: two or more; negation: one
  std::string comparison;        // < <= > >= = !=
  Operand left;                  // a name; of a comparison at least one of the two is
  std::vector<Operand> right;    // one; of a membership one or more; of an absence none
};

// Throws Error with `option`, the place in the text, what was found there and
// what may stand there.
Condition parse_condition(std::string_view text, const std::string& option = "--where");

}  // namespace saddle
