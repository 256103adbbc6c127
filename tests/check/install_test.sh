#!/usr/bin/env bash
# An installed tree works by itself: another folder, an empty environment, moved after it was installed.
# usage: install_test.sh CMAKE BUILD LIBTORCH
set -euo pipefail
cmake=$1 build=$2 libtorch=$(realpath "$3")
scratch=$(realpath "$(mktemp -d)")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home" "$scratch/work"
"$cmake" --install "$build" --prefix "$scratch/first" >"$scratch/install.log" || { cat "$scratch/install.log"; exit 1; }
tree=$scratch/second
mv "$scratch/first" "$tree"

fail() {
  echo "$*" >&2
  exit 1
}
# in_tree COMMAND...: with nothing of the build in its environment, in a folder of its own.
in_tree() {
  (cd "$scratch/work" && env -i HOME="$scratch/home" PATH="$tree/bin:/usr/local/bin:/usr/bin:/bin" OMP_NUM_THREADS=1 \
    ${CMAKE_GENERATOR:+"CMAKE_GENERATOR=$CMAKE_GENERATOR"} "$@")
}
# quietly COMMAND...: in the tree; what it says is shown only if it fails.
quietly() {
  in_tree "$@" >"$scratch/log" 2>&1 || fail "$* failed: $(cat "$scratch/log")"
}

quietly saddle doctor
grep -q "LibTorch .* in $libtorch\$" "$scratch/log" || fail "doctor does not name LibTorch's folder: $(cat "$scratch/log")"
quietly saddle plugins ls
grep -q "$tree/lib/saddle/plugins/loss_hinge.so" "$scratch/log" || fail "the bundled plugins are not found: $(cat "$scratch/log")"
! grep "^broken: " "$scratch/log" || fail "a bundled plugin cannot be used there"

# A loss of one's own, and a grid that uses it.
quietly saddle plugins new loss mine
quietly saddle plugins build mine
[[ -f $scratch/home/.local/share/saddle/plugins/mine.so ]] || fail "mine.so is not where plugins are searched"
quietly saddle plugins check mine
cat >"$scratch/work/grid.json" <<'JSON'
{
  "name": "tiny",
  "dataset": {"use": "gaussians"},
  "models": {"generator": {"use": "mlp", "width": 8}, "discriminator": {"use": "mlp", "width": 8}},
  "losses": [{"use": "mine"}],
  "optimizers": {"generator": {"use": "adam"}, "discriminator": {"use": "adam"}},
  "train": {"rounds": 5, "batch": 16}
}
JSON
quietly saddle run grid.json
count=$(in_tree saddle sql --csv "select count(*) from trials where reason = 'ok'" | tail -n 1)
[[ $count == 1 ]] || fail "the trial did not end well: $(in_tree saddle ls)"

# The folder that `new` wrote is a CMake project that finds the package, with a test.
quietly "$cmake" -S mine -B mine-built
quietly "$cmake" --build mine-built
quietly ctest --test-dir mine-built

# A project of one's own, with a loss on LibTorch's C++ API.
mkdir "$scratch/work/native"
cat >"$scratch/work/native/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(native LANGUAGES CXX)
find_package(SaddlePlugin REQUIRED)
saddle_add_native_plugin(native native.cpp)
CMAKE
cat >"$scratch/work/native/native.cpp" <<'CPP'
#include <saddle/torch.hpp>
using namespace saddle;

torch::Tensor square_of(torch::Tensor logit, double target) { return (logit - target).square().mean(); }

struct Native {
  static Description describe() { return {.name = "native", .doc = "least squares in LibTorch's own words"}; }
  explicit Native(const Builder&) {}
  Terms discriminator(Step& s) const {
    return {{"real", with_torch(square_of, s.real("logit"), 1.0)},
            {"fake", with_torch(square_of, s.fake("logit"), 0.0)}};
  }
};
SADDLE_LOSS(Native)
CPP
quietly "$cmake" -S native -B native-built -DCMAKE_PREFIX_PATH="$tree" -DLIBTORCH="$libtorch"
quietly "$cmake" --build native-built
quietly saddle --plugins native-built plugins check native

# Without the LibTorch that it was built with: one line, nothing remembered; with a link in the tree it works again.
sed -i "s#$libtorch/lib#${libtorch%?}~/lib#g" "$tree/bin/saddle-worker"
! in_tree saddle plugins ls 2>"$scratch/log" || fail "the worker found a LibTorch"
grep -q "saddle-worker cannot start, .*libtorch_cpu.so.*in $tree/lib/libtorch (a link will do)" "$scratch/log" ||
  fail "a missing LibTorch is not told: $(cat "$scratch/log")"
ln -s "$libtorch" "$tree/lib/libtorch"
quietly saddle plugins check mine
