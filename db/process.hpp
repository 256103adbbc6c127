#pragma once
#include <cstdint>
#include <string>

namespace saddle::db {

// Who a process is, beyond a pid that the kernel will hand out again. Two
// processes on one machine never agree in all three.
struct ProcessId {
  std::int64_t pid = 0;
  std::string boot_id;          // /proc/sys/kernel/random/boot_id
  std::int64_t start_time = 0;  // field 22 of /proc/<pid>/stat, clock ticks since boot
};

std::string host_name();

// The identity of a process of this machine; start_time is -1 if there is none
// (a zombie counts as none: it will never do anything again).
ProcessId identify_process(std::int64_t pid);

ProcessId this_process();

// True if exactly that process still runs here. A process of another boot or
// of a reused pid is gone.
bool is_alive(const ProcessId& process);

}  // namespace saddle::db
