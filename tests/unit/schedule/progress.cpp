#include <cli/progress.hpp>

#include <catch2/catch.hpp>

using namespace saddle::cli;

TEST_CASE("durations are short and have units") {
  CHECK(duration_text(0.44) == "0.4 s");
  CHECK(duration_text(9.94) == "9.9 s");
  CHECK(duration_text(9.96) == "10 s");
  CHECK(duration_text(192) == "3m12s");
  CHECK(duration_text(7500) == "2h05m");
}

TEST_CASE("time left needs something to go by") { CHECK_FALSE(time_left_s({.waiting = 5}).has_value()); }

TEST_CASE("before the first trial has ended the running ones tell how long one takes") {
  // Two run at a time, each takes 40 s and has 10 s left; 3 wait: (20 + 3 * 40) / 2.
  const Outlook outlook{.waiting = 3, .slots = 2, .running_left_s = 20, .running_whole_s = 80, .running = 2};
  CHECK(*time_left_s(outlook) == Approx(70));
}

TEST_CASE("afterwards the mean of the ended ones does") {
  const Outlook outlook{.trial_s = 10,
                        .ended = 4,
                        .waiting = 3,
                        .slots = 2,
                        .running_left_s = 20,
                        .running_whole_s = 80,
                        .running = 2};
  CHECK(*time_left_s(outlook) == Approx(25));
}
