# shellcheck shell=bash
# C++ files of the project, one a line; sourced by format.sh and lint.sh, which run in the repository's root.
# What git tracks or would track; in a tree without git, what lies in the rooms.
list_sources() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [[ ! -e $file ]] || echo "$file"; done
  else
    local patterns=() pattern
    for pattern in "$@"; do patterns+=(-o -name "$pattern"); done
    find db plugin-api plugins runner tests -type f \( "${patterns[@]:1}" \)
  fi
}
