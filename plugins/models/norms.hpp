// Batch norm or virtual batch norm, as an option of several models.
#pragma once
#include <saddle/nn.hpp>

#pragma GCC visibility push(hidden)
namespace saddle {

inline Param virtual_batch_norm_param() {
  return param("virtual_batch_norm", false)
      .doc(
          "in place of batch norm: virtual batch norm (Salimans et al. 2016, section 3.5), whose statistics "
          "are "
          "those of a reference batch, drawn before the first round and kept in the checkpoint, and of the "
          "sample itself. Each pass costs as much as one of two batches");
}

// The reference batch of a network, if it has one.
class Reference {
 public:
  // `shape`: of one sample of the network's input.
  Reference(const Builder& b, const std::vector<int64_t>& shape) {
    if (b.get<bool>("virtual_batch_norm")) batch_.emplace(b, "reference", shape);
  }
  const nn::ReferenceBatch* batch() const { return batch_ ? &*batch_ : nullptr; }
  Tensor with(const Call& call, const Tensor& x) const { return batch_ ? batch_->with(call, x) : x; }
  Tensor without(const Tensor& y) const { return batch_ ? batch_->without(y) : y; }

 private:
  std::optional<nn::ReferenceBatch> batch_;
};

// After a layer: virtual batch norm where there is a reference batch, batch norm where `batch_norm` asks for
// it.
class BatchNormOption {
 public:
  BatchNormOption(const Builder& b, const std::string& name, int64_t features, const Reference& reference,
                  const nn::BatchNormOptions& o = {}) {
    if (reference.batch())
      virtual_.emplace(b, name, features, *reference.batch(), o);
    else if (b.get<bool>("batch_norm"))
      plain_.emplace(b, name, features, o);
  }
  Tensor operator()(const Call& call, const Tensor& x) const {
    if (virtual_) return (*virtual_)(call, x);
    return plain_ ? (*plain_)(call, x) : x;
  }

 private:
  std::optional<nn::BatchNorm> plain_;
  std::optional<nn::VirtualBatchNorm> virtual_;
};

}  // namespace saddle
#pragma GCC visibility pop
