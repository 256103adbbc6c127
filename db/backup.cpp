#include "db/backup.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "db/migrate.hpp"
#include "db/sqlite.hpp"

namespace saddle::db {
namespace {

namespace fs = std::filesystem;

// All pages in one step: one snapshot, which writers do not disturb.
void copy_pages(Connection& from, Connection& to) {
  sqlite3_backup* copy = sqlite3_backup_init(to.raw(), "main", from.raw(), "main");
  if (!copy) to.fail(sqlite3_extended_errcode(to.raw()), "copying");
  const int code = sqlite3_backup_step(copy, -1);
  const int end = sqlite3_backup_finish(copy);
  if (code != SQLITE_DONE) to.fail(end == SQLITE_OK ? code : end, "copying");
}

void check(Connection& connection) {
  Statement answer(connection, "PRAGMA integrity_check(1)");
  const std::string text = answer.step() ? answer.text(0) : "no answer";
  if (text != "ok")
    throw Error(ErrorKind::corrupt, "the database is damaged, so it was not copied: " + text +
                                        "; save what is left with: sqlite3 FILE .recover");
}

void apply(const Relocation& relocation, const fs::path& copy) {
  Connection connection(copy, SQLITE_OPEN_READWRITE);
  Transaction transaction(connection);
  for (const auto& [attempt, folder] : relocation.folders)
    connection.prepared("UPDATE attempt SET folder = ?2 WHERE id = ?1")->bind(attempt, folder).run();
  for (const std::int64_t artifact : relocation.left_out)
    connection.prepared("DELETE FROM artifact WHERE id = ?1")->bind(artifact).run();
  transaction.commit();
}

}  // namespace

std::uintmax_t backup(const fs::path& database, const fs::path& copy,
                      const std::function<Relocation(Reader& copy)>& relocate) {
  const fs::path partial = copy.string() + ".part";
  std::error_code ignored;
  fs::remove(partial, ignored);
  try {
    {
      Connection from(database, SQLITE_OPEN_READONLY);
      const std::int64_t newest = bundled_migrations().back().version;
      if (const FileState state = inspect(from, newest);
          state == FileState::foreign || state == FileState::newer)
        refuse(from, state, newest);
      Connection to(partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      copy_pages(from, to);
      // One file that any tool reads, also where it may not write.
      to.pragma_text("journal_mode = DELETE");
      check(to);
    }
    if (relocate) {
      Reader reader(partial);
      apply(relocate(reader), partial);
    }
    if (std::rename(partial.c_str(), copy.c_str()) != 0)
      throw Error(ErrorKind::io, copy.string() + ": " + std::strerror(errno));
  } catch (...) {
    for (const char* end : {"", "-wal", "-shm", "-journal"}) fs::remove(partial.string() + end, ignored);
    throw;
  }
  return fs::file_size(copy);
}

}  // namespace saddle::db
