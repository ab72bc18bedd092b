"""The ordinary test models: one class each, small, deterministic, each with a reason to be here.

make_models.py gives them weights, inputs and golden outputs. The comment on a class says what it exercises in Ferry.
"""

from typing import Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Mlp(nn.Module):
    """The plain case: parameters only, one tensor in, one out."""

    def __init__(self, width: int = 64, hidden: int = 128, layers: int = 4):
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.hidden = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(layers)])
        self.last = nn.Linear(hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        for layer in self.hidden:
            x = F.gelu(layer(x))
        return torch.softmax(self.last(x), -1)


class Conv(nn.Module):
    """Convolutions that choose a kernel by device, and batch norm, whose running statistics are buffers."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 16, 3, stride=2, groups=2)
        self.transposed = nn.ConvTranspose2d(16, 4, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.last = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.grouped(F.relu(self.norm(self.wide(x)))), 2)
        return self.last(self.pool(F.relu(self.transposed(x))).flatten(1))


class Lstm(nn.Module):
    """Weights that reach one operator as a list of tensors. Traced, it bakes a device constant."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True)
        self.last = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        return self.last(y[:, -1])


class Gru(nn.Module):
    """As Lstm, by another kernel."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 16, 1, batch_first=True)
        self.last = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        _, h = self.gru(x)
        return self.last(h[-1])


class Packed(nn.Module):
    """Lengths that an operator wants on the host wherever the weights are. Traced, it bakes the "cpu" that it moves them to."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True, bidirectional=True)
        self.last = nn.Linear(32, 4)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        if torch.jit.is_tracing():
            lengths = lengths.cpu()
        y, _ = self.lstm(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        y, _ = pad_packed_sequence(y, batch_first=True)
        return self.last(y)


class SdpaBlock(nn.Module):
    """Fused attention: the composite operator that takes another path on a device it does not know."""

    def __init__(self, width: int = 32, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_a = nn.LayerNorm(width)
        self.norm_b = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape[0], x.shape[1], x.shape[2]
        split = self.qkv(self.norm_a(x)).view(batch, steps, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, steps, width))
        return x + self.mlp(self.norm_b(x))


class TiedLm(nn.Module):
    """Integer input, and a head tied to the embedding: one storage under two names."""

    def __init__(self, words: int = 100, width: int = 32):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.position = nn.Parameter(torch.randn(1, 64, width))
        self.blocks = nn.ModuleList([SdpaBlock(width) for _ in range(2)])
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids) + self.position[:, torch.arange(ids.shape[1], device=ids.device)]
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Baked(nn.Module):
    """For tracing: bakes device constants (zeros, arange) and a tensor constant into the graph."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.hidden_constant = [torch.arange(8.0)]

    def forward(self, x: Tensor) -> Tensor:
        zeros = torch.zeros(x.shape[0], 8)
        return self.linear(x) + zeros + self.hidden_constant[0] + torch.arange(8).to(x.device)


class Encoder(nn.Module):
    """torch's own transformer encoder, which branches in Python on the type of the device: trace it."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x)


class Identity(nn.Module):
    """No weights at all; what comes in goes out, NaN and infinities included."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Views(nn.Module):
    """Weights that are not simple: a slice of a larger storage, channels-last strides, half, int8, bool, 0-dim, empty."""

    def __init__(self):
        super().__init__()
        whole = torch.randn(6, 4)
        self.register_buffer("slice", whole[2:4])
        self.register_buffer("rest", whole[4:])
        self.register_buffer("last", torch.randn(1, 3, 2, 2).contiguous(memory_format=torch.channels_last))
        self.register_buffer("coarse", torch.randn(4).to(torch.bfloat16))
        self.register_buffer("tiny", torch.tensor([-3, 2, 1, 7], dtype=torch.int8))
        self.register_buffer("mask", torch.tensor([True, False, True, True]))
        self.register_buffer("scalar", torch.tensor(0.5))
        self.register_buffer("empty", torch.empty(0, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = (x @ torch.cat([self.slice, self.rest, self.empty]).t()).masked_fill(~self.mask, -1.0)
        return x * self.scalar + self.coarse.float() + self.tiny + self.last.sum()


class Nested(nn.Module):
    """Every kind of argument and answer that TorchScript allows and the wire must carry."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(
        self,
        batch: Dict[str, Tensor],
        pair: Tuple[Tensor, int],
        extra: List[Tensor],
        bias: Optional[Tensor],
        scale: float,
        label: str,
        negate: bool = False,
    ) -> Tuple[Dict[str, Tensor], List[Tensor], Tuple[Tensor, Optional[Tensor]], int, str, bool]:
        y = self.linear(batch["x"]) * scale + batch["y"] + pair[0] * float(pair[1])
        for e in extra:
            y = y + e
        if bias is not None:
            y = y + bias
        if negate:
            y = -y
        return {"y": y, "sum": y.sum(0)}, [y[:1], y[1:]], (y.mean(), bias), pair[1] + len(extra), label + "!", not negate


class Deep(nn.Module):
    """Nesting of nesting, and lists of plain numbers and strings."""

    def forward(
        self, items: List[Dict[str, Tuple[Tensor, List[int]]]], names: List[str], weights: List[float]
    ) -> List[Dict[str, Tensor]]:
        out: List[Dict[str, Tensor]] = []
        for item in items:
            made: Dict[str, Tensor] = {}
            for i in range(len(names)):
                tensor, steps = item[names[i]]
                made[names[i]] = tensor * weights[i] + sum(steps)
            out.append(made)
        return out
