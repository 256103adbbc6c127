#!/usr/bin/env bash
# clang-tidy over the C++ files that differ from the upstream branch (or, without one, from the last commit);
# --all: over all. Files that include LibTorch take about a minute each.
set -euo pipefail
called_from=$PWD
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."
source runner/setup/sources.sh
tidy=$(command -v clang-tidy-14) || { echo "saddle: no clang-tidy-14" >&2; exit 3; }
case ${1:-} in
  "")
    base=$(git merge-base HEAD '@{upstream}' 2>/dev/null || git rev-parse HEAD)
    mapfile -t files < <({ git diff --name-only --diff-filter=d "$base" -- '*.cpp'
      git ls-files --others --exclude-standard -- '*.cpp'; } | sort -u)
    ;;
  --all) mapfile -t files < <(list_sources '*.cpp') ;;
  -*) echo "usage: ./saddle lint [--all | FILE...]" >&2; exit 2 ;;
  *) mapfile -t files < <(cd "$called_from" && realpath --relative-to="$OLDPWD" -- "$@") ;;
esac
# A file that no target compiles (an example, a broken fixture) has no flags to check it with.
checked=()
for file in "${files[@]}"; do
  if grep -qF "$PWD/$file\"" build/compile_commands.json; then checked+=("$file"); fi
done
echo "saddle: clang-tidy on ${#checked[@]} files" >&2
((${#checked[@]})) || exit 0
printf '%s\0' "${checked[@]}" | xargs -0 -P "$(nproc)" -n 1 "$tidy" -p build --quiet --warnings-as-errors='*'
