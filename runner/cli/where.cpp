#include <cli/where.hpp>

#include <functional>
#include <map>

#include <cli/names.hpp>
#include <cli/select.hpp>
#include <common/condition.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {
namespace {

// Names without a dot, as columns of the view `trials` (t).
const std::map<std::string, std::string>& fields() {
  static const std::map<std::string, std::string> all{{"trial", "t.trial"},
                                                      {"name", "t.name"},
                                                      {"state", "t.state"},
                                                      {"status", "t.state"},
                                                      {"reason", "t.reason"},
                                                      {"message", "t.message"},
                                                      {"seed", "t.seed"},
                                                      {"attempts", "t.attempts"},
                                                      {"step", "t.last_step"},
                                                      {"seconds", "t.seconds"},
                                                      {"started", "t.started"},
                                                      {"ended", "t.ended"},
                                                      {"host", "t.host"},
                                                      {"device", "t.device"},
                                                      {"threads", "t.threads"},
                                                      {"libtorch", "t.libtorch"},
                                                      {"isa", "t.isa"},
                                                      {"exit_code", "t.exit_code"},
                                                      {"signal", "t.signal"},
                                                      {"config_hash", "t.config_hash"},
                                                      {"trial_hash", "t.trial_hash"},
                                                      {"git_commit", "t.git_commit"}};
  return all;
}

constexpr std::string_view kParams = "params.", kFinals = "finals.";

// SQL text with its values in the order of its question marks.
struct Sql {
  std::string text;
  std::vector<db::Value> binds;

  Sql& operator+=(const Sql& other) {
    text += other.text;
    binds.insert(binds.end(), other.binds.begin(), other.binds.end());
    return *this;
  }
  Sql& operator+=(std::string_view more) {
    text += more;
    return *this;
  }
};

using Predicate = std::function<Sql(const std::string& value)>;  // about an SQL expression

class Compiler {
 public:
  Compiler(db::Reader& reader, const std::string& option) : reader_(reader), option_(option) {}

  Sql compile(const Condition& condition) {
    switch (condition.kind) {
      case Condition::Kind::both:
      case Condition::Kind::either:
        return joined(condition);
      case Condition::Kind::negation: {
        Sql sql{"NOT ", {}};
        sql += compile(condition.parts[0]);
        return sql;
      }
      case Condition::Kind::comparison:
        return comparison(condition);
      case Condition::Kind::membership:
        return membership(condition);
      case Condition::Kind::likeness:
        return about(condition.left, [&](const std::string& value) {
          return Sql{value + " LIKE ?", {condition.right[0].value}};
        });
      case Condition::Kind::absence: {
        Sql sql{"NOT ", {}};
        sql += about(condition.left, [](const std::string& value) {
          return Sql{value + " IS NOT NULL", {}};
        });
        return sql;
      }
    }
    return {};
  }

 private:
  std::string place(const Operand& operand) const {
    return option_ + ", character " + std::to_string(operand.position) + ": ";
  }

  Sql joined(const Condition& condition) {
    Sql sql{"(", {}};
    for (std::size_t i = 0; i < condition.parts.size(); ++i) {
      if (i > 0) sql += condition.kind == Condition::Kind::both ? " AND " : " OR ";
      sql += compile(condition.parts[i]);
    }
    sql += ")";
    return sql;
  }

  // "Some value of this name is such that": false where there is none.
  Sql about(const Operand& name, const Predicate& predicate) {
    if (name.name.starts_with(kParams)) return about_param(name, predicate);
    if (name.name.starts_with(kFinals)) return about_final(name, predicate);
    if (name.name == "experiment") {
      const std::string x = alias();
      Sql sql{"EXISTS (SELECT 1 FROM experiment_trials " + x + " WHERE " + x + ".trial = t.trial AND ", {}};
      sql += predicate(x + ".experiment");
      sql += ")";
      return sql;
    }
    const auto field = fields().find(name.name);
    if (field == fields().end()) unknown(name);
    Sql sql{"ifnull(", {}};
    sql += predicate(field->second);
    sql += ", 0)";
    return sql;
  }

  Sql about_param(const Operand& name, const Predicate& predicate) {
    const ParamMeaning meaning = find_param(reader_, name.name.substr(kParams.size()), place(name));
    const std::string p = alias();
    Sql paths{p + ".path IN (", {}};
    for (const std::string& path : meaning.paths) {
      paths += paths.binds.empty() ? "?" : ", ?";
      paths.binds.emplace_back(path);
    }
    paths += ")";
    Sql sql{"EXISTS (SELECT 1 FROM ", {}};
    if (meaning.list) {
      // losses.10 comes after losses.9.
      sql += "(SELECT group_concat(value, '+') AS value FROM (SELECT value FROM params " + p + " WHERE " + p +
             ".trial = t.trial AND ";
      sql += paths;
      sql += " ORDER BY length(path), path)) " + p + " WHERE ";
    } else {
      sql += "params " + p + " WHERE " + p + ".trial = t.trial AND ";
      sql += paths;
      sql += " AND ";
    }
    sql += predicate(p + ".value");
    sql += ")";
    return sql;
  }

  Sql about_final(const Operand& name, const Predicate& predicate) {
    const MetricMeaning meaning = find_metric(reader_, name.name.substr(kFinals.size()), place(name));
    const std::string f = alias();
    Sql sql{"EXISTS (SELECT 1 FROM finals " + f + " WHERE " + f + ".trial = t.trial AND " + f +
                ".metric = ? AND ",
            {meaning.metric}};
    sql += predicate(f + "." + meaning.column);  // one of a fixed list
    sql += ")";
    return sql;
  }

  // SQLite orders every text above every number; here the two do not compare.
  Sql comparison(const Condition& condition) {
    const Operand& right = condition.right[0];
    const std::string sign = condition.comparison == "!=" ? "<>" : condition.comparison;
    if (right.kind == Operand::Kind::name)
      return about(condition.left, [&](const std::string& a) {
        return about(right, [&](const std::string& b) {
          return Sql{
              "(typeof(" + a + ") = 'text') = (typeof(" + b + ") = 'text') AND " + a + " " + sign + " " + b,
              {}};
        });
      });
    // A trial may belong to several experiments: not to this one, then.
    if (condition.left.name == "experiment" && sign == "<>") {
      Sql sql{"NOT ", {}};
      sql += about(condition.left, [&](const std::string& value) {
        return Sql{value + " = ?", {right.value}};
      });
      return sql;
    }
    const bool text = std::holds_alternative<std::string>(right.value);
    return about(condition.left, [&](const std::string& value) {
      return Sql{
          "(typeof(" + value + (text ? ") = 'text' AND " : ") <> 'text' AND ") + value + " " + sign + " ?)",
          {right.value}};
    });
  }

  Sql membership(const Condition& condition) {
    return about(condition.left, [&](const std::string& value) {
      Sql sql{value + " IN (", {}};
      for (const Operand& operand : condition.right) {
        sql += sql.binds.empty() ? "?" : ", ?";
        sql.binds.push_back(operand.value);
      }
      sql += ")";
      return sql;
    });
  }

  [[noreturn]] void unknown(const Operand& name) {
    for (const auto& [prefix, find] : std::map<std::string_view, std::function<void()>>{
             {kParams, [&] { find_param(reader_, name.name, ""); }},
             {kFinals, [&] { find_metric(reader_, name.name, ""); }}}) {
      try {
        find();
      } catch (const Error&) {
        continue;
      }
      throw Error(place(name) + "no field \"" + name.name + "\". Did you mean " + std::string(prefix) +
                  name.name + "?");
    }
    std::vector<std::string> known{"experiment"};
    for (const auto& [field, column] : fields()) known.push_back(field);
    throw Error(place(name) + "no field \"" + name.name +
                "\"; parameters are params.PATH, metrics finals.METRIC. " + suggestion(name.name, known, 30));
  }

  std::string alias() { return "n" + std::to_string(++aliases_); }

  db::Reader& reader_;
  const std::string& option_;
  int aliases_ = 0;
};

}  // namespace

std::vector<std::int64_t> trials_where(db::Reader& reader, const std::string& condition,
                                       const std::string& option) {
  Sql sql{"SELECT t.trial FROM trials t WHERE ", {}};
  sql += Compiler(reader, option).compile(parse_condition(condition, option));
  sql += " ORDER BY t.trial";
  std::vector<std::int64_t> trials;
  for (const auto& row : reader.query(sql.text, sql.binds).rows) trials.push_back(integer_of(row[0]));
  return trials;
}

}  // namespace saddle::cli
