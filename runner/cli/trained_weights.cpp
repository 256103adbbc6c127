#include <cli/trained_weights.hpp>

#include <cli/ranking.hpp>
#include <cli/select.hpp>
#include <cli/trained.hpp>
#include <common/error.hpp>
#include <common/nearest.hpp>

namespace saddle::cli {
namespace {

// The trial of an experiment with the best last value of a metric, of those trained to the end.
TrialRef best_trial(db::Reader& reader, const std::string& experiment, const std::string& metric) {
  const ExperimentRef found = select_experiment(reader, experiment);
  bool higher = false;
  for (const auto& key : reader.named("metric_keys", {metric}).rows)
    higher = higher || higher_is_better(metric, text_of(key[2]));
  const std::string order = higher ? "DESC" : "ASC";
  const db::Rows rows = reader.query(
      "SELECT f.trial, t.name FROM finals f JOIN trials t USING (trial) WHERE t.experiment_id = ?1 AND "
      "f.metric = ?2 AND t.state = 'done' AND f.last IS NOT NULL ORDER BY f.last " +
          order + ", f.trial LIMIT 1",
      {found.id, metric});
  if (!rows.rows.empty()) return {integer_of(rows.rows[0][0]), text_of(rows.rows[0][1]), found.name};
  std::vector<std::string> names;
  for (const auto& row :
       reader
           .query("SELECT DISTINCT f.metric FROM finals f JOIN trials t USING (trial) WHERE "
                  "t.experiment_id = ?1 AND t.state = 'done' AND f.metric NOT LIKE '%/%'",
                  {found.id})
           .rows)
    names.push_back(text_of(row[0]));
  if (names.empty())
    throw Error("no trial of the experiment \"" + found.name + "\" in " + reader.path().string() +
                " is done; run it first");
  throw Error("no trial of the experiment \"" + found.name + "\" that is done has the metric \"" + metric +
              "\". " + suggestion(metric, names));
}

}  // namespace

FindTrained find_trained_in(const std::filesystem::path& database) {
  return [database](const Json& reference) -> TrainedWeights {
    db::Reader reader(database);
    const TrialRef trial = reference.contains("trial")
                               ? select_trial(reader, reference["trial"])
                               : best_trial(reader, reference["experiment"], reference["best"]);
    const db::Rows row =
        reader.query("SELECT trial_hash, experiment FROM trials WHERE trial = ?1", {trial.id});
    return {find_checkpoint(reader, trial).path,
            {{"experiment", text_of(row.rows.at(0)[1])},
             {"trial", trial.name},
             {"trial_hash", text_of(row.rows.at(0)[0])}}};
  };
}

}  // namespace saddle::cli
