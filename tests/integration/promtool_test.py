"""What a running daemon serves at /metrics, checked by Prometheus's own promtool.

Usage: promtool_test.py PROMTOOL BUILD_DIRECTORY
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request


def main():
    promtool, build = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        addresses = pathlib.Path(folder) / "addresses.json"
        subprocess.run([build / "ferry-make-model", f"{folder}/m.pt", "--kind=mlp", "--bytes=1MiB"], check=True,
                       stdout=subprocess.DEVNULL)
        daemon = subprocess.Popen(
            [build / "ferryd", "--grpc-listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", f"--model-dir={folder}",
             f"--address-file={addresses}", "--devices=cpu=64MiB,sim:0=16MiB", "--load=m@cpu"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            for line in daemon.stderr:  # Until it is ready, or gone.
                if b" ready " in line:
                    break
            assert addresses.exists(), "promtool_test: ferryd did not start"
            listening = json.loads(addresses.read_text())
            for command in (["infer", "m", "--random"], ["migrate", "m", "--to", "sim:0"], ["infer", "m", "--random"]):
                subprocess.run([build / "ferryctl", f"--server={listening['grpc']}", *command], check=True,
                               stdout=subprocess.DEVNULL)
            with urllib.request.urlopen(f"http://{listening['metrics']}/metrics") as answer:
                text = answer.read()
        finally:
            daemon.terminate()
            daemon.communicate(timeout=60)
    for name in (b"ferry_infer_requests_total", b"ferry_transfer_seconds_bucket", b"ferry_device_used_bytes"):
        assert name in text, f"promtool_test: no {name.decode()} is served"
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    print(checked.stdout.decode(), checked.stderr.decode())
    sys.exit(checked.returncode)


if __name__ == "__main__":
    main()
