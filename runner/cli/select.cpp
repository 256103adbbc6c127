#include <cli/select.hpp>

#include <common/error.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {

std::string text_of(const db::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : "";
}

std::int64_t integer_of(const db::Value& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer ? *integer : 0;
}

bool is_baseline(const std::string& metric) {
  return metric.ends_with("/noise") || metric.ends_with("/untrained") || metric.ends_with("/floor");
}

ExperimentRef select_experiment(db::Reader& reader, const std::string& word) {
  const db::Rows rows = reader.named("latest_experiment", {word.empty() ? db::Value{} : db::Value{word}});
  if (!rows.rows.empty()) {
    const auto& row = rows.rows[0];
    return {integer_of(row[0]), text_of(row[1]), integer_of(row[2])};
  }
  std::vector<std::string> names;
  for (const auto& row : reader.query("SELECT DISTINCT experiment FROM experiments ORDER BY used DESC").rows)
    names.push_back(text_of(row[0]));
  if (names.empty())
    throw Error(reader.path().string() + ": holds no experiment yet; begin with: saddle run GRID.json");
  throw Error("no experiment \"" + word + "\" in " + reader.path().string() + ". " + suggestion(word, names));
}

TrialRef select_trial(db::Reader& reader, const std::string& word) {
  const db::Rows rows = reader.named("find_trial", {word});
  if (rows.rows.empty()) {
    std::vector<std::string> names;
    for (const auto& row :
         reader.query("SELECT name FROM experiment_trials ORDER BY experiment_id DESC, ordinal").rows)
      names.push_back(text_of(row[0]));
    throw Error("no trial \"" + word + "\" in " + reader.path().string() + ". " +
                (names.empty() ? "It holds none yet." : suggestion(word, names)));
  }
  // The best kind of match decides; rows come in its order.
  std::string several;
  std::size_t matches = 0;
  for (const auto& row : rows.rows)
    if (integer_of(row[3]) == integer_of(rows.rows[0][3]) && ++matches <= 8)
      several += "\n  " + std::to_string(integer_of(row[0])) + "  " + text_of(row[2]) + "/" + text_of(row[1]);
  if (matches > 1)
    throw Error("\"" + word + "\" may be any of " + std::to_string(matches) +
                " trials; give the number:" + several + (matches > 8 ? "\n  ..." : ""));
  return {integer_of(rows.rows[0][0]), text_of(rows.rows[0][1]), text_of(rows.rows[0][2])};
}

}  // namespace saddle::cli
