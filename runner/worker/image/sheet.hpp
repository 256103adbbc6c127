#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include <image/png.hpp>

// Samples as one picture to look at: uint8 [height, width, channels], for write_png.
namespace saddle::worker {

// Pictures in [-1, 1], as networks see them, to bytes: floor((x + 1) * 127.5 + 0.5),
// clamped; what is no number becomes grey. The shape stays.
at::Tensor to_uint8(const at::Tensor& pictures);

// A grid of pictures, uint8 [n, channels, height, width], row by row, with gaps
// of 2 pixels. Those with a side below 32 are enlarged by a whole factor. Unless
// there is 1 channel or 3, each channel is a grey picture beside the last.
// columns 0: as square as can be.
at::Tensor sheet(const at::Tensor& pictures, int64_t columns = 0);

// The first `columns` pictures of each of several sheets, all of `side` columns and as many rows: a row for
// each. Throws Error when they are not such sheets.
at::Tensor first_rows(const std::vector<at::Tensor>& sheets, int64_t side, int64_t columns);

// Points [n, d] by their first two coordinates (d = 1: against their number),
// over the real ones in grey when given, which then also set the range.
at::Tensor scatter(const at::Tensor& points, const at::Tensor& real = {});

// The same of [n, 2], with an arrow on each point along its direction, also [n, 2]: the longest an eighth of
// the picture, the others in proportion. The range takes in all points.
at::Tensor arrows(const at::Tensor& points, const at::Tensor& directions, const at::Tensor& real = {});

// Samples of a trial, whichever they are: float [n, channels, height, width] in
// [-1, 1] makes a sheet, float [n, d] a scatter plot.
at::Tensor picture_of(const at::Tensor& samples, int64_t columns = 0, const at::Tensor& real = {});

}  // namespace saddle::worker
