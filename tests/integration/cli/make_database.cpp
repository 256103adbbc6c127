// Writes a small database as a run would have: what the tests of exports ask.
#include <cstdio>
#include <limits>

#include "../../unit/cli/fixture.hpp"

using namespace saddle;
using namespace saddle::cli::test;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const std::string pixels = R"({"features":"pixels"})";
  const auto config = [](const char* loss, double lr) {
    return R"({"losses":[{"use":")" + std::string(loss) + R"("}],"optimizers":{"generator":{"lr":)" +
           std::to_string(lr) + R"(,"betas":[0.0,0.9]}},"note":"a, \"b\"","flag":true})";
  };
  fill(argv[1], "e",
       {{"aaaa", 1, config("hinge", 0.001), {{"frechet", pixels, 2.5}, {"generator/total", "", 1}}},
        {"aaaa", 2, config("hinge", 0.001), {{"frechet", pixels, 1.0 / 3}, {"generator/total", "", inf}}},
        {"bbbb", 1, config("ns", 0.01), {{"frechet", pixels, 7}, {"generator/total", "", -inf}}},
        {"bbbb", 2, config("ns", 0.01), {{"frechet", pixels, nan}}, db::Reason::diverged},
        {"cccc", 1, config("ns", 0.1), {{"frechet", pixels, 9}}, db::Reason::pruned},
        {"cccc", 2, config("ns", 0.1), {}, db::Reason::error}});
  return 0;
}
