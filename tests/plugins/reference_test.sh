#!/usr/bin/env bash
# The component reference that README links to is what the bundled plugins say today.
# usage: reference_test.sh SADDLE COMMITTED
set -euo pipefail
saddle=$1 committed=$2
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
env -u SADDLE_PLUGIN_PATH HOME="$home" XDG_DATA_HOME="$home" XDG_CACHE_HOME="$home" \
  "$saddle" plugins ls --markdown >"$home/page.md"
if ! diff -u "$committed" "$home/page.md"; then
  echo "$committed is stale. Write it anew: ./saddle plugins ls --markdown >plugins/COMPONENTS.md"
  exit 1
fi
