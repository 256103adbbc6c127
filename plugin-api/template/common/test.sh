#!/bin/sh
# Builds the plugin aside, checks it by the rules of the ABI, and compares numbers with what is known of them.
set -eu
cd "$(dirname "$0")"
saddle=${SADDLE:-"@SADDLE@"}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$saddle" plugins build . --out "$folder"
"$saddle" plugins check "$folder/template_name.so"

# expect LINE COMMAND...: the answer of `saddle COMMAND` has this line.
expect() {
  line=$1
  shift
  "$saddle" --plugins "$folder" "$@" >"$folder/answer"
  grep -qxF -- "$line" "$folder/answer" || {
    echo "expected the line: $line" >&2
    echo "saddle $* answered:" >&2
    cat "$folder/answer" >&2
    exit 1
  }
}

@EXPECTATIONS@