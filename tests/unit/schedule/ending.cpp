#include <schedule/ending.hpp>
#include <schedule/machine.hpp>

#include <signal.h>

#include <catch2/catch.hpp>

using namespace saddle;
using namespace saddle::schedule;
using Catch::Matchers::Contains;

TEST_CASE("what a worker finished stands, however it left afterwards") {
  Evidence evidence;
  evidence.finished = Finished{db::Reason::ok, "", 100};
  evidence.process = {0, SIGSEGV};
  evidence.timed_out = true;
  const db::AttemptEnd end = judge(evidence);
  CHECK(end.reason == db::Reason::ok);
  CHECK(end.signal == SIGSEGV);
  CHECK(end.last_step == 100);
  CHECK_THAT(end.message, Contains("signal 11 (SIGSEGV)"));
}

TEST_CASE("what we did to a worker comes before what happened to it") {
  Evidence evidence;
  evidence.process = {0, SIGKILL};
  evidence.out_of_memory = true;
  CHECK(judge(evidence).reason == db::Reason::oom);
  evidence.cancelled = true;
  CHECK(judge(evidence).reason == db::Reason::cancelled);
  evidence.timed_out = true;
  evidence.time_limit_s = 1.5;
  CHECK(judge(evidence).reason == db::Reason::timeout);
  CHECK_THAT(judge(evidence).message, Contains("after 1.5 s"));
  evidence.protocol_error = "no frame";
  CHECK(judge(evidence).reason == db::Reason::error);
}

TEST_CASE("only SIGKILL can be the kernel's for want of memory") {
  Evidence evidence;
  evidence.out_of_memory = true;
  evidence.process = {0, SIGSEGV};
  CHECK(judge(evidence).reason == db::Reason::signal);
  evidence.process = {0, SIGKILL};
  CHECK(judge(evidence).reason == db::Reason::oom);
  evidence.out_of_memory = false;
  CHECK(judge(evidence).reason == db::Reason::signal);
}

TEST_CASE("each kill that the kernel counted explains one death") {
  std::int64_t counted = 5;
  OomWatch watch([&] { return counted; });
  CHECK_FALSE(watch.explains_death_since(5));
  counted = 6;
  CHECK(watch.explains_death_since(5));
  CHECK_FALSE(watch.explains_death_since(5));
  CHECK_FALSE(watch.explains_death_since(6));
  counted = 7;
  CHECK(watch.explains_death_since(6));
}
