#!/usr/bin/env bash
# An installed tree works by itself: another folder, an empty environment, moved afterwards.
# usage: install_test.sh CMAKE BUILD
set -euo pipefail
cmake=$1 build=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home" "$scratch/work"
"$cmake" --install "$build" --prefix "$scratch/first" >"$scratch/install.log" || { cat "$scratch/install.log"; exit 1; }

# in_tree PREFIX COMMAND...: with nothing of the build in its environment, in a folder of its own.
in_tree() {
  local prefix=$1
  shift
  (cd "$scratch/work" && env -i HOME="$scratch/home" PATH="$prefix/bin:/usr/local/bin:/usr/bin:/bin" OMP_NUM_THREADS=1 "$@")
}
fail() {
  echo "$*" >&2
  exit 1
}

try() {
  local prefix=$1
  in_tree "$prefix" saddle plugins ls >"$scratch/ls"
  grep -q "$prefix/lib/saddle/plugins/loss_hinge.so" "$scratch/ls" || fail "the bundled plugins are not found: $(cat "$scratch/ls")"
  ! grep "^broken: " "$scratch/ls" || fail "a bundled plugin cannot be used there"
  rm -rf "$scratch/work/mine" "$scratch/home/.local"
  in_tree "$prefix" saddle plugins new loss mine
  in_tree "$prefix" saddle plugins build mine
  [[ -f $scratch/home/.local/share/saddle/plugins/mine.so ]] || fail "mine.so is not where plugins are searched"
  in_tree "$prefix" saddle plugins check mine
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
  rm -rf "$scratch"/work/saddle.db* "$scratch/work/saddle.runs"
  in_tree "$prefix" saddle run grid.json
  local count
  count=$(in_tree "$prefix" saddle sql --csv "select count(*) from trials where reason = 'ok'" | tail -n 1)
  [[ $count == 1 ]] || fail "the trial did not end well: $(in_tree "$prefix" saddle ls)"
}

try "$scratch/first"

# A project of its own that finds the package: the folder that `new` wrote, built by CMake, with its test.
in_tree "$scratch/first" "$cmake" -S mine -B project -DCMAKE_PREFIX_PATH="$scratch/first" >"$scratch/cmake.log" 2>&1 ||
  { cat "$scratch/cmake.log"; exit 1; }
in_tree "$scratch/first" "$cmake" --build project >>"$scratch/cmake.log" 2>&1 || { cat "$scratch/cmake.log"; exit 1; }
in_tree "$scratch/first" ctest --test-dir project --output-on-failure

# Elsewhere it still works. LibTorch is not part of the tree: the worker's run path names its place.
mv "$scratch/first" "$scratch/second"
try "$scratch/second"
