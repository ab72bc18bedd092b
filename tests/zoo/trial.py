"""A trial is what one model of the zoo goes through in the daemon, and what became of it.

    load to cpu        three calls
    tour               cpu -> sim:0 -> sim:1 -> cpu, a call at each place
    unload             every device has as many bytes as before
    load to sim:0      a call; unload; the bytes again

Each call's answer must be, bit for bit, what the same file answers in Python in one thread, which make.py held against the eager
module within the tolerance of leaves.py. A model with state has an answer for each call since its load. A scripted model that asks
for the type of its device may take another branch on sim, and is held to the tolerance there.
"""

import dataclasses
import time
import zipfile

from daemon import Died, Hung, Refused
from leaves import differences, leaves

SERVED, REFUSED, WRONG, DIED, HUNG, UNMADE = "served", "refused", "WRONG", "DIED", "HUNG", "not made"
TOUR = ("sim:0", "sim:1", "cpu")


@dataclasses.dataclass
class Result:
    """`seconds`: all of the trial; `load_seconds`: the first LoadModel. `bytes`: of the weights. `sentence`: what was refused, or
    went wrong, and where."""

    name: str
    verdict: str
    sentence: str = ""
    code: str = ""
    bytes: int = 0
    seconds: float = 0.0
    load_seconds: float = 0.0


class Wrong(Exception):
    """An answer, or the bytes that are left, are not what they must be."""


def asks_for_its_device(path):
    """Whether the code in the file does."""
    with zipfile.ZipFile(path) as file:
        return any(b"ops.prim.type(" in file.read(name) for name in file.namelist() if name.endswith(".py"))


class Trial:
    """The model at `path` through `ferryd`; `made` is what make.py wrote beside it."""

    def __init__(self, ferryd, path, made):
        self.ferryd, self.name, self.made = ferryd, path.stem, made
        self.exact_everywhere = not asks_for_its_device(path)
        self.result = Result(self.name, SERVED)
        self.calls = 0
        self.step = ""

    def run(self):
        begin = time.monotonic()
        try:
            before = self.ferryd.used_bytes()
            self.serve("cpu", calls=3, tour=TOUR)
            self.leave(before)
            self.serve("sim:0", calls=1, tour=())
            self.leave(before)
        except Refused as refused:
            self.end(REFUSED, refused.sentence)
            self.result.code = refused.code
            self.forget()
        except Wrong as wrong:
            self.end(WRONG, str(wrong))
            self.forget()
        except Died as died:
            self.end(DIED, str(died))
        except Hung as hung:
            self.end(HUNG, str(hung))
        self.result.seconds = time.monotonic() - begin
        return self.result

    def end(self, verdict, sentence):
        self.result.verdict, self.result.sentence = verdict, f"{self.step}: {sentence}"

    def forget(self):
        """A refused call may leave the model loaded."""
        try:
            self.ferryd.unload(self.name)
        except (Refused, Died, Hung):
            pass

    def serve(self, device, calls, tour):
        self.step, self.calls = f"load to {device}", 0
        begin = time.monotonic()
        self.result.bytes = self.ferryd.load(self.name, device).weight_bytes
        self.result.load_seconds = self.result.load_seconds or time.monotonic() - begin
        for _ in range(calls):
            self.ask(device)
        for place in tour:
            self.step = f"move to {place}"
            self.ferryd.migrate(self.name, place)
            self.ask(place)

    def ask(self, device):
        self.step = f"call {self.calls + 1} on {device}"
        outputs, place = self.ferryd.infer(self.name, self.made["inputs"])
        answer, script = leaves(outputs), self.made["script"]
        if place != device:
            raise Wrong(f"it ran on {place}")
        wanted = script[min(self.calls, len(script) - 1)]
        wrong = differences(answer, wanted, exact=self.exact_everywhere or device == "cpu")
        if wrong:
            raise Wrong(f"against TorchScript in Python: {wrong}")
        self.calls += 1

    def leave(self, before):
        self.step = "unload"
        self.ferryd.unload(self.name)
        after = self.ferryd.used_bytes()
        if after != before:
            raise Wrong(f"bytes before {before}, after {after}")
