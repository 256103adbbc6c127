#pragma once
#include <ATen/ATen.h>

#include <string>

#include <common/error.hpp>

// What components hand back, held against what it should be. Each throws saddle::Error (BadResult for
// tensors) that names the component, the result, what it is and what was expected.
namespace saddle::worker {

struct BadResult : Error {
  using Error::Error;
};

// "float32 [8, 3] on cpu": for messages.
std::string tensor_text(const at::Tensor& t);

// An output of a model in a batch of `n`. `like`: the type of the model's inputs and weights, or undefined
// where they have none; a reduced type is right as well, since autocast makes those. Integers may be outputs
// (class numbers, codes), but not a picture, a logit or features.
void check_output(const std::string& who, const std::string& name, const at::Tensor& t, int64_t n,
                  at::ScalarType like, at::Device device);

// What a transform made of `given`.
void check_same_kind(const std::string& who, const std::string& name, const at::Tensor& t,
                     const at::Tensor& given);

// A term of a loss.
void check_term(const std::string& who, const std::string& name, const at::Tensor& t, at::Device device);

// Samples and labels of a data set.
void check_labels(const std::string& who, const at::Tensor& labels, int64_t classes);

}  // namespace saddle::worker
