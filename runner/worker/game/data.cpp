#include <game/data.hpp>

#include <bridge/host.hpp>
#include <common/error.hpp>
#include <train/random.hpp>

namespace saddle::worker {
at::Tensor to_float(const at::Tensor& samples) {
  return samples.scalar_type() == at::kByte ? samples.to(at::kFloat).div_(127.5).sub_(1)
                                            : samples.to(at::kFloat);
}

DataSource::DataSource(const Dataset& dataset, int64_t batch, uint64_t trial_seed, int64_t keep_bytes,
                       Select select)
    : dataset_(dataset),
      split_(dataset.split("train")),
      all_(dataset.info().splits[split_].second),
      size_(all_),
      batch_(batch),
      select_(std::move(select)),
      generator_(train::make_generator(trial_seed, "data")) {
  if (size_ < batch_)
    throw Error("the training split has " + std::to_string(size_) + " samples, fewer than a batch of " +
                std::to_string(batch_));
  int64_t bytes = size_ * static_cast<int64_t>(c10::elementSize(dataset.info().dtype));
  for (const int64_t s : dataset.info().shape) bytes *= s;
  if (bytes <= keep_bytes) {
    const at::Tensor all = at::arange(size_, at::kLong);
    std::tie(samples_, labels_) = dataset.read(split_, {all.data_ptr<int64_t>(), static_cast<size_t>(size_)});
    samples_ = samples_.to(trial_device());
    if (labels_.defined()) labels_ = labels_.to(trial_device());
  }
  if (!select_) shuffle();
}

void DataSource::prepare() {
  if (!select_) return;
  selected_ = select_();
  select_ = {};
  size_ = selected_.numel();
  if (size_ < batch_)
    throw Error("dataset.select leaves " + std::to_string(size_) + " of " + std::to_string(all_) +
                " samples, fewer than a batch of " + std::to_string(batch_));
  shuffle();
}

const at::Tensor& DataSource::selected() {
  prepare();
  return selected_;
}

at::Tensor DataSource::in_split(const at::Tensor& places) const {
  return selected_.defined() ? selected_.index_select(0, places) : places;
}

void DataSource::shuffle() {
  ahead_position_ = -1;
  order_ = at::randperm(size_, generator_, at::TensorOptions().dtype(at::kLong));
  position_ = 0;
}

DataSource::Raw DataSource::read_raw(const at::Tensor& indices) const {
  return dataset_.read(split_, {indices.data_ptr<int64_t>(), static_cast<size_t>(indices.numel())});
}

namespace {
Batch on_device(const std::pair<at::Tensor, at::Tensor>& raw) {
  return {to_float(raw.first.to(trial_device())),
          raw.second.defined() ? raw.second.to(trial_device()) : at::Tensor()};
}
}  // namespace

Batch DataSource::read(const at::Tensor& indices) const {
  if (!samples_.defined()) return on_device(read_raw(indices));
  const at::Tensor places = indices.to(trial_device());
  return {to_float(samples_.index_select(0, places)),
          labels_.defined() ? labels_.index_select(0, places) : at::Tensor()};
}

Batch DataSource::next() {
  prepare();
  if (position_ + batch_ > size_) shuffle();
  const int64_t here = position_;
  position_ += batch_;
  if (samples_.defined() || !info().concurrent) return read(in_split(order_.narrow(0, here, batch_)));

  Raw raw = ahead_.valid() && ahead_position_ == here ? ahead_.get()
                                                      : read_raw(in_split(order_.narrow(0, here, batch_)));
  if (position_ + batch_ <= size_) {
    ahead_position_ = position_;
    ahead_ = std::async(std::launch::async, [this, indices = in_split(order_.narrow(0, position_, batch_))] {
      return read_raw(indices);
    });
  }
  return on_device(raw);
}

namespace {
at::Tensor spread(int64_t count, int64_t size) {
  count = std::min(count, size);
  return at::arange(count, at::kLong).mul_(size).div_(count, "floor");
}
}  // namespace

Batch DataSource::draw(int64_t count, at::Generator generator) {
  prepare();
  return read(
      in_split(at::randint(size_, {count}, std::move(generator), at::TensorOptions().dtype(at::kLong))));
}

Batch DataSource::take(int64_t count) const { return read(spread(count, all_)); }

Batch DataSource::take_selected(int64_t count) {
  prepare();
  return read(in_split(spread(count, size_)));
}

Batch DataSource::take_from(const std::string& split, int64_t count) const {
  const auto& splits = dataset_.info().splits;
  for (uint32_t i = 0; i < splits.size(); ++i)
    if (splits[i].first == split && splits[i].second > 0) {
      const at::Tensor places = spread(count, splits[i].second);
      return on_device(dataset_.read(i, {places.data_ptr<int64_t>(), static_cast<size_t>(places.numel())}));
    }
  return {};
}

std::map<std::string, at::Tensor> DataSource::state() {
  prepare();
  return {{"order", order_},
          {"position", at::scalar_tensor(position_, at::kLong)},
          {"generator", train::generator_state(generator_)}};
}

void DataSource::load_state(const std::map<std::string, at::Tensor>& state) {
  prepare();
  ahead_position_ = -1;
  order_ = state.at("order").clone();
  if (order_.numel() != size_) throw Error("the checkpoint was made with another number of training samples");
  position_ = state.at("position").item<int64_t>();
  train::set_generator_state(generator_, state.at("generator"));
}

}  // namespace saddle::worker
