#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include <common/json.hpp>

namespace saddle::test {

using Arguments = std::vector<std::string>;

// A folder with a database of its own; goes, with all runs, when the test ends.
class Place {
 public:
  Place();
  ~Place();
  std::filesystem::path operator/(const std::string& name) const { return folder / name; }
  // Writes a file; its path.
  std::string write(const std::string& name, const std::string& text) const;
  std::string write(const std::string& name, const Json& json) const { return write(name, json.dump(1)); }

  struct Answer {
    int code = 0;
    std::string out, err;
  };
  // saddle with these arguments on this place's database, run to its end.
  Answer saddle(Arguments arguments) const;
  // The same, left running; its process id.
  pid_t start(Arguments arguments) const;
  // Rows of a query.
  Json sql(const std::string& query) const;
  // One statement on the database file itself, past saddle; its first value as text.
  std::string sqlite(const std::string& statement) const;
  // Waits up to a minute until a query's first value is true; false if it never was.
  bool wait_until(const std::string& query) const;

  std::filesystem::path folder;

 private:
  Arguments command(Arguments arguments) const;
};

// A grid of one trial: an MLP pair on a ring of Gaussians, a few rounds.
Json small_grid();

}  // namespace saddle::test
