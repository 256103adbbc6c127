#pragma once
#include <cstdint>
#include <string>

#include <db/reader.hpp>

// What a user's word means: experiments, trials, metrics of a database.
namespace saddle::cli {

struct ExperimentRef {
  std::int64_t id = 0;
  std::string name;
  std::int64_t trials = 0;
};

// By name or number; an empty word is the one that was planned last. Throws
// Error that names the nearest.
ExperimentRef select_experiment(db::Reader& reader, const std::string& word);

struct TrialRef {
  std::int64_t id = 0;
  std::string name, experiment;
};

// By number, name, experiment/name, or the beginning of a name or trial hash.
// Throws Error if none or several are meant.
TrialRef select_trial(db::Reader& reader, const std::string& word);

std::string text_of(const db::Value& value);      // "" if it is no text
std::int64_t integer_of(const db::Value& value);  // 0 if it is none
bool is_baseline(const std::string& metric);      // frechet/noise

}  // namespace saddle::cli
