#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace saddle::schedule {

// What another terminal asks of a run (`saddle cancel`): files in a folder beside
// the database, since only the run itself may write that. Who asks writes one file
// a request; the run takes it, does it, and says so in an event of the database
// that carries the request's name.
struct Request {
  std::string name;                  // unique
  std::vector<std::int64_t> trials;  // to cancel
};

// Folder of the requests to the run that writes this database.
std::filesystem::path requests_folder(const std::filesystem::path& runs_folder);

// Leaves a request; its name. Throws saddle::Error when it cannot be written.
std::string post_request(const std::filesystem::path& folder, const std::vector<std::int64_t>& trials);
// Takes it back; false when the run has taken it already.
bool withdraw_request(const std::filesystem::path& folder, const std::string& name);

// The run's end of it.
class Mailbox {
 public:
  // Requests that lie there already were meant for a run that is over.
  explicit Mailbox(std::filesystem::path folder);
  // What has come since.
  std::vector<Request> take();

 private:
  std::filesystem::path folder_;
};

}  // namespace saddle::schedule
