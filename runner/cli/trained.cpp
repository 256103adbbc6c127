#include <cli/trained.hpp>

#include <charconv>
#include <cmath>

#include <cli/table.hpp>
#include <common/error.hpp>

namespace saddle::cli {
namespace fs = std::filesystem;

CheckpointFile find_checkpoint(db::Reader& reader, const TrialRef& trial) {
  const db::Rows attempts = reader.named("attempt_folders", {trial.id});
  for (const auto& row : attempts.rows) {
    // An attempt that was killed while it replaced its checkpoint has the one before.
    for (const char* name : {"checkpoint.safetensors", "checkpoint.previous.safetensors"}) {
      const fs::path file = fs::path(text_of(row[1])) / name;
      std::error_code error;
      if (fs::exists(file, error)) return {integer_of(row[0]), file};
    }
  }
  if (attempts.rows.empty()) throw Error("trial " + trial.name + " has not run yet; saddle resume runs it");
  throw Error("trial " + trial.name + " left no checkpoint in " + text_of(attempts.rows.front()[1]) +
              ": it ended before the first one was due (checkpoint.every), or the file was deleted");
}

Json trial_request(db::Reader& reader, const TrialRef& trial) {
  const db::Rows rows = reader.query("SELECT seed, config FROM trials WHERE trial = ?1", {trial.id});
  return {{"name", trial.name},
          {"experiment", trial.experiment},
          {"seed", integer_of(rows.rows.at(0)[0])},
          {"config", Json::parse(text_of(rows.rows[0][1]))}};
}

std::vector<double> number_list(const std::string& option, const std::string& text, double least,
                                double most) {
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const char *first = text.data() + begin, *last = text.data() + comma;
    double number = 0;
    const auto [end, error] = std::from_chars(first, last, number);
    if (error != std::errc() || end != last || !(number >= least && number <= most))
      throw Error(option + " " + text + ": expected numbers from " + number_text(least) + " to " +
                  number_text(most) + ", as 0.5 or 0.2,0.5,1; found \"" + std::string(first, last) + "\"");
    numbers.push_back(number);
    begin = comma + 1;
  }
  return numbers;
}

}  // namespace saddle::cli
