# shellcheck shell=bash
# What Saddle needs from outside, fetched once. Sourced by ./saddle, which defines repo, deps, libtorch, say and die.

torch_version=2.11.0
older_torch_version=2.8.0
digits_wheel=scikit-learn==1.7.2
digits_sha256=09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22

# need_packages VERB: installs the Debian packages that packages.txt lists for it.
need_packages() {
  local name verb missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then return; fi
  local installed
  installed=$(dpkg-query -W -f '${Status} ${Package}\n' | sed -n 's/^install ok installed //p')
  while read -r name verb; do
    [[ $verb == "$1" && $'\n'$installed$'\n' != *$'\n'$name$'\n'* ]] || continue
    missing+=("$name")
  done <"$repo/runner/setup/packages.txt"
  [[ $1 != build ]] || find_pip >/dev/null || missing+=(python3-pip)
  if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
}

install_packages() {
  local root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "missing packages and neither root nor sudo; ask for: apt-get install $*"
    root=(sudo)
  fi
  say "installing Debian packages: $*"
  mkdir -p "$deps"
  local log=$deps/apt.log
  # SYSTEMD_OFFLINE: services among them (Slurm's, for its test) are not started.
  if ! { "${root[@]}" apt-get update -q && "${root[@]}" env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 \
    apt-get install -q -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    die "apt-get could not install these packages; the whole output is in $log"
  fi
}

# Any Python 3 with pip will do: it only downloads and unpacks.
find_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      echo "$python"
      return
    fi
  done
  return 1
}

# download FOLDER [--with-dependencies] REQUIREMENT...: wheels for this machine and CPython 3.11, whatever runs pip.
download() {
  local folder=$1 python machine platform arguments=(--no-deps)
  shift
  if [[ $1 == --with-dependencies ]]; then
    arguments=()
    shift
  fi
  machine=$(uname -m)
  # pip takes none of the older tags for granted.
  for platform in manylinux_2_{28..17} manylinux2014; do
    arguments+=(--platform "${platform}_$machine")
  done
  python=$(find_pip) || die "no python3 with pip: install python3-pip"
  # pip unpacks into TMPDIR, and /tmp may be too small for half a gigabyte.
  TMPDIR=$folder "$python" -m pip download -q --no-cache-dir --disable-pip-version-check --only-binary=:all: \
    --implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none \
    "${arguments[@]}" --dest "$folder" "$@" >&2 || die "pip could not download: $*"
}

# A folder for one download, gone when the wrapper ends; what a killed one left goes with it.
scratch_folder() {
  rm -rf "$deps"/tmp.*
  scratch=$(mktemp -d "$deps/tmp.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
}

drop_scratch_folder() {
  rm -rf "$scratch"
  trap - EXIT
}

wants_cuda() {
  if [[ -n ${SADDLE_CUDA:-} ]]; then [[ $SADDLE_CUDA != 0 ]]; else [[ -e /dev/nvidiactl ]]; fi
}

# has_libtorch FOLDER
has_libtorch() {
  [[ -e $1/lib/libtorch_cpu.so && -e $1/include/torch/csrc/autograd/autograd.h ]]
}

# own_libtorch VARIABLE: true when it names a folder, which must then be a LibTorch.
own_libtorch() {
  [[ -n ${!1:-} ]] || return 1
  has_libtorch "${!1}" || die "no LibTorch in $1=${!1}: looked for lib/libtorch_cpu.so and include/torch/"
}

# fetch_libtorch VERSION FOLDER CUDA REQUIREMENT...: the C++ part of the PyPI wheel `torch`, with the CUDA run-time
# libraries (REQUIREMENTs) that even libtorch_cpu.so is linked to. CUDA=1: also libtorch_cuda.so and the libraries
# that it names (about 2 GB).
fetch_libtorch() {
  local version=$1 folder=$2 cuda=$3
  shift 3
  local gigabytes=0.5
  [[ $version != "$older_torch_version" ]] || gigabytes=0.9
  [[ -z $cuda ]] || gigabytes=2.5
  scratch_folder
  say "downloading LibTorch $version ($gigabytes GB, once; into ${folder#"$repo"/})"
  download "$scratch" "torch==$version" "$@"
  if [[ -n $cuda ]]; then
    mkdir "$scratch/cuda"
    local requirements
    mapfile -t requirements < <("$(find_pip)" "$repo/runner/setup/unpack.py" cuda-requirements "$scratch"/torch-*.whl)
    download "$scratch/cuda" --with-dependencies "${requirements[@]}"
  fi
  "$(find_pip)" "$repo/runner/setup/unpack.py" libtorch "$scratch" "$scratch/libtorch" ${cuda:+--cuda}
  if [[ -e $folder ]]; then mv "$folder" "$scratch/old"; fi
  mv "$scratch/libtorch" "$folder"
  drop_scratch_folder
}

need_libtorch() {
  if own_libtorch LIBTORCH; then return; fi
  local cuda=
  if wants_cuda; then cuda=1; fi
  if has_libtorch "$libtorch" && { [[ -z $cuda ]] || [[ -e $libtorch/lib/libcudnn.so.9 ]]; }; then return; fi
  fetch_libtorch "$torch_version" "$libtorch" "$cuda" 'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
}

# The LibTorch of the second worker, for tests.
need_older_libtorch() {
  if own_libtorch OLDER_LIBTORCH || has_libtorch "$older_libtorch"; then return; fi
  fetch_libtorch "$older_torch_version" "$older_libtorch" "" 'nvidia-cuda-runtime-cu12==12.8.*' 'nvidia-cuda-cupti-cu12==12.8.*'
}

# The handwritten digits of UCI, as scikit-learn ships them. Everything else works without: a failure is a warning.
need_digits() {
  local file=$deps/data/digits/digits.csv.gz
  if [[ -e $file ]]; then return; fi
  say "downloading the digits data set (once; into ${file#"$repo"/})"
  scratch_folder
  if (download "$scratch" "$digits_wheel" &&
    "$(find_pip)" "$repo/runner/setup/unpack.py" member "$scratch"/scikit_learn-*.whl \
      sklearn/datasets/data/digits.csv.gz "$scratch/digits.csv.gz" &&
    echo "$digits_sha256  $scratch/digits.csv.gz" | sha256sum --quiet --check - >&2); then
    mkdir -p "${file%/*}"
    mv "$scratch/digits.csv.gz" "$file"
  else
    say "warning: no digits data set. ./saddle build tries again"
  fi
  drop_scratch_folder
}

# Python's torch, for the comparison in ./saddle bench alone: a folder for PYTHONPATH, made again when its list changes.
need_bench_python() {
  local folder=$deps/bench-python wanted=$repo/tests/bench/requirements.txt
  if cmp -s "$wanted" "$folder/requirements.txt"; then return; fi
  say "downloading Python's torch $torch_version for the comparison (2 GB, once; into ${folder#"$repo"/})"
  scratch_folder
  TMPDIR=$scratch "$(find_pip)" -m pip install -q --no-cache-dir --disable-pip-version-check --no-deps \
    --target "$scratch/python" -r "$wanted" >&2 || die "pip could not install what tests/bench/requirements.txt lists"
  cp "$wanted" "$scratch/python/requirements.txt"
  rm -rf "$folder"
  mv "$scratch/python" "$folder"
  drop_scratch_folder
}
