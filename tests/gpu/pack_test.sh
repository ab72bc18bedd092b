#!/usr/bin/env bash
# Packs gpu_check, unpacks it and tries it on a simulated device, with nothing of this machine but a python3 that has torch.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$root/scripts/gpu-check" --pack "$folder"
rm -r "$folder/ferry-gpu-check"
tar -C "$folder" -xzf "$folder/ferry-gpu-check.tar.gz"
env -i PATH=/usr/bin:/bin PYTHON="$root/.venv-models/bin/python" GPU_CHECK_DEVICE=sim:0 \
  "$folder/ferry-gpu-check/run.sh" --gtest_filter='-RatesTest.*:*AGibibyte*:EndOfDeviceTest.*'
