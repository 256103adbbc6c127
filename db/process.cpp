#include "db/process.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

namespace saddle::db {
namespace {

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Field 22 of /proc/<pid>/stat. The second field is the program's name in
// brackets and may hold spaces and brackets itself, so count from the last one.
std::int64_t start_time(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  const auto close = stat.rfind(')');
  if (close == std::string::npos) return -1;
  std::istringstream fields(stat.substr(close + 1));
  std::string field;
  for (int number = 3; number <= 22 && fields >> field; ++number) {
    if (number == 3 && (field == "Z" || field == "X")) return -1;
    if (number == 22) return std::stoll(field);
  }
  return -1;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

ProcessId identify_process(std::int64_t pid) {
  static const std::string boot_id = read_line("/proc/sys/kernel/random/boot_id");
  return {pid, boot_id, start_time(pid)};
}

ProcessId this_process() { return identify_process(getpid()); }

bool is_alive(const ProcessId& process) {
  const ProcessId now = identify_process(process.pid);
  return now.start_time >= 0 && now.start_time == process.start_time && now.boot_id == process.boot_id;
}

}  // namespace saddle::db
