// All entries of an LMDB, read where they lie.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

struct MDB_env;
struct MDB_txn;

namespace saddle {

class LmdbFile {
 public:
  // `folder` has data.mdb in it. Takes no lock: nobody may write to it meanwhile. Throws Error.
  LmdbFile(std::filesystem::path folder, const char* remedy);

  struct Entry {
    std::string_view key;
    std::span<const uint8_t> value;
  };
  // In the order of their keys. They lie in the file's pages, and are valid as long as this is.
  const std::vector<Entry>& entries() const { return entries_; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  struct Close {
    void operator()(MDB_env* environment) const;
    void operator()(MDB_txn* reading) const;
  };
  std::filesystem::path folder_;
  std::unique_ptr<MDB_env, Close> environment_;
  std::unique_ptr<MDB_txn, Close> reading_;  // ends before the environment
  std::vector<Entry> entries_;
};

}  // namespace saddle
