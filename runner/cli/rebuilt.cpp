#include <cli/rebuilt.hpp>

#include <memory>

#include <cli/select.hpp>
#include <cli/table.hpp>
#include <common/error.hpp>
#include <common/json.hpp>
#include <grid/file_hashes.hpp>

namespace saddle::cli {

std::map<std::int64_t, std::set<std::string>> made_with_others(db::Reader& reader,
                                                               const CurrentHash& current) {
  std::map<std::int64_t, std::string> others;  // binary -> component
  for (const auto& row : reader.named("plugin_files").rows) {
    const std::string now = current(text_of(row[1]), text_of(row[2]));
    if (!now.empty() && now != text_of(row[3])) others.emplace(integer_of(row[0]), text_of(row[1]));
  }
  std::map<std::int64_t, std::set<std::string>> trials;
  if (others.empty()) return trials;
  Json ids = Json::array();
  for (const auto& [id, component] : others) ids.push_back(id);
  for (const auto& row : reader.named("results_with", {ids.dump()}).rows)
    trials[integer_of(row[0])].insert(others.at(integer_of(row[1])));
  return trials;
}

CurrentHash hash_of_file() {
  struct Hashes {
    FileHashes files;
    std::map<std::string, std::string> known;
    ~Hashes() { files.save(); }
  };
  return [hashes = std::make_shared<Hashes>()](const std::string&, const std::string& file) {
    const auto [known, fresh] = hashes->known.try_emplace(file);
    if (fresh) {
      try {
        known->second = hashes->files.of(file);
      } catch (const Error&) {  // gone, or not ours to read
      }
    }
    return known->second;
  };
}

}  // namespace saddle::cli
