#!/usr/bin/env bash
# Fails if a source file is not as clang-format writes it. To fix: scripts/check-format.sh --fix
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run -Werror)
if [[ "${1:-}" == "--fix" ]]; then mode=(-i); fi
git ls-files '*.h' '*.cc' '*.cu' '*.cuh' | xargs clang-format-19 "${mode[@]}"
