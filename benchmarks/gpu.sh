#!/usr/bin/env bash
# One GPU's figures in one go, on a machine that has CUDA, Python 3.12, torch and transformers, and no network.
#
#   bash benchmarks/gpu.sh --pack [PAIRS]   where there is a network: a folder output/gpu of at most 64 MiB with this code,
#                                           the weights it asks for, wheels, and latents of jobs.prepare's PAIRS
#   bash benchmarks/gpu.sh [OPTIONS]        there, in that folder, or here: benchmarks/gpu.py, whose options these are
set -euo pipefail
cd "$(dirname "$0")/.."
PACK=output/gpu
MOST=$((64 * 1024 * 1024))
PACKAGES=(diffusers importlib-metadata zipp ftfy wcwidth pydantic pydantic-core annotated-types typing-inspection
  ultralytics ultralytics-thop cache-dit torchao)
EMBEDDED=(generator coco_ssd.onnx witness.safetensors)

pack() {
  rm -rf "$PACK"
  mkdir -p "$PACK/wheels"
  for package in "${PACKAGES[@]}"; do # its line and its hashes, as they are locked
    sed -n "/^$package==/,/[^\\\\]\$/p" requirements.txt requirements-gpu.txt
  done >"$PACK/wheels/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 --dest "$PACK/wheels" --requirement "$PACK/wheels/requirements.txt"
  # What is tracked, as it lies here.
  (git ls-files -- '*.py' benchmarks operators cluster/profiles cluster/recipes cluster/weights.lock
    for name in "${EMBEDDED[@]}"; do git ls-files -- "cluster/weights/embedded/$name"; done) | sort -u |
    grep -v '^tests/' | tar --create --files-from - | tar --extract --directory "$PACK"
  if [ $# -gt 0 ]; then python3 -m benchmarks.gpu --carry "$1" --latents "$PACK/latents.npz"; fi
  size=$(du --bytes --summarize "$PACK" | cut --fields 1)
  echo "$PACK: $((size / 1024 / 1024)) MiB"
  [ "$size" -le "$MOST" ] || { echo "error: $PACK is larger than $((MOST / 1024 / 1024)) MiB. Carry fewer pairs" >&2; exit 2; }
}

if [ "${1:-}" = --pack ]; then
  shift
  pack "$@"
  exit
fi
if compgen -G "wheels/*.whl" >/dev/null; then
  site=$(mktemp --directory)
  trap 'rm -rf "$site"' EXIT
  python3 -m pip install --quiet --disable-pip-version-check --no-index --no-deps --target "$site" wheels/*.whl
  export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
  for package in torchao cache_dit; do # diffusers and peft import what they find: what this torch does not suit goes
    python3 -c "import $package, diffusers, peft" >/dev/null 2>&1 || rm -rf "${site:?}/$package" "$site/$package"-*.dist-info
  done
fi
export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1
python3 -m benchmarks.gpu "$@"
