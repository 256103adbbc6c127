#pragma once
#include <map>
#include <string>
#include <vector>

#include <commands/one_shot.hpp>
#include <game/sampling.hpp>

namespace saddle::worker {

// What `saddle sample` asked for, as pictures in rows.
struct Page {
  Batch batch;                               // on the CPU
  int64_t columns = 0;                       // 0: a square
  std::map<std::string, at::Tensor> beside;  // more to write beside image and label
  std::string remark;                        // for the user: ", truncation 0.5"
};

// Draws as the request says; throws Error for what does not fit the trial.
Page make_page(const Request& request, const Trial& trial, Game& game);

// Writes it as PNG, NPZ, safetensors, or a folder of PNGs, by `out`.
void write_page(const std::filesystem::path& out, const Page& page, Game& game);

// The sheets that a trial left over its rounds, joined: "sheets" [{"step", "path"}], "side", "columns",
// "out".
void join_sheets(const Request& request);

}  // namespace saddle::worker
