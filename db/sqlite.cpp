#include "db/sqlite.hpp"

#include <cerrno>
#include <cstring>

namespace saddle::db {
namespace {

ErrorKind kind_of(int code, int system_errno) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ErrorKind::full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::locked;
    case SQLITE_CORRUPT:
      return ErrorKind::corrupt;
    case SQLITE_NOTADB:
      return ErrorKind::foreign;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      // A quota and a file-size limit arrive as plain I/O errors.
      if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG) return ErrorKind::full;
      return ErrorKind::io;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return ErrorKind::io;
    default:
      return ErrorKind::usage;
  }
}

// The operating system's reason for an I/O error. SQLite leaves it out of the
// connection when a commit fails, so ask the files themselves too.
int system_error(sqlite3* connection) {
  if (!connection) return 0;
  if (const int known = sqlite3_system_errno(connection)) return known;
  for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    sqlite3_file* file = nullptr;
    int last = 0;
    if (sqlite3_file_control(connection, "main", which, &file) == SQLITE_OK && file && file->pMethods &&
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last) == SQLITE_OK && last != 0)
      return last;
  }
  return 0;
}

const char* advice(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::full:
      return "; nothing of it was stored: free some space, then `saddle resume`";
    case ErrorKind::locked:
      return "; another program writes this file: end it, or try again";
    case ErrorKind::corrupt:
      return "; restore a copy, or save what is left with: sqlite3 FILE .recover";
    case ErrorKind::foreign:
      return "; choose another file with --db";
    default:
      return "";
  }
}

}  // namespace

Statement::Statement(Connection& connection, std::string_view sql) : connection_(&connection) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(connection.raw(), sql.data(), static_cast<int>(sql.size()), 0, &statement, nullptr);
  if (code != SQLITE_OK) connection.fail(code, "preparing a statement");
  raw_.reset(statement);
}

void Statement::bind_at(int index, std::int64_t value) { sqlite3_bind_int64(raw_.get(), index, value); }
void Statement::bind_at(int index, double value) { sqlite3_bind_double(raw_.get(), index, value); }
void Statement::bind_at(int index, std::string_view value) {
  // A null data pointer would bind NULL; an empty text is not NULL.
  sqlite3_bind_text(raw_.get(), index, value.empty() ? "" : value.data(), static_cast<int>(value.size()),
                    SQLITE_TRANSIENT);
}
void Statement::bind_at(int index, std::nullptr_t) { sqlite3_bind_null(raw_.get(), index); }
void Statement::bind_at(int index, const Value& value) {
  std::visit(
      [&](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          bind_at(index, nullptr);
        else
          bind_at(index, v);
      },
      value);
}

bool Statement::step() {
  const int code = sqlite3_step(raw_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const int extended = sqlite3_extended_errcode(connection_->raw());
  connection_->fail(extended, "");
}

void Statement::run() {
  while (step()) continue;
  reset();
}

void Statement::reset() { sqlite3_reset(raw_.get()); }

std::string Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(raw_.get(), column);
  if (!bytes) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(raw_.get(), column))};
}

Value Statement::value(int column) const {
  switch (sqlite3_column_type(raw_.get(), column)) {
    case SQLITE_NULL:
      return std::monostate{};
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_FLOAT:
      return real(column);
    default:
      return text(column);
  }
}

Connection::Connection(const std::filesystem::path& path, int flags, const std::string& as_uri)
    : path_(path) {
  sqlite3* connection = nullptr;
  const std::string name = as_uri.empty() ? path.string() : as_uri;
  if (!as_uri.empty()) flags |= SQLITE_OPEN_URI;
  const int code = sqlite3_open_v2(name.c_str(), &connection, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  raw_.reset(connection);
  if (code != SQLITE_OK) fail(code, "opening it");
  sqlite3_extended_result_codes(raw_.get(), 1);
  sqlite3_busy_timeout(raw_.get(), 10'000);
}

void Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(raw_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, "");
}

InUse Connection::prepared(std::string_view sql) {
  auto found = prepared_.find(sql);
  if (found == prepared_.end()) found = prepared_.emplace(std::string(sql), Statement(*this, sql)).first;
  return InUse(found->second);
}

std::int64_t Connection::pragma(const std::string& name) {
  Statement statement(*this, "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Connection::pragma_text(const std::string& name) {
  Statement statement(*this, "PRAGMA " + name);
  return statement.step() ? statement.text(0) : "";
}

void Connection::fail(int code, std::string_view what) const {
  const int system_errno = system_error(raw_.get());
  const ErrorKind kind = kind_of(code, system_errno);
  std::string message = path_.string() + ": ";
  if (!what.empty()) message.append(what) += ": ";
  message += raw_ ? sqlite3_errmsg(raw_.get()) : sqlite3_errstr(code);
  const int primary = code & 0xff;
  if ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) && system_errno != 0)
    message += std::string(" (") + std::strerror(system_errno) + ")";
  if (primary == SQLITE_CANTOPEN && kind == ErrorKind::io)
    message += "; SQLite needs to write in the folder " + path_.parent_path().string();
  throw Error(kind, message + advice(kind));
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors, a full disk among them.
  if (connection_.in_transaction()) sqlite3_exec(connection_.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace saddle::db
