#!/usr/bin/env bash
# Every check of the project: set-up, format, sanitizers, fuzzers' short runs, then the whole test suite.
# Usage: scripts/test.sh. The last line is ctest's summary of the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$(nproc)

step() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }

step "set-up"
scripts/setup.sh

step "format"
scripts/check-format.sh

step "address and undefined behaviour sanitizers, fuzzers"
cmake --preset asan >/dev/null
cmake --build --preset asan -j "$jobs" --target quick_tests
# Unit tests and operations cover the code; the model-sized suites run in the release build below.
ctest --preset asan -j "$jobs" -L '^(unit|backend|fuzz)$'

step "thread sanitizer"
cmake --preset tsan >/dev/null
cmake --build --preset tsan -j "$jobs" --target test_base suite_backend
# The thread pool, and every operation that shares its work among threads.
ctest --preset tsan -j "$jobs" -R '^(test_base|suite_backend)\.'

step "CUDA: compiles for sm_90a"
if scripts/find-nvcc.sh >/dev/null; then
  FACET_CUDA_ARCHITECTURES=90a-real scripts/build-cuda.sh --compile-only
else
  echo "NOT CHECKED: there is no nvcc here, so no CUDA file was compiled"
fi

step "release build and all tests"
cmake --preset release >/dev/null
cmake --build --preset release -j "$jobs"
ctest --preset release -j "$jobs"
