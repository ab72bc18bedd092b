"""Runs the commands of README.md's five-minute tour, as printed there.

Usage: tour.py README BUILD_DIRECTORY [PYTHON]

PYTHON, which has Triton's client, runs what is Python there.

Only what must differ from one machine to the next is replaced: the folder
under /tmp, and the ports, by the environment that the README documents. The
daemon is waited for by the file that it writes when it is ready.
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile


def blocks(readme):
    tour = readme.split("## Five minutes")[1].split("\n## ")[0]
    return re.findall(r"```(sh|python)\n(.*?)```", tour, re.DOTALL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    readme = pathlib.Path(sys.argv[1]).read_text()
    build = pathlib.Path(sys.argv[2])
    commands = blocks(readme)
    assert len(commands) >= 7, f"the tour has only {len(commands)} blocks of commands"
    grpc, metrics = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "FERRY_GRPC_LISTEN": f"127.0.0.1:{grpc}",
            "FERRY_METRICS_LISTEN": f"127.0.0.1:{metrics}",
            "FERRY_SERVER": f"127.0.0.1:{grpc}",
        }
        ready = pathlib.Path(folder) / "address.json"
        script = ["set -euo pipefail", "set -m"]
        for language, block in commands:
            if language == "python":
                if len(sys.argv) > 3:
                    block = block.replace(":8001", f":{grpc}")
                    script.append(f"{sys.argv[3]} - <<'PYTHON'\n{block}PYTHON\necho python answered")
                continue
            block = block.replace("/tmp/ferry-models", folder).replace(":8002", f":{metrics}")
            block = block.replace("cd build/release", f"cd {build}")
            block = re.sub(r"^(\./ferryctl watch)$", r"timeout --signal=INT 2 \1 || test $? = 124", block, flags=re.M)
            # A failure must not leave the daemon behind.
            script.append(block)
            if "./ferryd" in block:
                script.append("trap 'kill %1 2>/dev/null || true' EXIT")
                script.append(f"for i in $(seq 600); do test -e {ready} && break; kill -0 %1; read -t 0.1 <> <(:) || true; done")
        script.append("wait %1; trap - EXIT")
        done = subprocess.run(["bash", "-c", "\n".join(script)], env=environment, capture_output=True, text=True,
                              timeout=240)
    print(done.stdout)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        sys.exit(f"tour: the commands of the README ended with {done.returncode}")
    for expected in ("hello serves on cpu", "hello serves on sim:0", "float32 [1, 1024]", "verified",
                     "ferry_transfer_seconds_sum", *["python answered"][:len(sys.argv) - 3]):
        assert expected in done.stdout, f"tour: nothing printed {expected!r}"


if __name__ == "__main__":
    main()
