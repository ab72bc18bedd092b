"""A Specimen is one model of the zoo, before it is made: where it comes from, and how to build it.

It has no weights yet, so that listing the zoo costs nothing. Its weights are random, under a seed that is its own name: one
made alone is the one made with all.
"""

import dataclasses
import hashlib
import inspect
from typing import Any, Callable, Dict, Tuple

import torch

TRACED = "traced"
SCRIPTED = "scripted"
SHIPPED = "shipped"  # A TorchScript file that its package brings.


@dataclasses.dataclass(frozen=True)
class Specimen:
    """`name` is PACKAGE.ARCHITECTURE, and the name it is served under begins with it. `build` gives a module in evaluation mode
    and the arguments of one call of forward, by name. `quick`: among those that each `scripts/test` serves, chosen for what it
    is unlike the others in, and for taking under two seconds to make and under one to try."""

    name: str
    build: Callable[[], Tuple[torch.nn.Module, Dict[str, Any]]]
    ways: Tuple[str, ...] = (TRACED,)
    quick: bool = False

    def file(self, way):
        return f"{self.name}.{way}"

    def source(self):
        """The file whose code builds it."""
        return inspect.getfile(inspect.unwrap(getattr(self.build, "func", self.build)))

    def seed(self):
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big")
