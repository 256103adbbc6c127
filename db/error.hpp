#pragma once
#include <stdexcept>
#include <string>

namespace saddle::db {

// What went wrong, for callers that choose an exit code or a next step by it.
enum class ErrorKind {
  newer,    // the file was written by a newer Saddle
  older,    // the file must be migrated first, and this connection may only read
  foreign,  // an SQLite file of another program, or no database at all
  missing,  // there is no such file
  locked,   // another process writes this database
  full,     // the disk, the quota or the file-size limit is exhausted
  corrupt,  // SQLite's own checks fail
  io,       // anything else between us and the file
  usage,    // the caller asked for something that cannot be: no such trial, bad SQL, a write on a reader
};

// The message is complete: it names the file, what was found and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace saddle::db
