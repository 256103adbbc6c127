#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "db/error.hpp"
#include "db/value.hpp"

// SQLite with owners and exceptions. Private to db/.
namespace saddle::db {

class Connection;

// A prepared statement. Bind, then step() until it returns false; the next
// bind() starts it again.
class Statement {
 public:
  Statement() = default;
  Statement(Connection& connection, std::string_view sql);
  Statement(Connection& connection, sqlite3_stmt* owned) : raw_(owned), connection_(&connection) {}

  template <class... Args>
  Statement& bind(const Args&... args) {
    reset();
    int index = 0;
    (bind_at(++index, args), ...);
    return *this;
  }
  void bind_at(int index, std::int64_t value);
  void bind_at(int index, int value) { bind_at(index, static_cast<std::int64_t>(value)); }
  void bind_at(int index, bool value) { bind_at(index, static_cast<std::int64_t>(value)); }
  void bind_at(int index, double value);
  void bind_at(int index, std::string_view value);  // copied
  void bind_at(int index, const std::string& value) { bind_at(index, std::string_view(value)); }
  void bind_at(int index, const char* value) { bind_at(index, std::string_view(value)); }
  void bind_at(int index, std::nullptr_t);
  void bind_at(int index, const Value& value);

  bool step();  // true: a row is there
  void run();   // step to the end, ignoring rows
  void reset();
  std::int64_t integer(int column) const { return sqlite3_column_int64(raw_.get(), column); }
  double real(int column) const { return sqlite3_column_double(raw_.get(), column); }
  std::string text(int column) const;
  bool is_null(int column) const { return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL; }
  Value value(int column) const;
  int columns() const { return sqlite3_column_count(raw_.get()); }
  std::string column_name(int column) const { return sqlite3_column_name(raw_.get(), column); }
  sqlite3_stmt* raw() const { return raw_.get(); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
  Connection* connection_ = nullptr;
};

// A kept statement while it is used. Reset at the end of the scope: one left in
// the middle of its rows would hold a read transaction, and the WAL would grow.
class InUse {
 public:
  explicit InUse(Statement& statement) : statement_(&statement) {}
  ~InUse() { statement_->reset(); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  Statement* operator->() const { return statement_; }

 private:
  Statement* statement_;
};

class Connection {
 public:
  // flags: SQLITE_OPEN_*. `as_uri` opens text such as file:a.db?immutable=1.
  Connection(const std::filesystem::path& path, int flags, const std::string& as_uri = {});

  void execute(const std::string& sql);  // any number of statements
  std::int64_t pragma(const std::string& name);
  std::string pragma_text(const std::string& name);
  // The statement for this text, prepared once and kept.
  InUse prepared(std::string_view sql);
  std::int64_t last_id() const { return sqlite3_last_insert_rowid(raw_.get()); }
  std::int64_t changes() const { return sqlite3_changes64(raw_.get()); }
  bool in_transaction() const { return sqlite3_get_autocommit(raw_.get()) == 0; }
  const std::filesystem::path& path() const { return path_; }
  sqlite3* raw() const { return raw_.get(); }

  // Throws the Error that the last failed call stands for.
  [[noreturn]] void fail(int code, std::string_view what) const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> raw_;
  std::map<std::string, Statement, std::less<>> prepared_;
};

// BEGIN IMMEDIATE now; rolled back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {
    connection_.execute("BEGIN IMMEDIATE");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() { connection_.execute("COMMIT"); }

 private:
  Connection& connection_;
};

}  // namespace saddle::db
