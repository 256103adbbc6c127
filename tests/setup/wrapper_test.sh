#!/usr/bin/env bash
# The wrapper ./saddle on a project of two one-line programs, with a LibTorch that is two empty files: what it
# rebuilds, what it says, and which exit codes it hands on. usage: wrapper_test.sh CHECKOUT
set -euo pipefail
checkout=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
repo=$work/a\ checkout # a space in the path is a usual trap
mkdir -p "$repo"/{plugin-api,plugins,db,tests,runner/setup,.deps/data/digits}
cp "$checkout/saddle" "$checkout/CMakePresets.json" "$repo/"
cp "$checkout"/runner/setup/* "$repo/runner/setup/"
: >"$repo/runner/setup/packages.txt" # nothing is installed by a test
touch "$repo/.deps/data/digits/digits.csv.gz"
for libtorch in libtorch older; do
  mkdir -p "$work/$libtorch"/{lib,include/torch/csrc/autograd}
  touch "$work/$libtorch"/{lib/libtorch_cpu.so,include/torch/csrc/autograd/autograd.h}
done
export LIBTORCH=$work/libtorch
unset SADDLE_DATA SADDLE_CUDA SADDLE_COMPAT_WORKER

cat >"$repo/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.22)
project(tiny CXX)
set(LIBTORCH "" CACHE PATH "")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
enable_testing()
add_subdirectory(db)
add_subdirectory(runner)
add_subdirectory(plugins)
add_subdirectory(tests)
CMAKE
touch "$repo/db/CMakeLists.txt"
cat >"$repo/runner/CMakeLists.txt" <<'CMAKE'
file(GLOB sources CONFIGURE_DEPENDS *.cpp)
add_executable(saddle ${sources})
add_executable(saddle-worker ../plugins/plugin.cpp)
CMAKE
cat >"$repo/plugins/CMakeLists.txt" <<'CMAKE'
add_library(plugin MODULE plugin.cpp)
set_target_properties(plugin PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/saddle/plugins)
CMAKE
echo 'add_test(NAME counted COMMAND saddle 0)' >"$repo/tests/CMakeLists.txt"
echo 'int main() {}' >"$repo/plugins/plugin.cpp"
# Prints its first argument after `version`, and ends with the second.
program() {
  cat <<CPP
#include <cstdio>
#include <cstdlib>
int main(int argc, char** argv) {
  if (argc > 1) std::printf("$1 %s %s\n", argv[1], std::getenv("SADDLE_DATA"));
  return argc > 2 ? std::atoi(argv[2]) : 0;
}
CPP
}
program one >"$repo/runner/main.cpp"

failures=0
fail() {
  echo "FAILED: $*"
  sed 's/^/    /' "$work/out" "$work/err"
  failures=$((failures + 1))
}
# saddle CODE ARG...: runs the wrapper from another folder; its exit code must be CODE.
saddle() {
  local expected=$1 code=0
  shift
  (cd "$work" && "$repo/saddle" "$@") >"$work/out" 2>"$work/err" || code=$?
  [[ $code == "$expected" ]] || fail "saddle $* ended with $code, not $expected"
}
says() { grep -q -- "$1" "$work/out" || fail "expected on stdout: $1"; }
complains() { grep -q -- "$1" "$work/err" || fail "expected on stderr: $1"; }
# Nothing was built: the wrapper had nothing to say, and ninja was not even asked.
was_idle() { [[ ! -s $work/err && ! $repo/build/build.log -nt $work/mark ]] || fail "$1 was no reason to build"; }

saddle 7 hello 7
says "^one hello $repo/.deps/data\$"
complains "configuring"
[[ $(wc -l <"$work/out") == 1 ]] || fail "the wrapper wrote to stdout"

touch "$work/mark"
saddle 0 again
was_idle "an unchanged checkout"

cp -p "$repo/runner/main.cpp" "$work/old.cpp"
program two >"$repo/runner/main.cpp"
saddle 0 x
says "^two x"

cp -p "$work/old.cpp" "$repo/runner/main.cpp"
saddle 0 x
says "^one x" # put back with its old date

echo 'int unused;' >"$repo/runner/added.cpp"
saddle 0 x
grep -q added.cpp "$repo/build/build.ninja" || fail "an added source was not built"
rm "$repo/runner/added.cpp"
saddle 0 x
! grep -q added.cpp "$repo/build/build.ninja" || fail "a deleted source is still built"

rm "$repo"/build/lib/saddle/plugins/*.so
saddle 0 x
compgen -G "$repo/build/lib/saddle/plugins/*.so" >/dev/null || fail "a deleted plugin was not built again"

touch "$work/mark"
saddle 0 x
was_idle "a build that was just finished"

echo 'int main() { return broken; }' >"$repo/runner/main.cpp"
saddle 3 x
complains "error: .broken. was not declared"
complains "saddle: the build failed"
[[ ! -s $work/out ]] || fail "the old program ran after a failed build"
cp "$work/old.cpp" "$repo/runner/main.cpp"

saddle 0 test
says "100% tests passed"
[[ $(tail -n 1 "$work/out") == "Total Test time (real) ="* ]] || fail "ctest's lines are not the last"
echo 'add_test(NAME fails COMMAND saddle 0 1)' >>"$repo/tests/CMakeLists.txt"
saddle 8 test
says "50% tests passed, 1 tests failed out of 2"
saddle 0 test -R counted
says "100% tests passed"

# What takes long runs only where it is asked for.
echo 'add_test(NAME patient COMMAND saddle 0 CONFIGURATIONS long)' >>"$repo/tests/CMakeLists.txt"
saddle 0 test -R 'counted|patient'
says "out of 1\$"
saddle 0 test -R 'counted|patient' --long
says "out of 2\$"

# A second worker, built with another LibTorch in a folder of its own, only where it is asked for.
echo 'add_test(NAME second COMMAND sh -c "echo worker=$SADDLE_COMPAT_WORKER.")' >>"$repo/tests/CMakeLists.txt"
saddle 0 test -R second -V
says "worker=\.\$"
[[ ! -e $repo/build/compat ]] || fail "a second worker was built that nobody asked for"
OLDER_LIBTORCH=$work/older saddle 0 test -R second --compat -V
says "worker=$repo/build/compat/bin/saddle-worker\.\$"
grep -qxF "LIBTORCH:PATH=$work/older" "$repo/build/compat/CMakeCache.txt" || fail "the second worker has the first LibTorch"
[[ -x $repo/build/compat/bin/saddle-worker && ! -e $repo/build/compat/bin/saddle ]] || fail "not the worker alone was built"
OLDER_LIBTORCH=$work/nowhere saddle 3 test --compat
complains "no LibTorch in OLDER_LIBTORCH=$work/nowhere"

# Weights of feature extractors: what is not known, and what the user has to have.
saddle 2 fetch resnet
complains "expected efficientnet_lite0, inception_v3, lpips_vgg or vgg16, found 'resnet'"
saddle 2 fetch inception_v3
complains "name the file that you have"
echo text >"$work/weights.pth"
saddle 2 fetch vgg16 "$work/weights.pth"
complains "weights.pth was not converted"
[[ ! -e $repo/.deps/data/extractors/vgg16.safetensors ]] || fail "a broken file became weights"

# Two at once after a change: both end well, one of them having built.
program three >"$repo/runner/main.cpp"
"$repo/saddle" x >"$work/first" 2>&1 &
saddle 0 x
wait $! || fail "the other wrapper failed"
says "^three x"
grep -q "^three x" "$work/first" || fail "the other wrapper ran an old program: $(cat "$work/first")"

LIBTORCH=$work/nowhere saddle 3 x
complains "no LibTorch in LIBTORCH=$work/nowhere"

((failures == 0)) && echo "all as expected"
