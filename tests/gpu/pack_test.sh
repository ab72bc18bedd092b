#!/usr/bin/env bash
# Packs gpu_check, unpacks it and runs all of its parts on a simulated device, with nothing of this machine but a python3 that has
# torch: every part passes, and the limits of all of them together are below the 8 minutes that a borrowed GPU has for them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$root/scripts/gpu-check" --pack "$folder"
rm -r "$folder/ferry-gpu-check"
tar -C "$folder" -xzf "$folder/ferry-gpu-check.tar.gz"
run=$folder/ferry-gpu-check/run.sh
seconds=$(awk '$1 ~ /^"[a-z]+$/ && $2 ~ /^[0-9]+$/ {sum += $2} END {print sum + 0}' "$run")
((seconds > 0 && seconds < 480)) || { echo "the limits of run.sh add up to $seconds s; they have to stay below 480" && exit 1; }
env -i PATH=/usr/bin:/bin PYTHON="$root/.venv-models/bin/python" GPU_CHECK_DEVICE=sim:0 "$run"
grep -q '^== all of it took .* 0 of ' "$folder/ferry-gpu-check/report.txt"
