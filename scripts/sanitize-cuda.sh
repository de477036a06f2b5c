#!/usr/bin/env bash
# compute-sanitizer over the tests on a card: every operation of the backend (small shapes), then the programs of
# tests/cuda. Prints a line a run; exit code 1 if a tool found something, a test failed, or a run did not end.
#
# Usage: scripts/sanitize-cuda.sh [PROGRAM...]     programs of the build folder, by default all that are listed below
# Environment: BUILD (build/cuda), TOOLS ("memcheck racecheck synccheck"), LIMIT (1800 s a run), JOBS at once (1),
# LOGS (a new folder in /tmp)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/cuda}
logs=${LOGS:-$(mktemp -d)}
read -ra tools <<<"${TOOLS:-memcheck racecheck synccheck}"
programs=("$@")
if ((${#programs[@]} == 0)); then
  programs=(suite_backend cuda_residual_norm_test cuda_head_norm_rope_test cuda_attention_test
    cuda_linear_decode_test cuda_linear_test)
fi
if ! command -v compute-sanitizer >/dev/null; then
  echo "sanitize-cuda: no compute-sanitizer in PATH (it comes with the CUDA toolkit)" >&2
  exit 2
fi

# One tool over one program, one line: what it took and what the tool's last line says.
check() {
  local tool=$1 program=$2 arguments=() code=0 begin=$SECONDS
  local log="$logs/$tool-$program.log"
  case $program in
    suite_backend) arguments=('--gtest_filter=*cuda*') ;;
    cuda_attention_test) arguments=(check-prefill check-decode) ;;
  esac
  timeout "${LIMIT:-1800}" compute-sanitizer --tool "$tool" --error-exitcode 99 \
    "$build/$program" "${arguments[@]}" >"$log" 2>&1 || code=$?
  # A run in which no test ran is not a clean one.
  if [[ $code == 0 ]] && ! grep -Eq '^[0-9]+ passed, 0 failed|PASSED  \] [1-9]' "$log"; then code=98; fi
  local verdict summary
  case $code in
    0) verdict=clean ;;
    98) verdict="NO TESTS" ;;
    99) verdict=FOUND ;;
    124) verdict=UNFINISHED ;;
    *) verdict="FAILED ($code)" ;;
  esac
  summary=$(grep -E '^=+ .*SUMMARY' "$log" | tail -1 | sed -E 's/^=+ //')
  printf '%-10s %-26s %-12s %5d s  %s\n' "$tool" "$program" "$verdict" $((SECONDS - begin)) "$summary"
  [[ $code == 0 ]]
}
export -f check
export build logs LIMIT

echo "logs in $logs"
failed=0
for tool in "${tools[@]}"; do
  for program in "${programs[@]}"; do printf '%s\0%s\0' "$tool" "$program"; done
done | xargs -0 -n 2 -P "${JOBS:-1}" bash -c 'check "$@"' check || failed=1
exit $failed
