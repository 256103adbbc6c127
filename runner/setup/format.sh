#!/usr/bin/env bash
# clang-format over every source file; with --check nothing is written and a difference is an error.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."
source runner/setup/sources.sh
mode=(-i)
case ${1:-} in
  "") ;;
  --check) mode=(--dry-run --Werror) ;;
  *) echo "usage: ./saddle format [--check]" >&2; exit 2 ;;
esac
formatter=$(command -v clang-format-14) || { echo "saddle: no clang-format-14" >&2; exit 3; }
if ! list_sources '*.cpp' '*.hpp' '*.h' '*.c' '*.cu' '*.cuh' | xargs -r -d '\n' -P "$(nproc)" -n 20 "$formatter" "${mode[@]}"; then
  echo "saddle: not formatted as .clang-format says. ./saddle format mends it" >&2
  exit 1
fi
