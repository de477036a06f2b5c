#!/usr/bin/env bash
# Prints the path of the CUDA compiler: $CUDACXX, nvcc on PATH, or the toolkit's usual place. Exit code 1 without one.
set -euo pipefail
for nvcc in "${CUDACXX:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
  if [[ -n "$nvcc" && -x "$nvcc" ]]; then
    echo "$nvcc"
    exit 0
  fi
done
exit 1
