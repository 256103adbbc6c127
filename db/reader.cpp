#include "db/reader.hpp"

#include <array>
#include <cctype>
#include <cstdio>
#include <set>

#include "db/functions.hpp"
#include "db/migrate.hpp"
#include "db/sqlite.hpp"
#include "db/uri.hpp"

namespace saddle::db {
namespace {

Connection open_for_reading(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(
        ErrorKind::missing,
        path.string() + ": there is no such database; `saddle run GRID.json` makes it, --db names another");
  const auto open = [&](const std::string& uri) {
    Connection connection(path, SQLITE_OPEN_READONLY, uri);
    // With the default of 2 MB a question about 10,000 trials reads most pages twice.
    connection.execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536");
    const std::int64_t newest = bundled_migrations().back().version;
    const FileState state = inspect(connection, newest);
    if (state != FileState::current) refuse(connection, state, newest);
    return connection;
  };
  try {
    return open({});
  } catch (const Error& error) {
    // A closed database in a folder that we may not write: SQLite cannot make
    // the shared memory that write-ahead logging needs, and nobody changes it.
    if (error.kind() != ErrorKind::io || std::filesystem::exists(path.string() + "-wal", ignored)) throw;
    return open(uri_of(path, "immutable=1"));
  }
}

Rows fetch(Statement& statement, std::size_t max_rows) {
  Rows result;
  for (int i = 0; i < statement.columns(); ++i) result.columns.push_back(statement.column_name(i));
  while (statement.step()) {
    if (result.rows.size() == max_rows) {
      result.truncated = true;
      break;
    }
    std::vector<Value>& row = result.rows.emplace_back();
    row.reserve(result.columns.size());
    for (int i = 0; i < statement.columns(); ++i) row.push_back(statement.value(i));
  }
  statement.reset();
  return result;
}

// Only reading: no ATTACH (it would open other files), no pragma that sets.
int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second && std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA: {
      constexpr std::array<std::string_view, 9> kSchema{"table_info",   "table_xinfo",    "table_list",
                                                        "index_list",   "index_info",     "foreign_key_list",
                                                        "user_version", "application_id", "function_list"};
      constexpr std::size_t kWithArgument = 6;
      for (std::size_t i = 0; i < kSchema.size(); ++i)
        if (first && kSchema[i] == first && (!second || i < kWithArgument)) return SQLITE_OK;
      return SQLITE_DENY;
    }
    default:
      return SQLITE_DENY;
  }
}

// While it lives, the connection reads only, and only until the time is over.
class Guard {
 public:
  Guard(Connection& connection, std::chrono::milliseconds time) : connection_(connection.raw()) {
    sqlite3_set_authorizer(connection_, authorize, nullptr);
    // hex(randomblob(1e9)) is a short query.
    length_before_ = sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, 64 << 20);
    if (time == std::chrono::milliseconds::max()) return;
    end_ = Clock::now() + time;
    sqlite3_progress_handler(
        connection_, 10'000, [](void* self) { return static_cast<Guard*>(self)->over() ? 1 : 0; }, this);
  }
  ~Guard() {
    sqlite3_set_authorizer(connection_, nullptr, nullptr);
    sqlite3_progress_handler(connection_, 0, nullptr, nullptr);
    sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, length_before_);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  bool over() const { return Clock::now() >= end_; }

 private:
  using Clock = std::chrono::steady_clock;
  sqlite3* connection_;
  int length_before_ = 0;
  Clock::time_point end_ = Clock::time_point::max();
};

void bind_by_name(Statement& statement, const std::map<std::string, Value>& binds) {
  std::set<std::string> used;
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement.raw()); ++i) {
    const char* name = sqlite3_bind_parameter_name(statement.raw(), i);
    if (!name || name[0] == '?')
      throw Error(ErrorKind::usage, "sql: a parameter needs a name, as :metric instead of ?");
    const auto found = binds.find(name + 1);
    if (found == binds.end())
      throw Error(ErrorKind::usage, std::string("sql: the parameter ") + name + " has no value");
    statement.bind_at(i, found->second);
    used.insert(found->first);
  }
  for (const auto& [name, value] : binds)
    if (!used.contains(name))
      throw Error(ErrorKind::usage, "sql: there is no parameter :" + name + " in the query");
}

bool blank(std::string_view sql) {
  for (const char c : sql)
    if (!std::isspace(static_cast<unsigned char>(c)) && c != ';') return false;
  return true;
}

}  // namespace

struct Reader::Impl {
  explicit Impl(const std::filesystem::path& path) : connection(open_for_reading(path)) {
    add_functions(connection);
  }
  Connection connection;
};

Reader::Reader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;

const std::filesystem::path& Reader::path() const { return impl_->connection.path(); }

Rows Reader::query(std::string_view sql, const std::vector<Value>& binds) {
  Statement statement(impl_->connection, sql);
  for (std::size_t i = 0; i < binds.size(); ++i) statement.bind_at(static_cast<int>(i) + 1, binds[i]);
  return fetch(statement, std::numeric_limits<std::size_t>::max());
}

Rows Reader::named(std::string_view name, const std::vector<Value>& binds) {
  return query(named_query(name), binds);
}

Rows Reader::query_untrusted(std::string_view sql, const Limits& limits,
                             const std::map<std::string, Value>& binds) {
  Connection& connection = impl_->connection;
  const auto refused = [&](const std::string& why) { return Error(ErrorKind::usage, "sql: " + why); };
  Guard guard(connection, limits.time);

  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int code =
      sqlite3_prepare_v2(connection.raw(), sql.data(), static_cast<int>(sql.size()), &raw, &tail);
  if (code == SQLITE_AUTH)
    throw refused("only statements that read this database are allowed (SELECT, WITH, PRAGMA table_info)");
  if (code != SQLITE_OK) {
    std::string why = sqlite3_errmsg(connection.raw());
    const int offset = sqlite3_error_offset(connection.raw());
    if (offset >= 0) why += " (at character " + std::to_string(offset + 1) + ")";
    throw refused(why + "; the views and their columns: saddle sql \"PRAGMA table_list\"");
  }
  Statement statement(connection, raw);
  if (!raw) throw refused("there is no statement");
  if (!blank(std::string_view(tail, sql.data() + sql.size() - tail)))
    throw refused("one statement at a time; a second one begins after the semicolon");
  if (!sqlite3_stmt_readonly(raw)) throw refused("only statements that read this database are allowed");
  bind_by_name(statement, binds);
  try {
    return fetch(statement, limits.rows);
  } catch (const Error&) {
    if (!guard.over()) throw;
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%g", static_cast<double>(limits.time.count()) / 1000);
    throw refused(std::string("stopped after ") + seconds.data() +
                  " seconds; ask for less, or give it more time");
  }
}

}  // namespace saddle::db
