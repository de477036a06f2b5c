#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."

# Every architecture that facet has kernels for, as CMAKE_CUDA_ARCHITECTURES takes them.
architectures=${FACET_CUDA_ARCHITECTURES:-90a-real}

usage() {
  cat <<END
Builds facet with its CUDA backend, for every architecture that it supports, in build/cuda.

Usage: scripts/build-cuda.sh [--compile-only] [TARGET...]
  --compile-only  compile what needs the CUDA toolkit, in src and in tests, and link nothing
  TARGET          what to build instead of everything, such as facet or suite_backend

Environment:
  FACET_CUDA_ARCHITECTURES  which to build for (now: $architectures), several with ";". There are
                            kernels for 90a alone: for others they do not compile yet
  CUDACXX                   the compiler, where nvcc is neither on PATH nor in /usr/local/cuda/bin

Examples:
  scripts/build-cuda.sh
  scripts/build-cuda.sh facet

Needs CUDA 13 and the packages that scripts/setup.sh installs. Exit code 6 where there is no nvcc.
END
}

compile_only=0
targets=()
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit 0 ;;
    --compile-only) compile_only=1 ;;
    -*) echo "build-cuda: unknown option $argument; see --help" >&2; exit 2 ;;
    *) targets+=("$argument") ;;
  esac
done

if ! nvcc=$(scripts/find-nvcc.sh); then
  echo "build-cuda: nvcc is neither in CUDACXX, nor on PATH, nor in /usr/local/cuda/bin" >&2
  exit 6
fi
cmake --preset cuda "-DCMAKE_CUDA_COMPILER=$nvcc" "-DFACET_CUDA_ARCHITECTURES=$architectures" >/dev/null

if ((compile_only)); then
  mapfile -t targets < <(ninja -C build/cuda -t targets all | sed -nE 's/^(.*(\.cu|\/cuda\/runtime\/[^:]*)\.o): .*/\1/p')
  if ((${#targets[@]} == 0)); then
    echo "build-cuda: found nothing to compile" >&2
    exit 1
  fi
  echo "build-cuda: ${#targets[@]} files for $architectures"
  exec ninja -C build/cuda -j "$(nproc)" "${targets[@]}"
fi
exec ninja -C build/cuda -j "$(nproc)" "${targets[@]}"
