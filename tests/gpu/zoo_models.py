#!/usr/bin/env python3
"""Copies models of the zoo (tests/zoo) into a folder in the form of build/models, whose answers gpu_check reads without Python.

    zoo_models.py ZOO FOLDER BYTES_MAX

Of the quick ones, which every scripts/test serves, smallest first, until there are BYTES_MAX bytes. A model whose arguments are
not the first of its forward, in order, or whose answer is not tensors and numbers, is left out.
"""

import pathlib
import sys

import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from make_models import hold


def is_plain(values):
    return all(isinstance(value, (torch.Tensor, int, float, bool)) for value in values)


def numbered(letter, values):
    return {f"{letter}{k}": value.contiguous() if isinstance(value, torch.Tensor) else value for k, value in enumerate(values)}


def copy(path, folder):
    """The bytes that were copied; 0 when it is left out."""
    answers = torch.load(path.with_suffix(".answers"), weights_only=False)
    if not answers["quick"] or len(answers["script"]) != 1:
        return 0
    if not is_plain(answers["inputs"].values()) or not is_plain(answers["eager"]):
        return 0
    schema = torch.jit.load(str(path)).forward.schema
    if [argument.name for argument in schema.arguments[1:]][:len(answers["inputs"])] != list(answers["inputs"]):
        return 0
    copied = folder / path.name
    copied.write_bytes(path.read_bytes())
    hold(copied.with_suffix(".in.pt"), numbered("i", answers["inputs"].values()))
    hold(copied.with_suffix(".out.pt"), numbered("o", answers["eager"]))
    return sum(copied.with_suffix(ending).stat().st_size for ending in (".pt", ".in.pt", ".out.pt"))


def main():
    zoo, folder, room = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(zoo.glob("*.pt"), key=lambda path: path.stat().st_size):
        if path.stat().st_size > room:
            break
        room -= copy(path, folder)


if __name__ == "__main__":
    main()
