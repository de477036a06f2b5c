#!/usr/bin/env bash
# Compares facet with transformers on a card: a full-width slice of the 12B, synthetic weights, logits of text,
# images and sound (docs/testing.md). Needs a card, a build of the preset cuda, and python3 with PyTorch,
# safetensors and transformers 5.17.
#
# Usage: scripts/compare-transformers.sh [FOLDER]      FOLDER takes 11 GB; by default a new one in /tmp, removed
# Environment: BUILD (build/cuda), BACKEND (cuda), LIKE (12b, or tiny), LAYERS (6), DEVICE of PyTorch (cuda), PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/cuda}
for program in facet compare_logits; do
  if [[ ! -x "$build/$program" ]]; then
    echo "compare-transformers: no $build/$program. Build it: cmake --preset cuda && cmake --build --preset cuda" >&2
    exit 2
  fi
done

folder=${1:-}
if [[ -z "$folder" ]]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi

# NVFP4 first, then its exact values in BF16: transformers cannot read NVFP4.
"$build/facet" synth "$folder/nvfp4" --like "${LIKE:-12b}" --layers "${LAYERS:-6}"
"$build/facet" dequantize "$folder/nvfp4" "$folder/bf16"
"${PYTHON:-python3}" scripts/compare_transformers.py "$folder/bf16" "$folder/cases" --device "${DEVICE:-cuda}"
"$build/compare_logits" "$folder/cases" "${BACKEND:-cuda}" "$folder/bf16" "$folder/nvfp4"
