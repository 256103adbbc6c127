#!/bin/sh
# run.sh FUZZER SEEDS DICTIONARY RUNS: new inputs go to a folder that is gone afterwards; one that fails is kept and named.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/corpus"
if ! "$1" -runs="$4" -seed=1 -max_len=4096 -timeout=20 -rss_limit_mb=2048 -dict="$3" -verbosity=0 -print_final_stats=1 \
  -artifact_prefix="$scratch/" "$scratch/corpus" "$2"; then
  for input in "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/oom-* "$scratch"/leak-*; do
    if [ -e "$input" ]; then
      echo "input, in base64:"
      base64 "$input"
    fi
  done
  exit 1
fi
