#include <schedule/slots.hpp>

#include <catch2/catch.hpp>

using saddle::schedule::Need;
using saddle::schedule::Slot;
using saddle::schedule::Slots;
using Fit = Slots::Fit;

TEST_CASE("threads fill the cores, and what wants more than there are runs alone") {
  Slots slots(0, 4, 0);
  const Slot two = slots.take({2});
  CHECK(slots.fit({2}) == Fit::now);
  CHECK(slots.fit({3}) == Fit::machine_is_full);
  slots.take({2});
  CHECK(slots.fit({1}) == Fit::machine_is_full);
  slots.give_back(two);
  CHECK(slots.fit({2}) == Fit::now);
  CHECK(Slots(0, 4, 0).fit({100}) == Fit::now);
}

TEST_CASE("the option jobs counts trials, whatever their threads") {
  Slots slots(2, 1, 0);
  slots.take({8});
  CHECK(slots.fit({8}) == Fit::now);
  slots.take({8});
  CHECK(slots.fit({1}) == Fit::machine_is_full);
}

TEST_CASE("shares fill a GPU, and the emptier one is taken") {
  Slots slots(0, 16, 2);
  const Need third{1, 1.0 / 3}, half{1, 0.5};
  CHECK(slots.take(half).gpu == 0);
  CHECK(slots.take(third).gpu == 1);
  CHECK(slots.take(third).gpu == 1);
  CHECK(slots.take(half).gpu == 0);
  CHECK(slots.fit(half) == Fit::gpu_is_full);
  CHECK(slots.fit({1}) == Fit::now);  // of the CPU there is enough
  const Slot last = slots.take(third);
  CHECK(last.gpu == 1);
  CHECK(slots.fit(third) == Fit::gpu_is_full);
  slots.give_back(last);
  CHECK(slots.fit(third) == Fit::now);
}

TEST_CASE("a GPU takes one whole trial at a time, and --jobs does not make it two") {
  Slots slots(4, 16, 1);
  slots.take({1, 1.0});
  CHECK(slots.fit({1, 1.0}) == Fit::gpu_is_full);
  CHECK(slots.fit({1}) == Fit::now);
}

TEST_CASE("nothing runs beside what must be alone") {
  Slots slots(0, 16, 1);
  const Slot one = slots.take({1});
  CHECK(slots.fit({1, 0, true}) == Fit::machine_is_full);
  slots.give_back(one);
  const Slot alone = slots.take({1, 0, true});
  CHECK(slots.fit({1}) == Fit::machine_is_full);
  slots.give_back(alone);
  CHECK(slots.fit({1}) == Fit::now);
}

TEST_CASE("without a GPU that is known of, shares hold nothing up") {
  Slots slots(0, 4, 0);
  slots.take({1, 1.0});
  CHECK(slots.fit({1, 1.0}) == Fit::now);
}
