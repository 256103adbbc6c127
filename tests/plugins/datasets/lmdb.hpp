// An LMDB as LSUN's: names of pictures and their files.
#pragma once
#include <lmdb.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

inline void write_lmdb(const std::filesystem::path& folder,
                       const std::map<std::string, std::vector<uint8_t>>& entries) {
  const auto done = [&](int code) {
    if (code != 0) throw std::runtime_error(folder.string() + ": " + mdb_strerror(code));
  };
  std::filesystem::create_directories(folder);
  MDB_env* environment = nullptr;
  done(mdb_env_create(&environment));
  done(mdb_env_set_mapsize(environment, 1 << 22));
  done(mdb_env_open(environment, folder.c_str(), 0, 0664));
  MDB_txn* writing = nullptr;
  done(mdb_txn_begin(environment, nullptr, 0, &writing));
  MDB_dbi table = 0;
  done(mdb_dbi_open(writing, nullptr, 0, &table));
  for (const auto& [name, bytes] : entries) {
    MDB_val key{name.size(), const_cast<char*>(name.data())},
        value{bytes.size(), const_cast<uint8_t*>(bytes.data())};
    done(mdb_put(writing, table, &key, &value, 0));
  }
  done(mdb_txn_commit(writing));
  mdb_env_close(environment);
}

}  // namespace test
