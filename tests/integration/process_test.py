"""ferryd as a process: what it prints, what it exits with, and what signals do to it.

Usage: process_test.py BUILD_DIRECTORY [TEST]

What holds a drain up is a chunk on its way over a slow simulated link: a copy
looks for a stop between chunks only.
"""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading

BUILD = pathlib.Path(sys.argv[1])
PATIENCE_SECONDS = 60
RESOURCE_EXHAUSTED = 8
UNAVAILABLE = 14
CPU = "--devices=cpu=64MiB"
SLOW = "--devices=cpu=64MiB,sim:0=64MiB@4MBps"  # A chunk takes a second.
STUCK = "--devices=cpu=64MiB,sim:0=64MiB@1MBps"  # Two chunks at a time, four seconds each.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ferryd:
    """A daemon on a free port of its own, and every line that it has logged."""

    def __init__(self, folder, *flags, server=None, metrics="127.0.0.1:0", variables={}, preexec=None):
        self.server = server or f"127.0.0.1:{free_port()}"
        self.addresses = pathlib.Path(folder) / "addresses.json"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FERRY_")}
        self.process = subprocess.Popen(
            [BUILD / "ferryd", f"--metrics-listen={metrics}", f"--model-dir={folder}",
             f"--address-file={self.addresses}", f"--grpc-listen={self.server}", *flags],
            stderr=subprocess.PIPE, text=True, env=inherited | variables, preexec_fn=preexec)
        self.watchdog = threading.Timer(PATIENCE_SECONDS, self.process.kill)
        self.watchdog.start()
        self.lines = []

    def await_line(self, words):
        for line in self.process.stderr:
            self.lines.append(line)
            if words in line:
                return
        raise AssertionError(f"ferryd never logged {words!r}: {self.lines}")

    def await_copy(self):
        """Until the first chunk of m has come over the link, and others are on their way."""
        while self.process.poll() is None:
            listed = subprocess.run([BUILD / "ferryctl", f"--server={self.server}", "models", "--json"],
                                    capture_output=True, text=True)
            for model in json.loads(listed.stdout)["models"] if listed.returncode == 0 else []:
                if model["move"] and 2 * model["move"]["done_bytes"] > model["move"]["total_bytes"]:
                    return
        raise AssertionError(f"ferryd ended before it copied: {self.process.stderr.read()}")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def end(self):
        """The exit code, once it has ended by itself; everything that it said is in `lines` then."""
        self.lines += self.process.stderr.readlines()
        code = self.process.wait()
        self.watchdog.cancel()
        return code

    def said(self, words):
        return [line for line in self.lines if words in line]


def expect(got, wanted, ferryd):
    assert got == wanted, f"{got!r}, not {wanted!r}; ferryd said: {''.join(ferryd.lines)}"


def three_mistakes_are_told_at_once(folder):
    (folder / "ferry.toml").write_text("queue-requests-max = 0\n")
    ferryd = Ferryd(folder, "--moves-max=0", f"--config={folder}/ferry.toml",
                    variables={"FERRY_LANES_PER_DEVICE": "many"})
    expect(ferryd.end(), 1, ferryd)
    expect(ferryd.lines[0], "ferryd: 3 errors in the configuration:\n", ferryd)
    expect(len(ferryd.lines), 4, ferryd)
    for mistake in ("  --moves-max=0: ", "  --lanes-per-device=many (FERRY_LANES_PER_DEVICE): ",
                    f"  --queue-requests-max=0 ({folder}/ferry.toml, line 1): "):
        expect(len(ferryd.said(mistake)), 1, ferryd)


def a_port_in_use_is_one_sentence(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ferryd = Ferryd(folder, CPU, "--log-level=error", server=address)
        expect(ferryd.end(), 1, ferryd)
        expect(len(ferryd.lines), 1, ferryd)
        assert ferryd.lines[0].startswith("ferryd: ") and address in ferryd.lines[0], ferryd.lines

        ferryd = Ferryd(folder, CPU, "--log-format=json", metrics=address)
        expect(ferryd.end(), 1, ferryd)
        last = [json.loads(line) for line in ferryd.lines][-1]
        expect((last["event"], last["level"]), ("failed", "error"), ferryd)
        assert address in last["error"], last


def it_prints_its_settings_and_drains_at_a_signal(folder):
    ferryd = Ferryd(folder, CPU, variables={"FERRY_LANES_PER_DEVICE": "2"})
    ferryd.await_line(" ready ")
    expect(len(ferryd.said("setting name=moves-max value=4 from=default\n")), 1, ferryd)
    expect(len(ferryd.said("setting name=lanes-per-device value=2 from=FERRY_LANES_PER_DEVICE\n")), 1, ferryd)
    # A second one, whenever it comes, changes nothing about how it ends.
    ferryd.signal()
    ferryd.signal(signal.SIGINT)
    expect(ferryd.end(), 0, ferryd)
    expect(len(ferryd.said(" stopped ")), 1, ferryd)


def every_failed_load_is_told(folder):
    ferryd = Ferryd(folder, CPU, "--load=nothing", "--load=m", "--load=nobody")
    expect(ferryd.end(), 1, ferryd)
    expect(len(ferryd.said("--load=nothing: ")), 1, ferryd)
    expect(len(ferryd.said("--load=nobody: ")), 1, ferryd)
    expect(len(ferryd.said(" draining ")), 0, ferryd)


def a_signal_undoes_the_loads_of_the_start(folder):
    ferryd = Ferryd(folder, SLOW, "--load=m@sim:0")
    ferryd.await_copy()
    ferryd.signal()
    expect(ferryd.end(), 0, ferryd)
    expect(len(ferryd.said("stopped all_requests_ended=true")), 1, ferryd)
    expect(len(ferryd.said(" ready ")), 0, ferryd)
    assert not ferryd.addresses.exists()


def a_signal_undoes_a_clients_load(folder):
    ferryd = Ferryd(folder, SLOW)
    ferryd.await_line(" ready ")
    load = subprocess.Popen([BUILD / "ferryctl", f"--server={ferryd.server}", "load", "m", "--device=sim:0"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    ferryd.await_copy()
    ferryd.signal()
    expect(ferryd.end(), 0, ferryd)
    expect(len(ferryd.said("stopped all_requests_ended=true")), 1, ferryd)
    told = load.communicate(timeout=PATIENCE_SECONDS)[1]
    sentence = "the server is draining and the move was undone; use another"
    expect((load.returncode, told), (UNAVAILABLE, f"ferryctl: {sentence} (server {ferryd.server})\n"), ferryd)


def the_limit_ends_a_drain(folder):
    ferryd = Ferryd(folder, STUCK, "--load=m@sim:0", "--drain-max=100ms")
    ferryd.await_copy()
    ferryd.signal()
    expect(ferryd.end(), 0, ferryd)
    expect(len(ferryd.said("stopped all_requests_ended=false")), 1, ferryd)


def a_second_signal_ends_a_drain(folder):
    ferryd = Ferryd(folder, STUCK, "--load=m@sim:0", "--drain-max=10m")
    ferryd.await_copy()
    ferryd.signal()
    ferryd.await_line(" draining ")
    ferryd.signal()
    expect(ferryd.end(), 0, ferryd)
    expect(len(ferryd.said("stopped all_requests_ended=false")), 1, ferryd)


def many_connections_leave_it_reachable(folder):
    """More than the descriptors that it is started with."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ferryd = Ferryd(folder, CPU, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
    ferryd.await_line(" ready ")
    host, port = ferryd.server.split(":")
    connections = [socket.create_connection((host, int(port))) for _ in range(100)]
    for connection in connections:
        connection.recv(1)  # Its settings: it was accepted.
    expect(subprocess.run([BUILD / "ferryctl", f"--server={ferryd.server}", "health"], stdout=subprocess.DEVNULL).returncode, 0,
           ferryd)
    for connection in connections:
        connection.close()
    ferryd.signal()
    expect(ferryd.end(), 0, ferryd)


def it_is_reachable_again_when_descriptors_are(folder):
    """More connections than it may ever have descriptors: gRPC stopped listening for good, and the last call hung."""
    ferryd = Ferryd(folder, CPU, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)))
    ferryd.await_line(" ready ")
    host, port = ferryd.server.split(":")
    connections = [socket.create_connection((host, int(port))) for _ in range(200)]
    for connection in connections[:50]:
        connection.recv(1)
    health = [BUILD / "ferryctl", f"--server={ferryd.server}", "health"]
    refused = subprocess.run(health, capture_output=True, text=True)
    expect(refused.returncode, RESOURCE_EXHAUSTED, ferryd)
    expect("this server has 50 connections, of at most 50 (--connections-max)" in refused.stderr, True, ferryd)
    for connection in connections:
        connection.close()
    while subprocess.run(health, capture_output=True).returncode == RESOURCE_EXHAUSTED:
        pass
    expect(subprocess.run(health, capture_output=True).returncode, 0, ferryd)
    ferryd.signal()
    expect(ferryd.end(), 0, ferryd)


def main():
    for test in (three_mistakes_are_told_at_once, a_port_in_use_is_one_sentence,
                 it_prints_its_settings_and_drains_at_a_signal, every_failed_load_is_told,
                 a_signal_undoes_the_loads_of_the_start, a_signal_undoes_a_clients_load, the_limit_ends_a_drain,
                 a_second_signal_ends_a_drain, many_connections_leave_it_reachable,
                 it_is_reachable_again_when_descriptors_are):
        if len(sys.argv) > 2 and test.__name__ != sys.argv[2]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([BUILD / "ferry-make-model", f"{folder}/m.pt", "--kind=mlp", "--bytes=48MiB"], check=True,
                           stdout=subprocess.DEVNULL)
            print(test.__name__, flush=True)
            test(pathlib.Path(folder))


if __name__ == "__main__":
    main()
