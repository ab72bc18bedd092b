"""Runs the commands of one page, the README or one of docs/, as printed there, and compares what they print.

Usage: tour.py PAGE BUILD_DIRECTORY [PYTHON]

PYTHON, which has Triton's client, runs what is Python there. All blocks of a page are one session of a shell, in the root of the
repository; a page that starts no daemon goes on from the README's start. Only what differs from one machine to the next is
replaced: the folder under /tmp, the build folder and the ports. A daemon is waited for by the file that it writes when it is
ready.

    sh        runs; the first command that fails ends the session. A text block right below is what it prints.
    console   its "$ " lines run; what is below each is what it prints: the same words, other numbers; "..." is any lines.
    python    runs; without PYTHON the session ends here
    cpp       was compiled by tests/client; runs
    cmake     a project with these lines, and this repository in it, is configured
    json, toml, yaml   is a file for the blocks below, or is read at least

See pages.py for the marks that a block may have. A block that is none of these is a fault: nothing on a page is unheld.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pages

SECONDS_MAX = 240
WATCH_SECONDS = 2
BEGIN, END = "@@begin", "@@end"
NUMBER = re.compile(r"<?(?<![\w:.])-?\d[\d.]*(?:e-?\d+)?%?")
DONE = re.compile(r"\[\d+\][+-]?\s+Done")  # What bash says of its jobs.
TIME = re.compile(r"\d\d:\d\d:\d\d")

# Waits until the daemon is ready, or has ended.
READY = """
daemon=$!
for _ in $(seq 600); do
  [[ -s {file} ]] && break
  kill -0 $daemon 2>/dev/null || {{ echo "the daemon has ended:"; tail -n 5 {log}; exit 1; }}
  read -t 0.1 <> <(:) || true
done
"""

# The project that a cmake block is in.
APP = """cmake_minimum_required(VERSION 3.25)
project(app CXX)
add_executable(app app.cc)
"""

LAST = """
for pid in $(jobs -p); do
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || { echo "what still ran in the background ended with $?"; exit 1; }
done
trap - EXIT
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Session:
    """The script of a page, and what each of its commands shall print."""

    def __init__(self, build, python, folder):
        self.build, self.python, self.folder = build, python, Path(folder)
        self.ports = {"8001": free_port(), "8002": free_port()}
        self.script = ["set -m", "set -uo pipefail", "trap 'kill -TERM $(jobs -p) 2>/dev/null || true' EXIT", "status=0"]
        self.expected = []  # (where, lines or None, may fail) of each step

    def here(self, text):
        """A block's text with what differs from machine to machine."""
        text = text.replace("$PWD/build/release", str(self.build)).replace("/tmp/ferry-models", str(self.folder))
        return re.sub(r"(127\.0\.0\.1|localhost):(800[12])\b", lambda match: f"127.0.0.1:{self.ports[match[2]]}", text)

    def step(self, where, command, printed=None, may_fail=False):
        index = len(self.expected)
        self.expected.append((where, printed, may_fail))
        command = re.sub(r"^(ferryctl watch)$", rf"timeout --signal=INT {WATCH_SECONDS} \1 || test $? = 124", command, flags=re.M)
        self.script += [f"printf '\\n%s\\n' '{BEGIN} {index}'", "(exit $status)", command, "status=$?",
                        f"printf '\\n%s\\n' \"{END} {index} $status\""]
        if re.search(r"^(?:\w+=\S+ )*ferryd\b.*&$", command.replace("\\\n", " "), re.M):
            file = re.search(r"--address-file=(\S+)", command)
            file = shlex.quote(file[1] if file else str(self.folder / "address"))
            self.script.insert(-4, f"rm -f {file}")
            self.script.append(READY.format(file=file, log=shlex.quote(str(self.folder / "log"))))

    def add(self, block, below):
        """`below` is the text block right under it, what it prints. False: the session cannot go on from here."""
        text = self.here(block.text)
        if block.mark == "left out":
            if not block.what:
                raise SystemExit(f"{block.where}: is left out without a reason")
        elif block.mark == "see":
            holder = pages.ROOT / block.what
            page = block.where.split(":")[0]
            if not holder.is_file() or page not in holder.read_text():
                raise SystemExit(f"{block.where}: {block.what} does not name {page}")
        elif block.mark == "write":
            path = Path(self.here(block.what))
            self.step(block.where, f"mkdir -p {path.parent} && cat >{path} <<'FERRY_TOUR_FILE'\n{text}FERRY_TOUR_FILE")
        elif block.language == "sh":
            # In the shell of the session, where it may start jobs; -e ends it at the first failure, one inside <(...) too.
            text = re.sub(r"source <\((.*?)\)", r'sourced=$(\1); source /dev/stdin <<<"$sourced"', text)
            self.step(block.where, f"set -e\n{text}\nset +e", below)
        elif block.language == "console":
            self.add_console(block, text)
        elif block.language == "python":
            if not self.python:
                return False
            file = self.folder / f"block-{len(self.expected)}.py"  # torch.jit.script wants to read it.
            self.step(block.where, f"cat >{file} <<'FERRY_TOUR_FILE'\n{text}FERRY_TOUR_FILE\n{self.python} {file}", below)
        elif block.language == "cpp":
            self.step(block.where, f"{self.build}/tests/client/page_client 127.0.0.1:{self.ports['8001']}", below)
        elif block.language == "cmake":
            app = self.folder / "app"
            self.step(block.where, f"set -e; mkdir {app}; ln -s {pages.ROOT} {app}/ferry; echo 'int main() {{}}' >{app}/app.cc\n"
                      f"cat >{app}/CMakeLists.txt <<'FERRY_TOUR_FILE'\n{APP}{text}FERRY_TOUR_FILE\n"
                      f"cmake -G Ninja -S {app} -B {app}/build >{app}/log || {{ cat {app}/log; false; }}; set +e")
        elif block.language == "json":
            json.loads(text)
        elif block.language == "toml":
            tomllib.loads(text)
        elif block.language not in ("", "text"):
            raise SystemExit(f"{block.where}: nothing runs or reads a block of '{block.language}'; see tests/tour/pages.py")
        return True

    def add_console(self, block, text):
        commands = re.split(r"^\$ ", text, flags=re.M)
        if commands[0] or len(commands) == 1:
            raise SystemExit(f"{block.where}: a console block begins with '$ '")
        for k, command in enumerate(commands[1:], 1):
            lines = command.splitlines()
            last = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
            asked = k + 1 < len(commands) and commands[k + 1].startswith("echo $?")
            self.step(block.where, "\n".join(lines[:last + 1]), lines[last + 1:], asked)

    def run(self):
        environment = os.environ | {
            "FERRY_GRPC_LISTEN": f"127.0.0.1:{self.ports['8001']}",
            "FERRY_METRICS_LISTEN": f"127.0.0.1:{self.ports['8002']}",
            "FERRY_SERVER": f"127.0.0.1:{self.ports['8001']}",
            "FERRY_ADDRESS_FILE": str(self.folder / "address"),
            "PATH": f"{self.build}:{os.environ['PATH']}",
        }
        return subprocess.run(["bash", "-c", "\n".join([*self.script, LAST])], cwd=pages.ROOT, env=environment, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS_MAX)


def shape(line):
    """What of a line is the same in every run: its words, where its numbers are, and which of them are 0."""
    return " ".join(NUMBER.sub(lambda number: "0" if number[0] == "0" else "N", TIME.sub("TIME", line)).split())


def fits(expected, printed):
    """Whether these lines are those, "..." being any."""
    if not expected:
        return not printed
    if expected[0] == "...":
        return any(fits(expected[1:], printed[k:]) for k in range(len(printed) + 1))
    return bool(printed) and shape(expected[0]) == shape(printed[0]) and fits(expected[1:], printed[1:])


def faults(session, done):
    printed, statuses, current = {}, {}, None
    for line in done.stdout.splitlines():
        if line.startswith(BEGIN):
            current = int(line.split()[1])
            printed[current] = []
        elif line.startswith(END):
            statuses[current] = int(line.split()[2])
            current = None
        elif current is not None and line and not DONE.match(line):
            printed[current].append(line)
    for index, (where, expected, may_fail) in enumerate(session.expected):
        if index not in statuses:
            yield f"{where}: the session ended here; it printed last\n" + "\n".join(done.stdout.splitlines()[-12:])
            return
        if statuses[index] != 0 and not may_fail:
            yield f"{where}: ended with {statuses[index]}; it printed\n" + "\n".join(printed[index])
        elif expected is not None and not fits([line for line in expected if line], printed[index]):
            yield f"{where}: shows\n" + "\n".join(expected) + "\nand this came\n" + "\n".join(printed[index])
    if done.returncode != 0:
        yield f"the session ended with {done.returncode}: " + "\n".join(done.stdout.splitlines()[-5:])


def session_of(page, build, python, folder):
    session = Session(build, python, folder)
    own = list(pages.blocks(page))
    if any(block.mark == "" for block in own) and not any(block.mark == "start" for block in own):
        for block in pages.blocks(pages.ROOT / "README.md"):
            if block.mark == "start":
                session.add(block, None)
    for k, block in enumerate(own):
        below = own[k + 1] if k + 1 < len(own) and (own[k + 1].language, own[k + 1].mark) == ("text", "") else None
        if not session.add(block, below.text.splitlines() if below else None):
            print(f"{block.where}: the rest is left out, as there is no Python with Triton's client")
            break
    return session


def main():
    page = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        session = session_of(page, Path(sys.argv[2]).resolve(), sys.argv[3] if len(sys.argv) > 3 else "", folder)
        found = list(faults(session, session.run()))
    for fault in found:
        print(fault)
    print(f"{page.name}: {len(session.expected)} steps, {len(found)} faults")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
