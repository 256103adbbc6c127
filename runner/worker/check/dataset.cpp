#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <set>
#include <thread>

#include <bridge/host.hpp>
#include <check/buffer.hpp>
#include <check/kinds.hpp>
#include <check/usage.hpp>
#include <common/error.hpp>

namespace saddle::worker {
namespace {

using Indices = std::vector<int64_t>;

struct Samples {
  std::string bytes;
  Indices labels;
  bool operator==(const Samples&) const = default;
};

// An instance as the ABI has it: `fill` goes into buffers of ours.
class Raw : public Dataset {
 public:
  Raw(const Subject& subject, const nlohmann::json& parameters)
      : Dataset(*subject.component, parameters, facts_for(subject)) {
    sample_bytes_ = info().dtype == at::kFloat ? sizeof(float) : 1;
    for (const int64_t size : info().shape) sample_bytes_ *= static_cast<size_t>(size);
  }
  static nlohmann::json facts_for(const Subject& subject) {
    nlohmann::json facts = {{"data_folder", cases({}).front().facts.at("data_folder")}};
    facts.update(subject.facts);
    return facts;
  }

  // The status of a bare call. Null labels: not wanted.
  saddle_status fill_into(uint32_t split, const Indices& indices, void* samples, int64_t* labels) const {
    const Calling calling(caller_, "fill");
    return component().c->as.dataset->fill(instance_, split, indices.data(),
                                           static_cast<int64_t>(indices.size()), samples, labels);
  }
  // Samples and labels by a call, the buffers of which are found undamaged. `content` is in them before.
  Samples read(uint32_t split, const Indices& indices, uint8_t content = 0, bool labels = true) const {
    const GuardedBuffer to(indices.size() * sample_bytes_, content);
    const bool wanted = labels && info().classes > 0;
    const GuardedBuffer to_labels(wanted ? indices.size() * sizeof(int64_t) : 0, content);
    check_component(
        fill_into(split, indices, to.data(), wanted ? reinterpret_cast<int64_t*>(to_labels.data()) : nullptr),
        "fill");
    for (const auto& [buffer, what] : {std::pair(&to, "samples"), std::pair(&to_labels, "labels")})
      if (const size_t n = buffer->damage(); n > 0)
        throw Broken("asked for " + std::to_string(indices.size()) + " samples, fill wrote " +
                     std::to_string(n) + " bytes beside the buffer for the " + what);
    Samples s{{reinterpret_cast<const char*>(to.data()), to.size()}, {}};
    if (wanted) {
      const auto* first = reinterpret_cast<const int64_t*>(to_labels.data());
      s.labels.assign(first, first + indices.size());
    }
    return s;
  }
  size_t sample_bytes() const { return sample_bytes_; }
  void* instance() const { return instance_; }
  // Some indices of a split: its edges and others spread over it.
  Indices some(uint32_t split, int64_t count) const {
    const int64_t size = info().splits[split].second;
    Indices list;
    for (int64_t i = 0; i < std::min(count, size); ++i)
      list.push_back(count >= size ? i : i * (size - 1) / (count - 1));
    return list;
  }

 private:
  size_t sample_bytes_ = 1;
};

bool takes_files(const Subject& subject) {
  for (const auto& [name, entry] : properties_of(*subject.component).items())
    if (entry.value("type", "") == "string" && !entry.contains("enum")) return true;
  return false;
}

class DatasetUsage : public Usage {
 public:
  DatasetUsage(const Subject& subject, const nlohmann::json& parameters) : set_(subject, parameters) {}
  NamedTensors run() override {
    const DatasetInfo& info = set_.info();
    NamedTensors all = {{info.version, at::tensor(info.shape, at::kLong)}};
    for (uint32_t split = 0; split < info.splits.size(); ++split) {
      const Samples s = set_.read(split, set_.some(split, 16));
      const auto* bytes = reinterpret_cast<const uint8_t*>(s.bytes.data());
      all.emplace_back("samples of " + info.splits[split].first,
                       at::tensor(std::vector<uint8_t>(bytes, bytes + s.bytes.size()), at::kByte));
      all.emplace_back("labels of " + info.splits[split].first, at::tensor(s.labels, at::kLong));
    }
    return all;
  }

 private:
  Raw set_;
};

class DatasetCheck {
 public:
  DatasetCheck(const Subject& subject, Report& report)
      : subject_(subject),
        report_(report),
        usages_{[this](const Making& m) { return std::make_unique<DatasetUsage>(subject_, m.parameters); },
                {},
                {}},
        pristine_(usages_) {
    Making made;
    made.trial = {"its parameters", nlohmann::json::object()};
    made.parameters = subject.parameters;
    usages_.accepted = {made};
    for (const auto& changed : variations(subject)) {
      made.parameters = changed;
      usages_.others.push_back(made);
    }
  }

  void run() {
    report_.rule("create", {}, [&] { return create(); });
    report_.rule("info", {"create"}, [&] { return info(); });
    report_.rule("fill", {"info"}, [&] { return fill(); });
    report_.rule("seed", {"fill"}, [&] { return check_seed(usages_); });
    report_.rule("order", {"fill", "seed"}, [&] { return order(); });
    report_.rule("concurrent", {"fill", "seed"}, [&] { return concurrent(); });
    report_.rule("instances", {"fill", "seed"}, [&] { return check_instances(usages_, pristine_); });
    report_.rule("errors", {"fill"}, [&] { return errors(); });
  }

 private:
  Raw made() const { return Raw(subject_, subject_.parameters); }

  std::string create() {
    const std::string refusal = error_text([&] { made(); });
    if (refusal.empty()) return "";
    // Its files may not be at hand, which is no fault of the plugin's.
    if (takes_files(subject_) && subject_.given.empty()) throw NotApplied(refusal + " (--set KEY=VALUE)");
    throw Broken(refusal);
  }

  std::string info() {
    const Raw one = made(), two = made();
    const DatasetInfo &a = one.info(), &b = two.info();
    if (a.shape.size() != 1 && a.shape.size() != 3)
      throw Broken("a sample has the shape " + shape_name(a.shape) +
                   "; expected channels, height and width of pictures, or one number for points");
    if (a.dtype == at::kByte && a.shape.size() != 3)
      throw Broken("uint8 is for pictures, but a sample has the shape " + shape_name(a.shape));
    std::set<std::string> names;
    for (const auto& [name, size] : a.splits) {
      if (name.empty() || !names.insert(name).second)
        throw Broken("a split has the name \"" + name + "\", which is empty or another one's");
      if (size < 1) throw Broken("split \"" + name + "\" has " + std::to_string(size) + " samples");
    }
    if (!names.contains("train")) throw Broken("there is no split \"train\", which trials learn from");
    if (a.version.empty()) throw Broken("it gives no version of the data, which metrics are kept with");
    if (!a.facts.is_object()) throw Broken("its facts are no JSON object: " + a.facts.dump());
    if (a.shape != b.shape || a.dtype != b.dtype || a.classes != b.classes || a.splits != b.splits ||
        a.version != b.version || a.facts != b.facts || a.concurrent != b.concurrent)
      throw Broken("two instances with the same parameters say different things of the data");
    saddle_dataset_info again[2] = {};
    for (saddle_dataset_info& i : again) {
      i.struct_size = sizeof i;
      check_component(one.component().c->as.dataset->info(one.instance(), &i), "info");
    }
    if (again[0].dim != again[1].dim || again[0].classes != again[1].classes ||
        again[0].split_count != again[1].split_count || again[0].dtype != again[1].dtype)
      throw Broken("asked twice, info says different things");
    std::string splits;
    for (const auto& [name, size] : a.splits) splits += ", " + name + " " + std::to_string(size);
    return shape_name(a.shape) + " " + (a.dtype == at::kByte ? "uint8" : "float32") + ", " +
           std::to_string(a.classes) + " classes" + splits;
  }

  std::string fill() {
    const Raw set = made();
    for (uint32_t split = 0; split < set.info().splits.size(); ++split) {
      const int64_t size = set.info().splits[split].second;
      const std::string where = "split " + set.info().splits[split].first + ": ";
      for (const Indices& indices : {Indices{0}, Indices{size - 1}, set.some(split, 64)}) {
        const Samples zeros = set.read(split, indices, 0), ones = set.read(split, indices, 0xff);
        if (zeros.bytes != ones.bytes)
          throw Broken(where + "bytes " + first_difference(zeros.bytes, ones.bytes) + " of " +
                       std::to_string(indices.size()) + " samples are left as they were");
        if (zeros.labels != ones.labels) throw Broken(where + "labels are left as they were");
        for (const int64_t label : zeros.labels)
          if (label < 0 || label >= set.info().classes)
            throw Broken(where + "a label is " + std::to_string(label) + ", there are " +
                         std::to_string(set.info().classes) + " classes");
        if (set.info().dtype == at::kFloat) check_finite(where, zeros.bytes);
        if (set.read(split, indices, 0, false).bytes != zeros.bytes)
          throw Broken(where + "without labels it gives other samples");
      }
      set.read(split, {});
    }
    return "";
  }

  static std::string first_difference(const std::string& a, const std::string& b) {
    const auto at = std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin();
    return "from " + std::to_string(at) + " on";
  }
  static void check_finite(const std::string& where, const std::string& bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    for (const float v : values)
      if (!std::isfinite(v)) throw Broken(where + "a sample holds a number that is not finite");
  }

  // The samples of `indices` in a batch are those that single calls give.
  static void check_batch(const Raw& set, uint32_t split, const Indices& indices, const std::string& how) {
    const Samples together = set.read(split, indices);
    for (size_t i = 0; i < indices.size(); ++i) {
      const Samples alone = set.read(split, {indices[i]});
      if (together.bytes.substr(i * set.sample_bytes(), set.sample_bytes()) != alone.bytes ||
          (!together.labels.empty() && together.labels[i] != alone.labels[0]))
        throw Broken("split " + set.info().splits[split].first + ": sample " + std::to_string(indices[i]) +
                     " asked for " + how + " is another one than alone");
    }
  }

  std::string order() {
    const Raw set = made();
    for (uint32_t split = 0; split < set.info().splits.size(); ++split) {
      Indices indices = set.some(split, 24);
      check_batch(set, split, indices, "in a batch");
      std::reverse(indices.begin(), indices.end());
      check_batch(set, split, indices, "backwards");
      indices.insert(indices.end(), indices.begin(),
                     indices.begin() + static_cast<std::ptrdiff_t>(indices.size() / 2));
      indices.insert(indices.begin(), indices.front());
      check_batch(set, split, indices, "more than once");
    }
    return "";
  }

  std::string concurrent() {
    constexpr size_t kThreads = 4;
    constexpr int kTurns = 200;
    const Raw set = made();
    if (!set.info().concurrent) throw NotApplied("it does not say that it is concurrent");
    // Each thread reads samples of its own, again and again, and all begin at once.
    std::vector<Indices> indices(kThreads);
    const Indices all = set.some(0, 32);
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t t = 0; t < kThreads; ++t)
        if (i % kThreads == t || all.size() < kThreads) indices[t].push_back(all[i]);
    std::vector<Samples> expected;
    for (const Indices& list : indices) expected.push_back(set.read(0, list));
    std::atomic<bool> begin{false};
    std::atomic<int> wrong{0};
    std::vector<std::string> failures(kThreads);
    std::vector<std::thread> threads;
    const Raw fresh = made();  // what it caches is not there yet
    for (size_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        while (!begin) std::this_thread::yield();
        try {
          for (int turn = 0; turn < kTurns && wrong == 0; ++turn)
            if (!(fresh.read(0, indices[t]) == expected[t])) ++wrong;
        } catch (const std::exception& e) {
          failures[t] = e.what();
        }
      });
    begin = true;
    for (std::thread& thread : threads) thread.join();
    for (const std::string& failure : failures)
      if (!failure.empty()) throw Broken("on a thread of several: " + failure);
    if (wrong > 0) throw Broken("read by several threads at once it gives other samples than by one");
    return "";
  }

  std::string errors() {
    const Raw set = made();
    const auto refused = [&](uint32_t split, int64_t index, const std::string& what) {
      const GuardedBuffer to(set.sample_bytes(), 0), to_label(sizeof(int64_t), 0);
      const bool labels = set.info().classes > 0;
      const std::string text = error_text([&] {
        check_component(set.fill_into(split, {index}, to.data(),
                                      labels ? reinterpret_cast<int64_t*>(to_label.data()) : nullptr),
                        "fill");
      });
      if (text.empty()) throw Broken("it reports success for " + what);
    };
    const auto splits = static_cast<uint32_t>(set.info().splits.size());
    const int64_t size = set.info().splits[0].second;
    refused(0, size, "sample " + std::to_string(size) + " of " + std::to_string(size));
    refused(0, -1, "sample -1");
    refused(splits, 0, "split " + std::to_string(splits) + " of " + std::to_string(splits));
    return "";
  }

  const Subject& subject_;
  Report& report_;
  Usages usages_;
  Pristine pristine_;
};

}  // namespace

void check_dataset(const Subject& subject, Report& report) { DatasetCheck(subject, report).run(); }

}  // namespace saddle::worker
