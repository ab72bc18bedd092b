"""A Session is a real ferryd with simulated devices, models of ferry-make-model, and ferryctl to talk to it."""

import contextlib
import itertools
import json
import os
import subprocess
import threading
import time
from pathlib import Path

READY_SECONDS_MAX = 60


class Session:
    def __init__(self, build, folder, devices, models):
        """`models` is {name: size}, such as "64MiB"."""
        self.build, self.folder = build, Path(folder)
        self.models = self.folder / "models"
        self.models.mkdir(parents=True)
        for name, size in models.items():
            self.run("ferry-make-model", self.models / f"{name}.pt", f"--bytes={size}")
        self.address_file = self.folder / "address.json"
        with open(self.folder / "ferryd.log", "w") as log:
            self.daemon = subprocess.Popen(
                [build / "ferryd", f"--model-dir={self.models}", f"--devices={devices}", "--grpc-listen=127.0.0.1:0",
                 "--metrics-listen=127.0.0.1:0", f"--address-file={self.address_file}"], stdout=log, stderr=log)
        last = time.monotonic() + READY_SECONDS_MAX
        while not self.address_file.exists():
            if self.daemon.poll() is not None or time.monotonic() > last:
                raise SystemExit(f"ferryd is not ready; see {self.folder}/ferryd.log")
            time.sleep(0.05)
        addresses = json.loads(self.address_file.read_text())
        self.metrics = addresses["metrics"]
        self.environment = os.environ | {"FERRY_SERVER": addresses["grpc"]}
        self.stopping = threading.Event()
        self.threads = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.daemon.terminate()
        self.daemon.wait()

    def run(self, program, *arguments, may_fail=False, **options):
        return subprocess.run([self.build / program, *map(str, arguments)], capture_output=True, text=True, check=not may_fail,
                              env=getattr(self, "environment", None), **options).stdout

    def ferryctl(self, *arguments, **options):
        return self.run("ferryctl", *arguments, **options)

    def every(self, seconds, *steps):
        """Calls the steps in turn, one each so many seconds, until the session ends."""
        def work():
            for step in itertools.cycle(steps):
                if self.stopping.wait(seconds):
                    return
                with contextlib.suppress(subprocess.CalledProcessError):
                    step()

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
