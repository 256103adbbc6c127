#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include <bridge/caller.hpp>
#include <bridge/fenced.hpp>
#include <bridge/handle.hpp>
#include <bridge/results.hpp>
#include <bridge/watch.hpp>

using namespace saddle::worker;

namespace {

std::string refused(const at::Tensor& output, const char* name = "logit", at::ScalarType like = at::kFloat) {
  try {
    check_output("model 'm'", name, output, 4, like, at::kCPU);
  } catch (const std::exception& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("an output of a model is on the trial's device, a batch, and of the type of its inputs") {
  CHECK(refused(at::ones({4, 1})) == "accepted");
  CHECK(refused(at::ones({4, 1}, at::kBFloat16)) == "accepted");  // under autocast
  CHECK(refused(at::ones({4, 1}, at::kDouble), "logit", at::kDouble) == "accepted");
  CHECK(refused(at::ones({4}, at::kLong), "codes") == "accepted");
  CHECK(refused(at::ones({4, 1}, at::kFloat), "logit", at::ScalarType::Undefined) == "accepted");

  CHECK(refused(at::empty({4, 1}, at::TensorOptions(at::kMeta))) ==
        "model 'm': its output 'logit' is float32 [4, 1] on meta; expected it on cpu");
  CHECK(refused(at::ones({3, 1})) ==
        "model 'm': its output 'logit' is float32 [3, 1] on cpu; expected the 4 samples of the batch as its "
        "first dimension");
  CHECK(
      refused(at::ones({})) ==
      "model 'm': its output 'logit' is float32 [] on cpu; expected the 4 samples of the batch as its first "
      "dimension");
  CHECK(refused(at::ones({4, 1}, at::kDouble)) ==
        "model 'm': its output 'logit' is float64 [4, 1] on cpu; expected float32, as its inputs");
  CHECK(refused(at::ones({4}, at::kLong)) ==
        "model 'm': its output 'logit' is int64 [4] on cpu; expected float32");
  CHECK(refused(at::ones({4}, at::kInt), "codes") ==
        "model 'm': its output 'codes' is int32 [4] on cpu; expected float32");
}

TEST_CASE("a term of a loss is one floating point number on the trial's device") {
  const auto refusal = [](const at::Tensor& t) -> std::string {
    try {
      check_term("loss 'l'", "t", t, at::kCPU);
    } catch (const std::exception& e) {
      return e.what();
    }
    return "accepted";
  };
  CHECK(refusal(at::ones({})) == "accepted");
  CHECK(refusal(at::ones({1, 1}, at::kDouble)) == "accepted");
  CHECK(refusal(at::ones({2})) == "loss 'l': its term 't' is float32 [2] on cpu; expected one number");
  CHECK(refusal(at::ones({}, at::kLong)) ==
        "loss 'l': its term 't' is int64 [] on cpu; expected a floating point number");
  CHECK(refusal(at::empty({}, at::TensorOptions(at::kMeta))) ==
        "loss 'l': its term 't' is float32 [] on meta; expected it on cpu");
}

TEST_CASE("a fenced tensor is what was written into it, and notices what was written beside it") {
  const auto fault = [](auto&& write) -> std::string {
    FencedTensor fenced({3, 2, 2}, at::kFloat);
    auto* numbers = static_cast<float*>(fenced.data());
    for (int i = 0; i < 12; ++i) numbers[i] = static_cast<float>(i);
    write(numbers);
    try {
      fenced.check("dataset 'd'", "fill", "samples");
    } catch (const std::exception& e) {
      return e.what();
    }
    CHECK(at::equal(fenced.tensor(), at::arange(12, at::kFloat).view({3, 2, 2})));
    CHECK(reinterpret_cast<uintptr_t>(numbers) % 64 == 0);
    return "";
  };
  CHECK(fault([](float*) {}).empty());
  CHECK(fault([](float* n) { n[12] = 0; }) ==
        "dataset 'd': fill wrote past the end of its buffer of 48 bytes for 3 samples, at least 4 bytes too "
        "far");
  CHECK(fault([](float* n) { n[27] = 0; }) ==
        "dataset 'd': fill wrote past the end of its buffer of 48 bytes for 3 samples, at least 64 bytes too "
        "far");
  CHECK(fault([](float* n) { n[-1] = 0; }) ==
        "dataset 'd': fill wrote before the start of its buffer of 48 bytes for 3 samples");
  // Empty ones have a fence, too.
  FencedTensor none({0, 2}, at::kFloat);
  static_cast<float*>(none.data())[0] = 1;
  CHECK_THROWS_WITH(none.check("dataset 'd'", "fill", "samples"), Catch::Contains("4 bytes too far"));
}

TEST_CASE("what runs is known to other threads, and a call that does not return is told") {
  watch_components();
  std::mutex mutex;
  std::condition_variable said;
  std::vector<std::string> lines;
  const Watchdog watchdog(std::chrono::milliseconds(20), [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    lines.push_back(line);
    said.notify_one();
  });
  const auto outer = std::make_shared<Caller>(
      Caller{"loss 'l'", "l", kept_text("loss 'l' of /p/l.so"), std::make_shared<Holding>()});
  {
    const Calling calling(outer, "compute");
    {
      const Calling inner(
          std::make_shared<Caller>(Caller{"model 'm'", "m", kept_text("model 'm' of /p/m.so"), nullptr}),
          "forward");
      std::unique_lock lock(mutex);
      REQUIRE(said.wait_for(lock, std::chrono::seconds(30), [&] { return !lines.empty(); }));
      CHECK(lines[0] == "model 'm' of /p/m.so, in forward, has not returned for 0 s");
      lines.clear();
    }
    std::unique_lock lock(mutex);
    REQUIRE(said.wait_for(lock, std::chrono::seconds(30), [&] {
      return !lines.empty() && lines.back() == "loss 'l' of /p/l.so, in compute, has not returned for 0 s";
    }));
  }
}

TEST_CASE("handles are counted for the component whose code takes and gives them back") {
  const auto holding = std::make_shared<Holding>();
  const auto caller = std::make_shared<Caller>(Caller{"loss 'l'", "l", "", holding});
  const int64_t before = handle_count();
  saddle_tensor* kept = nullptr;
  {
    const Calling calling(caller, "compute");
    kept = give(at::ones({2}));
    (void)take(give(at::ones({2})));
    const Calling nested(std::make_shared<Caller>(Caller{"model 'm'", "m", "", std::make_shared<Holding>()}),
                         "forward");
    (void)take(give(at::ones({3})));
  }
  CHECK(holding->handles == 1);
  CHECK(handle_count() == before + 1);
  {
    const Calling calling(caller, "destroy");
    (void)take(kept);
  }
  CHECK(holding->handles == 0);
  CHECK(handle_count() == before);
}
