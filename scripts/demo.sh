#!/usr/bin/env bash
# The whole road on the small checkpoint in models/tiny: build, quantize, verify, look, measure, ask.
# Usage: scripts/demo.sh. Installs what is missing (Debian 12); leaves its results in build/demo.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

say "Set-up and build"
scripts/setup.sh --no-tests
cmake --preset release -DFACET_TESTS=OFF -DFACET_BENCH=OFF -B build/demo/build >/dev/null
cmake --build build/demo/build --target facet -j "$(nproc)"
facet=build/demo/build/facet
quantized=build/demo/tiny-nvfp4
rm -rf "$quantized"

say "Quantize models/tiny to NVFP4"
run $facet quantize models/tiny "$quantized" --calibration models/tiny/calibration.txt --samples 64 \
  --sequence-length 256

say "Verify it, against the BF16 original"
run $facet verify "$quantized" --reference models/tiny

say "What is in it"
run $facet inspect "$quantized"

say "What it costs: held-out text, BF16 against NVFP4 weights (W4A16)"
run $facet eval compare "$quantized" --reference models/tiny --text models/tiny/heldout.txt --context 256 --bos

say "The same with NVFP4 activations too (W4A4), as a Blackwell card computes it"
run $facet eval compare "$quantized" --reference models/tiny --text models/tiny/heldout.txt --context 256 --bos \
  --activations nvfp4

say "Ask it"
run $facet run "$quantized" "What is the capital of France?" --temperature 0
run $facet run "$quantized" "What is in the image?" --image tests/data/golden/circle.png --temperature 0
run $facet run "$quantized" "What do you hear?" --audio tests/data/golden/rising.wav --temperature 0

say "The same with the real 12B"
cat <<'TEXT'
With a folder that holds google/gemma-4-12B-it (24 GB of BF16 weights) and a text file for calibration:

  facet quantize gemma-4-12B-it gemma-4-12B-it-nvfp4 --calibration text.txt
  facet verify   gemma-4-12B-it-nvfp4 --reference gemma-4-12B-it
  facet run      gemma-4-12B-it-nvfp4 "Why is the sky blue?"

The program is build/demo/build/facet; "facet COMMAND --help" has examples of each command.
TEXT
