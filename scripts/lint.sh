#!/usr/bin/env bash
# clang-tidy over the whole tree, or over the files named. Usage: scripts/lint.sh [FILE...]
# Host code that needs the CUDA toolkit is looked at where nvcc is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
files=("$@")
if ((${#files[@]} == 0)); then mapfile -t files < <(git ls-files 'src/*.cc' 'tests/*.cc' 'bench/*.cc' 'fuzz/*.cc'); fi
if nvcc=$(scripts/find-nvcc.sh); then
  cmake --preset tidy -DFACET_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc" >/dev/null
else
  echo "lint: no nvcc: src/kernels/cuda/runtime is left out" >&2
  cmake --preset tidy -DFACET_CUDA=OFF >/dev/null
  mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -v /cuda/runtime/)
fi
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build/tidy --quiet --warnings-as-errors='*'
