#pragma once
#include <sys/types.h>

#include <functional>
#include <string>

namespace saddle::worker {

// A process that was forked before any instance was made, and answers questions each in a fork of its own:
// what a component does when nothing of it was ever used before. Plugins keep what is static in them for the
// life of a process, so this process itself can find out only once.
class ForkServer {
 public:
  explicit ForkServer(std::function<std::string(const std::string& question)> answer);
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  // What `answer` returns over there, on one line; "" when it throws, crashes or takes more than 20 s.
  std::string ask(const std::string& question) const;

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

}  // namespace saddle::worker
