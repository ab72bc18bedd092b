"""The page docs/measurements/zoo.md: a summary, what is refused and why, and a row for each model.

Two runs over the same daemon give the same page, or nearly: rows are sorted by name, and seconds are told by steps of three.
"""

import collections
import re

from trial import DIED, HUNG, REFUSED, SERVED, UNMADE, WRONG

STEPS = (0.1, 0.3, 1, 3, 10, 30)
SENTENCE_MAX = 240


def architecture(result):
    return result.name.rsplit(".", 1)[0]


def way(result):
    return result.name.rsplit(".", 1)[1]


def about(seconds):
    return next((f"< {step}" for step in STEPS if seconds < step), f"> {STEPS[-1]}")


def plain(sentence):
    """One line of a table: no addresses, times or temporary paths, which change from run to run."""
    sentence = re.sub(r"0x[0-9a-f]+", "0x…", " ".join(sentence.split())).replace("|", "\\|")
    return sentence if len(sentence) <= SENTENCE_MAX else sentence[:SENTENCE_MAX] + " …"


def summary(results):
    """Lines of counts."""
    tried = [result for result in results if result.verdict != UNMADE]
    count = collections.Counter(result.verdict for result in tried)
    codes = collections.Counter(result.code for result in tried if result.verdict == REFUSED)
    refused = ", ".join(f"{code} {number}" for code, number in sorted(codes.items())) or "none"
    served = {architecture(result) for result in tried if result.verdict == SERVED}
    return "\n".join((
        f"- architectures: {len({architecture(result) for result in tried})}, served in at least one form: {len(served)}",
        f"- files: {len(tried)}; served {count[SERVED]}; refused {count[REFUSED]} ({refused})",
        f"- wrong answers: {count[WRONG]}; hung: {count[HUNG]}; deaths: {count[DIED]}"))


def row(*cells):
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def page(results):
    results = sorted(results, key=lambda result: result.name)
    tried = [result for result in results if result.verdict != UNMADE]
    lines = [INTRODUCTION, summary(results), ""]
    bad = [result for result in tried if result.verdict != SERVED]
    if bad:
        lines += ["## What is not served, and why", ""]
        lines += [row("model", "made", "", "where: the daemon's sentence"), row(*["---"] * 4)]
        lines += [row(architecture(result), way(result), f"{result.verdict} {result.code}".strip(), plain(result.sentence))
                  for result in bad]
        lines.append("")
    lines += ["## Every model", "", "Seconds are of the first load and of the whole trial; bytes are of the weights.", "",
              row("model", "made", "", "bytes", "load, s", "trial, s"), "|---|---|---|--:|--:|--:|"]
    lines += [row(architecture(result), way(result), result.verdict, result.bytes, about(result.load_seconds),
                  about(result.seconds)) for result in tried]
    unmade = [result for result in results if result.verdict == UNMADE]
    if unmade:
        lines += ["", "## What was not made", ""]
        lines += ["Never came to a daemon: PyTorch's own compiler says no, or the zoo has no small settings for it.", "",
                  row("model", "made", "Python's sentence"), row(*["---"] * 3)]
        lines += [row(architecture(result), way(result), plain(result.sentence)) for result in unmade]
    return "\n".join(lines) + "\n"


INTRODUCTION = """# The zoo

Models of other people's packages, made small and with random weights, through the real daemon: loaded to cpu, called three
times, moved cpu → sim:0 → sim:1 → cpu with a call at each place, unloaded, loaded to sim:0, called, unloaded. *Served* means
that each of these answers was, bit for bit, what the same file answers in Python in one thread (a scripted model that asks for
the type of its device is held to the tolerance on sim); that this is within rtol 1e-4 and atol 1e-5 (of the tensor's largest
magnitude, at least 1) of the eager module, dtypes and shapes exactly; and that every device had as many bytes as before.
Everything else is named below. `scripts/zoo` repeats it and writes this page; `tests/zoo` is how.
"""
