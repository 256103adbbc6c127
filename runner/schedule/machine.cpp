#include <schedule/machine.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace saddle::schedule {
namespace {

// Folder of our cgroup (version 2); the root's where there is no other.
std::filesystem::path cgroup_folder() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("0::/", 0) == 0) return "/sys/fs/cgroup" + line.substr(3);
  return "/sys/fs/cgroup";
}

// The number after `name` in a file of "name number" lines; -1 without.
std::int64_t counter(const std::filesystem::path& file, const std::string& name) {
  std::ifstream in(file);
  std::string key;
  for (std::int64_t value; in >> key >> value;)
    if (key == name) return value;
  return -1;
}

}  // namespace

int available_cores() {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::ifstream in(cgroup_folder() / "cpu.max");
  double quota = 0, period = 0;
  if (in >> quota >> period && quota > 0 && period > 0)
    cores = std::clamp(static_cast<int>(std::ceil(quota / period)), 1, cores);
  return cores;
}

std::vector<std::string> gpu_names(int count, const std::string& visible) {
  std::vector<std::string> names;
  std::istringstream listed(visible);
  for (std::string name; static_cast<int>(names.size()) < count && std::getline(listed, name, ',');)
    names.push_back(name);
  if (names.empty())
    for (int i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

std::int64_t oom_kills() {
  const std::int64_t ours = counter(cgroup_folder() / "memory.events", "oom_kill");
  return ours >= 0 ? ours : std::max<std::int64_t>(0, counter("/proc/vmstat", "oom_kill"));
}

bool OomWatch::explains_death_since(std::int64_t count_at_start) {
  const std::int64_t known = std::max(accounted_, count_at_start);
  if (count_() <= known) return false;
  accounted_ = known + 1;
  return true;
}

}  // namespace saddle::schedule
