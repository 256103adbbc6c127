#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <common/json.hpp>

// How saddle gets a worker process without waiting for one to start: a worker
// that has loaded everything and run nothing (`saddle-worker serve`) is asked,
// over a socket, to fork. Both ends of that socket are here.
//
//   saddle -> server   one message a process: {"id", "arguments", "environment",
//                      "data_limit_bytes"}, and three descriptors: its output, its
//                      frames, and the read end of a pipe named "go"
//   server -> saddle   once: {"ready": true}, or {"ready": false, "reason"}
//   process -> saddle  {"id", "pid"}, then it waits for one byte on "go"
//
// The process is saddle's own child, not the server's: it was forked twice, and
// saddle is a child subreaper meanwhile. It does nothing before "go", and leaves
// when that pipe is closed instead: so whatever happens to the server between,
// either saddle holds the process or there is none.
namespace saddle {

// Where a worker that saddle started finds its end of the pipe or socket.
inline constexpr int kWorkerFd = 3;

struct ForkRequest {
  std::uint64_t id = 0;
  std::vector<std::string> arguments;  // as a program gets them, without its name
  std::vector<std::pair<std::string, std::string>> environment;
  std::uint64_t data_limit_bytes = 0;  // of memory; 0: none
};

struct ForkDescriptors {
  int output = -1, frames = -1, go = -1;
};

// False when nobody is there to read it.
bool send_request(int socket, const ForkRequest& request, const ForkDescriptors& descriptors);

// One message of at most 64 KiB, or nothing when the other end is closed or
// `timeout_ms` (-1: never) is over.
std::optional<Json> receive_message(int socket, int timeout_ms);

// Says {"ready": true} and forks until saddle closes the socket; then gives
// nothing. In each forked process it returns the arguments of what this one is to
// do. Call it with no other thread running.
std::optional<std::vector<std::string>> serve_forks(int socket);

// Tells saddle that this process cannot be a server.
void refuse_to_serve(int socket, const std::string& reason);

// The limit on private writable memory of this process, from now on.
void limit_data(std::uint64_t bytes);

}  // namespace saddle
