#pragma once
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "db/reader.hpp"
#include "db/store.hpp"

namespace saddle::db::test {

// An empty folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "saddle-db-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline PlannedTrial planned(int ordinal, const std::string& config_hash, int seed) {
  return {.name = "000" + std::to_string(ordinal) + "-" + config_hash + "-s" + std::to_string(seed),
          .ordinal = ordinal,
          .config_hash = config_hash,
          .trial_hash = config_hash + "/" + std::to_string(seed),
          .seed = seed,
          .config_json = R"({"train":{"rounds":10},"models":{"generator":{"use":"mlp","width":16}}})"};
}

inline std::int64_t experiment(Store& store, const std::string& name = "e", const std::string& sha = "1") {
  return store.add_experiment({.name = name, .spec_text = "{}", .spec_sha256 = sha, .file = name + ".json"});
}

// An experiment of one trial; its id.
inline std::int64_t one_trial(Store& store) {
  const std::int64_t id = experiment(store);
  store.freeze_plan(id, {planned(1, "aaaa", 1)});
  return store.trials(id).at(0).id;
}

inline std::int64_t count(Reader& reader, const std::string& sql) {
  return std::get<std::int64_t>(reader.query(sql).rows.at(0).at(0));
}

// Expects an Error of this kind whose message holds the text.
template <class Call>
void expect_error(ErrorKind kind, const std::string& text, Call call) {
  try {
    call();
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.kind() == kind);
    CHECK(std::string(error.what()).find(text) != std::string::npos);
    return;
  }
  FAIL("no error");
}

}  // namespace saddle::db::test
