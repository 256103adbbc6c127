# shellcheck shell=bash
# Configure and build, saying little. Sourced by ./saddle, which defines repo, build, libtorch, configuration, say and die.

# As many compilers as cores, but no more than fit: a file that includes LibTorch takes about 2 GB.
build_jobs() {
  local cores memory_gb
  cores=$(nproc)
  memory_gb=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  local fitting=$((memory_gb / 2))
  ((fitting >= 1)) || fitting=1
  echo $((cores < fitting ? cores : fitting))
}

# configure FOLDER LIBTORCH CMAKE_ARGUMENT...: only when there is no build folder yet, another LibTorch is wanted, or
# packages were installed (CMake looks for compilers only once); ninja redoes it when needed.
configure() {
  local folder=$1 wanted=$2
  shift 2
  if [[ -f $folder/build.ninja ]] && grep -qxF "LIBTORCH:PATH=$wanted" "$folder/CMakeCache.txt" &&
    [[ ! /var/lib/dpkg/status -nt $folder/build.ninja ]]; then return; fi
  say "configuring"
  (cd "$repo" && cmake "$@" "-DLIBTORCH=$wanted") >"$build/configure.log" 2>&1 || {
    cat "$build/configure.log" >&2
    die "CMake could not configure the build (above)"
  }
}

# Reads ninja's output: steps become one line that is overwritten (on a terminal) or one line in 30 s;
# of all else, what a compiler said is passed on, the command lines and CMake's own chatter are not.
show_progress() {
  local line step=0 said=-30 skip=
  while IFS= read -r line; do
    if [[ $line =~ ^@[0-9/]+\ Re- ]]; then
      continue  # CMake looks whether the list of sources changed
    elif [[ $line =~ ^@([0-9]+)/([0-9]+)\ (.*) ]]; then
      step=${BASH_REMATCH[1]}
      if [[ -t 2 ]]; then
        printf '\r\e[K  building %s/%s  %s' "$step" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]##*/}" >&2
      elif ((SECONDS - said >= 30)); then
        say "building $step/${BASH_REMATCH[2]}"
        said=$SECONDS
      fi
    elif [[ -n $skip ]]; then
      skip=
    elif [[ $line != "-- "* && $line != "ninja: "* ]]; then
      [[ $line != "FAILED: "* ]] || skip=1
      [[ ! -t 2 ]] || printf '\r\e[K' >&2
      printf '%s\n' "$line" >&2
    fi
  done
  [[ ! -t 2 ]] || printf '\r\e[K' >&2
}

# Ninja goes by modification times, so a file that was put back with an old one looks unchanged to it: give such
# a file, changed since the last build, the present time.
date_restored_files() {
  local stamp
  for stamp in "$build"/.built-{program,all}; do
    [[ -f $stamp ]] || continue
    find "$repo"/{CMakeLists.txt,plugin-api,plugins,runner,db,tests} -type f -newercm "$stamp" ! -newermm "$stamp" \
      -exec touch {} +
  done
}

# run_ninja FOLDER TARGET...
run_ninja() {
  if ! NINJA_STATUS='@%f/%t ' ninja -C "$1" -j "$(build_jobs)" "${@:2}" 2>&1 9>&- |
    tee "$build/build.log" | show_progress; then
    die "the build failed (above; whole output: $build/build.log)"
  fi
}

# build_target program|all. The stamp is as old as the start of the build: what changes meanwhile is newer.
build_target() {
  local stamp=$build/.built-$1 targets=(all)
  [[ $1 == all ]] || targets=(db/all runner/all plugins/all)
  configure "$build" "$libtorch" --preset release
  date_restored_files
  echo "$configuration" >"$stamp-start"
  run_ninja "$build" "${targets[@]}"
  touch "$stamp-end"
  mv "$stamp-start" "$stamp"
}

# The same worker against the older LibTorch, and nothing else. After build_target, which dated restored files.
build_older_worker() {
  configure "$build/compat" "$older_libtorch" --preset release -B "$build/compat" -DSADDLE_TESTS=OFF
  [[ -e $build/compat/bin/saddle-worker ]] || say "building a second worker with ${older_libtorch#"$repo"/}"
  run_ninja "$build/compat" saddle-worker
}
