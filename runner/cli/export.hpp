#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include <cli/scope.hpp>
#include <db/reader.hpp>

// What `saddle export` writes, whatever the format.
namespace saddle::cli {

// One way in which something was measured.
struct ExportedMetric {
  std::int64_t key = 0;
  std::string name, protocol;
  std::string title;    // name, with what tells its protocol from others where there are several
  std::string columns;  // of finals: "last", or several separated by spaces, as they were asked for
};

struct ExportedParam {
  std::string path, type;
  db::Value value;
};

struct Selection {
  db::Rows trials;  // export_trials
  std::vector<ExportedMetric> metrics;
  std::map<std::int64_t, std::vector<ExportedParam>> params;  // by config
};

// `metrics`: words as frechet or frechet.min; none: all that these trials recorded.
Selection select_for_export(db::Reader& reader, const Scope& scope, const std::vector<std::string>& metrics);

// NaN, inf and -inf where they were; none where nothing was measured.
db::Value with_kind(const db::Value& value, std::int64_t kind);

// One row a trial, or one a measured value (`curves`).
void export_csv(std::ostream& out, db::Reader& reader, const Selection& selection, bool curves);
// One object a line, of the same.
void export_json_lines(std::ostream& out, db::Reader& reader, const Selection& selection, bool curves);
// A folder for each trial, with one event file. Returns the number of values.
std::size_t export_tensorboard(const std::filesystem::path& folder, db::Reader& reader,
                               const Selection& selection);

// Rows of export_metrics of one trial, for all selected metrics.
db::Rows curves_of(db::Reader& reader, std::int64_t trial, const Selection& selection);

}  // namespace saddle::cli
