"""Takes every model of a folder through its trial, whatever becomes of the daemon, and says what there was to see."""

import sys
import time

import torch

import table
import wire
from daemon import Ferryd
from trial import DIED, HUNG, SERVED, UNMADE, WRONG, Result, Trial


QUICK_MIN = 30  # Fewer in the folder: it is not the zoo's.


def found(arguments):
    """{name: what make.py wrote beside it}, of the models in the folder that are asked for."""
    there = {}
    for path in sorted(arguments.folder.iterdir()):
        if path.suffix in (".answers", ".unmade") and (
                not arguments.names or any(path.name.startswith(name) for name in arguments.names)):
            made = torch.load(path)
            if made["quick"] or not arguments.quick:
                there[path.name.removesuffix(path.suffix)] = made
    return there


def try_all(models, arguments):
    """A Result for each, and one more for a daemon that does not end as it should."""
    messages = wire.read_messages()
    ferryd, results = None, []
    try:
        for name, made in models.items():
            if "sentence" in made:
                results.append(Result(name, UNMADE, made["sentence"]))
                continue
            ferryd = ferryd or Ferryd(arguments.build, arguments.folder, messages)
            result = Trial(ferryd, arguments.folder / f"{name}.pt", made).run()
            results.append(result)
            print(f"zoo: {name} {result.verdict} {result.sentence} ({result.seconds:.2f} s)".replace("  ", " "), flush=True)
            if result.verdict in (DIED, HUNG):
                ferryd.close(kill=True)
                ferryd = None
    finally:
        code = ferryd.close() if ferryd else 0
    if code != 0:
        results.append(Result("ferryd.itself", DIED, f"at SIGTERM: it ended with {code}"))
    return results


def visit(arguments):
    """The exit code: 1 when a model died, hung or answered wrong; of the quick ones, also when one is not served."""
    torch.set_num_threads(1)
    models = found(arguments)
    if not models or (arguments.quick and len(models) < QUICK_MIN):
        sys.exit(f"zoo: {arguments.folder} has {len(models)} models of those asked for; scripts/setup-models makes the quick ones, "
                 "scripts/zoo all")
    begin = time.monotonic()
    results = try_all(models, arguments)
    print(table.summary(results))
    print(f"zoo: {time.monotonic() - begin:.0f} s")
    if arguments.table:
        arguments.table.write_text(table.page(results))
    failed = [result for result in results if result.verdict in (DIED, HUNG, WRONG)]
    served = [result for result in results if result.verdict == SERVED]
    return 1 if failed or not served or (arguments.quick and len(served) != len(results)) else 0
