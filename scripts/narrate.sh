# shellcheck shell=bash
# How every script speaks: what it does, for how long, and one sentence when it cannot. Sourced, never run.
#
#   step "build ferryd" cmake --build ...     runs it quietly, says how long it took, shows the log's end if it fails
#   say "a line"                              for the reader
#   die "what is wrong; what to do"           and exit 1
#
# FERRY_VERBOSE=1 shows everything as it runs. Logs are kept in build/log/.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPT=$(basename "$0")
LOGS=$ROOT/build/log
LOG_LINES_SHOWN=25
# shellcheck source=scripts/versions.env
source "$ROOT/scripts/versions.env"

say() { printf '%s: %s\n' "$SCRIPT" "$*"; }

die() {
  printf '%s: %s\n' "$SCRIPT" "$*" >&2
  exit 1
}

# A log's name is the step's name in lower case with dashes.
log_of() { printf '%s/%s-%s.log' "$LOGS" "$SCRIPT" "$(tr -cs 'a-zA-Z0-9\n' '-' <<<"$1" | tr '[:upper:]' '[:lower:]')"; }

# Runs a command or function under a name, in a subshell that ends at its first error, and leaves its exit code in STEP_CODE.
# Not to be called where bash ignores errors (behind `if`, before `&&` or `||`): then the function's own would be ignored too.
STEP_CODE=0
try_step() {
  local name=$1 log start=$SECONDS
  shift
  mkdir -p "$LOGS"
  log=$(log_of "$name")
  printf '%s: %s ... ' "$SCRIPT" "$name"
  set +e
  if [[ ${FERRY_VERBOSE:-} ]]; then
    printf '\n'
    (
      set -euo pipefail
      "$@"
    ) 2>&1 | tee "$log"
    STEP_CODE=${PIPESTATUS[0]}
  else
    (
      set -euo pipefail
      "$@"
    ) >"$log" 2>&1 </dev/null
    STEP_CODE=$?
  fi
  set -e
  if ((STEP_CODE == 0)); then
    printf 'done in %d s\n' $((SECONDS - start))
  else
    printf 'FAILED after %d s\n' $((SECONDS - start))
    [[ ${FERRY_VERBOSE:-} ]] || tail -n "$LOG_LINES_SHOWN" "$log" | sed 's/^/    | /'
  fi
}

step() {
  try_step "$@"
  ((STEP_CODE == 0)) || die "'$1' failed. All of its output is in $(log_of "$1")."
}

# "41 s" or "3 min 05 s" since this script began.
elapsed() {
  if ((SECONDS < 60)); then printf '%d s' "$SECONDS"; else printf '%d min %02d s' $((SECONDS / 60)) $((SECONDS % 60)); fi
}

# One compiler for each core, but no more than memory holds: a file that includes LibTorch takes up to 2 GiB.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1024 / 1024 / 2)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  printf '%d' $((cores < memory ? cores : memory))
}

# One compiler cache for every clone on this machine, precompiled headers included.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros

# The preset's build folder, configured and its targets built (all of them when none is named).
configure() { cmake --preset "$1" -S "$ROOT" -B "$ROOT/build/$1" "${@:2}"; }
build() { cmake --build "$ROOT/build/$1" --parallel "$(build_jobs)" ${2:+--target "${@:2}"}; }
