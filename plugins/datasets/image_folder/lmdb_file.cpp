#include "lmdb_file.hpp"

#include <lmdb.h>

#include "../files.hpp"

namespace saddle {

void LmdbFile::Close::operator()(MDB_env* environment) const { mdb_env_close(environment); }
void LmdbFile::Close::operator()(MDB_txn* reading) const { mdb_txn_abort(reading); }

LmdbFile::LmdbFile(std::filesystem::path folder, const char* remedy) : folder_(std::move(folder)) {
  const std::filesystem::path file = folder_ / "data.mdb";
  const auto check = [&](int code) {
    if (code != MDB_SUCCESS)
      files::fail(file, std::string("this is no whole LMDB: ") + mdb_strerror(code), remedy);
  };
  std::error_code error;
  const auto bytes = std::filesystem::file_size(file, error);
  if (error) files::fail(file, "the file cannot be opened: " + error.message(), remedy);
  MDB_env* environment = nullptr;
  check(mdb_env_create(&environment));
  environment_.reset(environment);
  check(mdb_env_open(environment, folder_.c_str(), MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD, 0));

  // LMDB maps the file and looks at it without asking how long it is.
  MDB_envinfo info;
  MDB_stat sizes;
  check(mdb_env_info(environment, &info));
  check(mdb_env_stat(environment, &sizes));
  const uint64_t expected = (uint64_t{info.me_last_pgno} + 1) * sizes.ms_psize;
  if (bytes < expected)
    files::fail(file,
                "the file is cut short: " + std::to_string(bytes) + " bytes of " + std::to_string(expected),
                remedy);

  MDB_txn* reading = nullptr;
  check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &reading));
  reading_.reset(reading);
  MDB_dbi table = 0;
  check(mdb_dbi_open(reading, nullptr, 0, &table));
  MDB_stat in_table;
  check(mdb_stat(reading, table, &in_table));
  entries_.reserve(in_table.ms_entries);
  MDB_cursor* cursor = nullptr;
  check(mdb_cursor_open(reading, table, &cursor));
  MDB_val key, value;
  int code = 0;
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS)
    entries_.push_back({{static_cast<const char*>(key.mv_data), key.mv_size},
                        {static_cast<const uint8_t*>(value.mv_data), value.mv_size}});
  mdb_cursor_close(cursor);
  if (code != MDB_NOTFOUND) check(code);
}

}  // namespace saddle
