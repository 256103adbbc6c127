#!/bin/sh
# The components that a README prints whole, built and checked as a reader would: readme_plugins.sh SADDLE FILE
# (Those on LibTorch's C++ API: native_readme.sh.)
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME="$scratch/cache" XDG_DATA_HOME="$scratch/data"
awk -v folder="$scratch" '
  /^```cpp$/ { inside = 1; text = ""; next }
  /^```$/ {
    if (inside && text ~ /SADDLE_[A-Z]+\(/ && text !~ /saddle\/torch.hpp/) printf "%s", text > (folder "/example" ++count ".cpp")
    inside = 0
  }
  inside { text = text $0 "\n" }' "$2"
ls "$scratch"/*.cpp > /dev/null # at least one
for file in "$scratch"/*.cpp; do
  "$1" plugins build "$file"
  "$1" plugins check "$scratch/data/saddle/plugins/$(basename "$file" .cpp).so"
done
