#!/bin/sh
# Compiles every C++ block of a Markdown file by itself: document_examples.sh COMPILER INCLUDE_FOLDER FILE
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
awk -v folder="$folder" '
  /^```cpp$/ { inside = 1; file = sprintf("%s/%02d_line_%d.cpp", folder, ++count, NR + 1); next }
  /^```$/ { inside = 0 }
  inside { print > file }' "$3"
ls "$folder"/*.cpp > /dev/null # at least one
for file in "$folder"/*.cpp; do
  if grep -q '<saddle/torch.hpp>' "$file"; then continue; fi # native_readme.sh builds those
  "$1" -std=c++20 -fvisibility=hidden -Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers -fsyntax-only -I"$2" "$file"
done
