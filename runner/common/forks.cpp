#include <common/forks.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <common/error.hpp>

namespace saddle {
namespace {

constexpr std::size_t kLongestMessage = std::size_t{64} << 10;
constexpr std::size_t kDescriptors = 3;

// One text, the caller's, and space for three descriptors.
class Message {
 public:
  Message(char* text, std::size_t size) : part_{text, size} {
    header.msg_iov = &part_;
    header.msg_iovlen = 1;
    header.msg_control = control_.data();
    header.msg_controllen = control_.size();
  }
  Message(const Message&) = delete;  // the header points into it
  Message& operator=(const Message&) = delete;
  msghdr header{};

 private:
  iovec part_;
  alignas(
      cmsghdr) std::array<char, CMSG_SPACE(kDescriptors * sizeof(int))> control_{};  // as the kernel wants it
};

bool send_text(int socket, const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

struct Received {
  ForkRequest request;
  ForkDescriptors descriptors;
};

// Nothing when saddle has closed its end.
std::optional<Received> receive_request(int socket) {
  std::vector<char> text(kLongestMessage);
  Message message(text.data(), text.size());
  ssize_t n;
  do {
    n = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return std::nullopt;

  Received received;
  std::array<int, kDescriptors> descriptors{-1, -1, -1};
  const cmsghdr* attached = CMSG_FIRSTHDR(&message.header);
  if (attached != nullptr && attached->cmsg_type == SCM_RIGHTS &&
      attached->cmsg_len == CMSG_LEN(sizeof(descriptors)))
    std::memcpy(descriptors.data(), CMSG_DATA(attached), sizeof(descriptors));
  received.descriptors = {descriptors[0], descriptors[1], descriptors[2]};
  const Json json = Json::parse(text.data(), text.data() + n);
  received.request.id = json.at("id");
  received.request.arguments = json.at("arguments").get<std::vector<std::string>>();
  for (const auto& [name, value] : json.at("environment").items())
    received.request.environment.emplace_back(name, value.get<std::string>());
  received.request.data_limit_bytes = json.at("data_limit_bytes");
  return received;
}

// The process in between has to be gone before the kernel can tell us of our new
// parent's end; that it is gone shows in who our parent is.
void wait_for_adoption(pid_t middle, pid_t saddle) {
  while (::getppid() == middle) ::usleep(50);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != saddle) ::_exit(127);
}

// The rest of what an exec would have done, and the wait for "go".
void become(int socket, const Received& received) {
  const auto& [output, frames, go] = received.descriptors;
  ::setpgid(0, 0);
  if (received.request.data_limit_bytes > 0) limit_data(received.request.data_limit_bytes);
  for (const auto& [name, value] : received.request.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) ::_exit(127);
  if (!send_text(socket, {{"id", received.request.id}, {"pid", ::getpid()}})) ::_exit(0);
  char byte = 0;
  ssize_t n;
  do {
    n = ::read(go, &byte, 1);
  } while (n < 0 && errno == EINTR);
  if (n != 1) ::_exit(0);                           // saddle does not want it any more
  if (::dup2(frames, kWorkerFd) < 0) ::_exit(127);  // in place of the socket
  for (const int done : {output, frames, go}) ::close(done);
}

}  // namespace

bool send_request(int socket, const ForkRequest& request, const ForkDescriptors& descriptors) {
  Json environment = Json::object();
  for (const auto& [name, value] : request.environment) environment[name] = value;
  std::string text = Json{{"id", request.id},
                          {"arguments", request.arguments},
                          {"environment", environment},
                          {"data_limit_bytes", request.data_limit_bytes}}
                         .dump();
  if (text.size() > kLongestMessage) return false;
  const std::array<int, kDescriptors> attached{descriptors.output, descriptors.frames, descriptors.go};
  Message message(text.data(), text.size());
  cmsghdr* header = CMSG_FIRSTHDR(&message.header);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(attached));
  std::memcpy(CMSG_DATA(header), attached.data(), sizeof(attached));
  return ::sendmsg(socket, &message.header, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::optional<Json> receive_message(int socket, int timeout_ms) {
  pollfd watched{socket, POLLIN, 0};
  if (::poll(&watched, 1, timeout_ms) <= 0) return std::nullopt;
  std::vector<char> text(kLongestMessage);
  const ssize_t n = ::recv(socket, text.data(), text.size(), 0);
  if (n <= 0) return std::nullopt;
  Json message = Json::parse(text.data(), text.data() + n, nullptr, false);
  return message.is_object() ? std::optional(std::move(message)) : std::nullopt;
}

std::optional<std::vector<std::string>> serve_forks(int socket) {
  const pid_t saddle = ::getppid();
  send_text(socket, {{"ready", true}});
  while (auto received = receive_request(socket)) {
    std::fflush(nullptr);  // what is in a buffer now would be printed by each child again
    const pid_t middle = ::fork();
    if (middle == 0) {
      const pid_t self = ::getpid();
      if (const pid_t attempt = ::fork(); attempt != 0) {
        if (attempt < 0) send_text(socket, {{"id", received->request.id}, {"error", std::strerror(errno)}});
        ::_exit(0);
      }
      wait_for_adoption(self, saddle);
      become(socket, *received);
      return received->request.arguments;
    }
    if (middle < 0) send_text(socket, {{"id", received->request.id}, {"error", std::strerror(errno)}});
    const auto& [output, frames, go] = received->descriptors;
    for (const int done : {output, frames, go}) ::close(done);
    while (middle > 0 && ::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  return std::nullopt;
}

void refuse_to_serve(int socket, const std::string& reason) {
  send_text(socket, {{"ready", false}, {"reason", reason}});
}

void limit_data(std::uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_DATA, &limit);
}

}  // namespace saddle
