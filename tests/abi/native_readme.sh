#!/bin/sh
# usage: native_readme.sh SADDLE README LIBTORCH
# The example of the native tier, as README.md prints it: built by `saddle plugins build`, checked, and not built where
# there is no LibTorch.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache XDG_DATA_HOME=$scratch/data
awk '/^```/ {if (keep) exit; inside = !inside; first = 1; text = ""; next}
     inside && first {first = 0; keep = /saddle\/torch.hpp/}
     inside && keep {print}' "$2" > "$scratch/mine.cpp"
grep -q 'SADDLE_LOSS(MyLoss)' "$scratch/mine.cpp" || { echo "README.md has no native example"; exit 1; }

if said=$(LIBTORCH=$scratch/absent "$1" plugins build "$scratch/mine.cpp" 2>&1); then
  echo "it was built without LibTorch"
  exit 1
fi
echo "$said" | grep -q "needs LibTorch's headers, and there are none in $scratch/absent/include" || { echo "$said"; exit 1; }

LIBTORCH=$3 "$1" plugins build "$scratch/mine.cpp"
"$1" plugins check mine my_loss --fact 'sample_shape=[2]'
