#!/usr/bin/env bash
# Runs gpu_check from its unpacked folder, on a machine with a GPU, a driver, and python3 with torch (the version in
# torch-version, built for CUDA 13); nothing else of Ferry. PYTHON names another interpreter; arguments go to gpu_check.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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

code=0
"$here/bin/gpu_check" "$@" || code=$?
# A process of its own: it ends the GPU's context, and the driver makes another for the next process.
if [[ $# == 0 ]]; then "$here/bin/gpu_check" --gtest_filter='EndOfDeviceTest.*' || code=$?; fi
exit $code
