#!/usr/bin/env bash
# Runs gpu_check from its unpacked folder, on a machine with a GPU, a driver, and python3 with torch (the version in
# torch-version, built for CUDA 13); nothing else of Ferry. PYTHON names another interpreter; arguments go to gpu_check.
#
# Without arguments: in parts, what is quick and says most first, each with its limit and in a process of its own. So what
# hangs or dies costs its own part, an assertion ends one process's GPU, and a run that is cut off has told something. The report
# goes to standard output and to GPU_CHECK_REPORT (report.txt beside this script) as it comes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Name, seconds at most, tests. All of them together stay under 8 minutes. The first one reads 4 GB of libraries from the disk.
PARTS=(
  "plugin       90 Checked/DeviceSuite.*"
  "move         30 MovingModelTest.MovesOnceAndAnswersThere"
  "assert       25 EndOfDeviceTest.IsSeenByHealthAndModelsGoOnElsewhere"
  "lost         20 EndOfDeviceTest.IsNotTheEndOfTheDaemon"
  "daemon       30 DaemonTest.*"
  "answers      60 All/ModelsTest.AnswersThere*"
  "state        30 All/ModelsTest.CarriesItsState*"
  "moving       45 MovingModelTest.AnswersEveryRequest*:MovingModelTest.MovesAGibibyte*"
  "rates        45 RatesTest.*"
  "interference 40 InterferenceTest.*"
  "transfers    60 TransfersTest.*"
)
wanted=$(<"$here/torch-version")

# The folder that holds torch/ and nvidia/, if torch is of the right version. Torch itself is not imported.
find_packages() {
  "${PYTHON:-python3}" - "$wanted" <<'PY'
import importlib.util
import pathlib
import re
import sys

spec = importlib.util.find_spec("torch")
if spec is None:
    sys.exit("run.sh: python3 has no torch: pip install torch==" + sys.argv[1])
torch = pathlib.Path(list(spec.submodule_search_locations)[0]).resolve()
found = re.search(r"__version__ = '([^']*)'", (torch / "version.py").read_text()).group(1)
if found.split("+")[0] != sys.argv[1]:
    sys.exit(f"run.sh: {torch} is torch {found}; this program was linked with {sys.argv[1]}")
if not (torch / "lib" / "libtorch_cuda.so").exists():
    sys.exit(f"run.sh: {torch} has no libtorch_cuda.so: install torch with CUDA")
print(torch.parent)
PY
}

packages=$(find_packages)
path=$here/lib:$packages/torch/lib
for folder in "$packages"/nvidia/*/lib; do path=$path:$folder; done
export LD_LIBRARY_PATH=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export FERRY_MODELS_DIR=$here/models GPU_CHECK_REQUIRED=1

if (($#)); then exec "$here/bin/gpu_check" "$@"; fi

describe_machine() {
  printf 'machine: %s cores, %s GiB, %s, torch %s\n' "$(nproc)" "$(awk '/^MemTotal/ {print int($2 / 1048576)}' /proc/meminfo)" \
    "$(uname -sr)" "$wanted"
  command -v nvidia-smi >/dev/null || return 0
  nvidia-smi --query-gpu=name,driver_version,memory.total,pcie.link.gen.max,pcie.link.width.max --format=csv,noheader || true
}

# run_part NAME SECONDS FILTER: says how it went. A part without a test has gone wrong too.
failed=0
run_part() {
  local start=$SECONDS code=0 said
  printf '\n== %s, %s s at most\n' "$1" "$2"
  timeout --kill-after=5 "$2" "$here/bin/gpu_check" --gtest_filter="$3" 2>&1 | tee "$part_log" || code=$?
  said="failed with $code"
  if ((code == 0)); then said=passed; fi
  if ((code == 124 || code == 137)); then said="cut off"; fi
  if grep -q 'Running 0 tests' "$part_log"; then said="failed: it has no tests"; fi
  [[ $said == passed ]] || failed=$((failed + 1))
  if ((code == 0)) && grep -qF '[  SKIPPED ]' "$part_log"; then said="skipped: $(grep -m 1 -A 1 'Skipped$' "$part_log" | tail -n 1)"; fi
  summary+=("$(printf '%-12s %4d s of %4d  %s' "$1" $((SECONDS - start)) "$2" "$said")")
  printf '== %s\n' "${summary[-1]}"
}

part_log=$(mktemp)
trap 'rm -f "$part_log"' EXIT
run_all() {
  local name seconds filter
  describe_machine
  for part in "${PARTS[@]}"; do
    read -r name seconds filter <<<"$part"
    run_part "$name" "$seconds" "$filter"
  done
  printf '\n== all of it took %d s, %d of %d parts failed\n' "$SECONDS" "$failed" "${#PARTS[@]}"
  printf '%s\n' "${summary[@]}"
  return $((failed > 0))
}

summary=()
run_all 2>&1 | tee "${GPU_CHECK_REPORT:-$here/report.txt}"
