#include <check/report.hpp>

#include <unistd.h>

#include <cerrno>

#include <bridge/host.hpp>

namespace saddle::worker {
namespace {
const Report* current = nullptr;  // a child makes one
}

Report::Report(int fd) : fd_(fd) { current = this; }

void going_on() {
  if (current) current->tell({{"alive", true}});
}

void Report::tell(const nlohmann::json& line) const {
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return;  // the parent has gone, and will end this process
    if (n > 0) done += static_cast<size_t>(n);
  }
}

bool Report::held(const std::string& id) const {
  const auto found = held_.find(id);
  return found != held_.end() && found->second;
}

void Report::result(const std::string& id, const char* what, const std::string& message) {
  held_[id] = std::string(what) == "ok";
  tell({{"rule", id}, {"result", what}, {"message", message}});
}

void Report::rule(const std::string& id, const std::vector<std::string>& after,
                  const std::function<std::string()>& body) {
  for (const std::string& other : after)
    if (!held(other)) return result(id, "skipped", "\"" + other + "\" does not hold");
  tell({{"begin", id}});
  try {
    result(id, "ok", body());
  } catch (const NotApplied& e) {
    result(id, "skipped", e.what());
  } catch (const std::exception& e) {
    result(id, "failed", message_of(e));
  } catch (...) {
    result(id, "failed", "an exception that is not a std::exception left the plugin");
  }
}

}  // namespace saddle::worker
