#!/bin/sh
# Installs the npm packages whose data tests read (tests/npm/package.json) into tests/npm/node_modules, at
# the versions and hashes of package-lock.json. Does nothing if they are already there.
set -eu
cd "$(dirname "$0")/../tests/npm"

# npm writes this copy of the lock file last; its age says which lock file the folder was made from.
installed=node_modules/.package-lock.json
if [ -f "$installed" ] && [ ! package-lock.json -nt "$installed" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "setup-test-npm: npm is missing (Debian: apt-get install npm)" >&2
  exit 1
fi
# These packages are data: their install scripts have nothing to do.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
