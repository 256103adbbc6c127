#pragma once
#include <optional>
#include <string>
#include <vector>

#include <db/reader.hpp>

// What a user's word for a parameter or a metric stands for.
namespace saddle::cli {

struct ParamPath {
  std::string path;
  bool differs = false;  // among the configs of the database
};
std::vector<ParamPath> param_paths(db::Reader& reader);

// True if `word` is the path, or its end after a dot; "generator" means
// "models.generator.use" too.
bool names_path(const std::string& word, const std::string& path);

// "losses" for "losses.1.weight" if "losses.1" is a component; empty otherwise.
std::string list_of(const std::vector<ParamPath>& paths, const std::string& path);
// The paths of the components of a list, in order: losses.0.use, losses.1.use.
std::vector<std::string> uses_of(const std::vector<ParamPath>& paths, const std::string& list);
// True for "losses" and "loss".
bool names_list(const std::string& word, const std::string& list);

struct ParamMeaning {
  std::vector<std::string> paths;  // where a config has several of them, they are equal there
  bool list = false;               // the components of a list, joined by "+": hinge+r1
};

// Throws Error that begins with `place` if the word means nothing, or parameters
// that are not the same everywhere.
ParamMeaning find_param(db::Reader& reader, const std::string& word, const std::string& place);

// A column of `finals`: frechet is its last value, frechet.min its lowest.
struct MetricMeaning {
  std::string metric, column;  // last min max argmin argmax last_step n n_nan
};

// None if no trial recorded a metric of such a name.
std::optional<MetricMeaning> metric_meaning(db::Reader& reader, const std::string& word);
// The same, but an Error that begins with `place` and names the nearest.
MetricMeaning find_metric(db::Reader& reader, const std::string& word, const std::string& place);

// What trials of an experiment measured under a protocol, without the baselines: first the metrics that
// the grid asks for, in its order, then the others.
std::vector<std::string> evaluated_metrics(db::Reader& reader, std::int64_t experiment);

}  // namespace saddle::cli
