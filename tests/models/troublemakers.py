"""The test models that misbehave: they keep state, take their time, throw, loop at load, or reach for files.

make_models.py writes them. None needs golden outputs but those with state, whose answers depend on the calls before.
"""

from typing import Tuple

import torch
from torch import Tensor, nn


class Counter(nn.Module):
    """Mutable state by an in-place operator on a buffer: the n-th call answers x + n."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        return x + self.calls


class Assigner(nn.Module):
    """Mutable state by assignment (prim::SetAttr): answers the running sum of what it was given."""

    sum: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("sum", torch.zeros(4))
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        self.sum = self.sum + x * self.scale
        return self.sum


class SliceWriter(nn.Module):
    """Mutable state through a view of a buffer, which is harder to see: a ring of the last four inputs."""

    def __init__(self):
        super().__init__()
        self.register_buffer("ring", torch.zeros(4, 4))
        self.register_buffer("at", torch.zeros(1, dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        row = self.ring[int(self.at.item())]
        row.copy_(x)
        self.at.add_(1).remainder_(4)
        return self.ring.sum(0)


class Slow(nn.Module):
    """Takes as long as it is told: `rounds` products of 512 x 512 matrices, some milliseconds each."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(512, 512) * 0.04)

    def forward(self, x: Tensor, rounds: int) -> Tensor:
        for _ in range(rounds):
            x = torch.tanh(x @ self.weight)
        return x


class Throwing(nn.Module):
    """Raises when the sum of its input is negative, answers otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        if float(x.sum()) < 0:
            raise RuntimeError("the input is negative")
        return x * 2


class EndlessLoad(nn.Module):
    """Its __setstate__ never returns, so neither does a reader that runs it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight

    @torch.jit.export
    def __getstate__(self) -> Tuple[Tensor, bool]:
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[Tensor, bool]) -> None:
        turns = 0
        while turns >= 0:
            turns = (turns + 1) % 1000
        self.weight = state[0]
        self.training = state[1]


class SetState(nn.Module):
    """A harmless __setstate__, as quantised modules have: it runs code while the file is read."""

    def __init__(self):
        super().__init__()
        self.weight = torch.randn(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight

    @torch.jit.export
    def __getstate__(self) -> Tuple[Tensor, bool]:
        return self.weight * 2, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[Tensor, bool]) -> None:
        self.weight = state[0] / 2
        self.training = state[1]


class WritesFile(nn.Module):
    """aten::save: writes any file that the process may write."""

    def forward(self, x: Tensor, path: str) -> Tensor:
        torch.ops.aten.save(x, path)
        return x


class ReadsFile(nn.Module):
    """aten::from_file: reads any file that the process may read, and with shared=True writes it."""

    def forward(self, x: Tensor, path: str) -> Tensor:
        return x + torch.from_file(path, False, 4)


class ReadsFileDeepInside(nn.Module):
    """The same, called from a function of a submodule, inside a branch: a check of forward's own graph misses it."""

    def __init__(self):
        super().__init__()
        self.inner = ReadsFile()

    def forward(self, x: Tensor, path: str) -> Tensor:
        if x.numel() > 1000:
            x = self.inner(x, path)
        return x
