"""The leaves of an answer: its tensors, numbers and strings, in order, whatever lists, tuples and dicts they are in.

TorchScript, eager Python and the wire each have their own containers for one answer; they agree on the leaves.
"""

import torch

RELATIVE = 1e-4
ABSOLUTE = 1e-5  # Of the largest magnitude in the tensor, or of 1 where that is less.


def leaves(value):
    """A flat list. None is no leaf: a wire or a trace may leave it out."""
    if value is None:
        return []
    if isinstance(value, dict) or hasattr(value, "items"):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, (list, tuple)):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value.detach().clone() if isinstance(value, torch.Tensor) else value]


def bits(tensor):
    """Its bytes, so that NaN equals itself and -0.0 does not equal 0.0."""
    return tensor.contiguous().flatten().view(torch.uint8) if tensor.numel() else torch.empty(0, dtype=torch.uint8)


def describe(leaf):
    return f"{str(leaf.dtype)[6:]} {list(leaf.shape)}" if isinstance(leaf, torch.Tensor) else repr(leaf)


def same_form(got, wanted):
    return len(got) == len(wanted) and all(
        type(a) is type(b) and (not isinstance(a, torch.Tensor) or (a.dtype == b.dtype and a.shape == b.shape))
        for a, b in zip(got, wanted))


def equal(got, wanted):
    """Bit for bit, dtype and shape included."""
    return same_form(got, wanted) and all(
        torch.equal(bits(a), bits(b)) if isinstance(a, torch.Tensor) else a == b for a, b in zip(got, wanted))


def differences(got, wanted, exact=False):
    """What differs first, as a phrase; empty when they are equal, dtype and shape exactly, and values within RELATIVE and
    ABSOLUTE of one another, or bit for bit when `exact`."""
    if not same_form(got, wanted):
        return f"[{', '.join(map(describe, got))}] instead of [{', '.join(map(describe, wanted))}]"[:300]
    for place, (a, b) in enumerate(zip(got, wanted)):
        if equal([a], [b]):
            continue
        if exact or not isinstance(a, torch.Tensor) or not (a.is_floating_point() or a.is_complex()):
            return f"leaf {place}, {describe(a)}, differs{by(a, b)}"
        scale = max(1.0, float(b.abs().nan_to_num(0, 0, 0).max()))
        if not torch.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE * scale, equal_nan=True):
            return f"leaf {place}, {describe(a)}, differs{by(a, b)}"
    return ""


def by(a, b):
    if not isinstance(a, torch.Tensor):
        return f": {a!r} instead of {b!r}"
    apart = (a.to(torch.complex128) - b.to(torch.complex128)).abs()
    return f" in {int((a != b).sum())} of {a.numel()} elements, by up to {float(apart.nan_to_num(0).max()):.1e}"
