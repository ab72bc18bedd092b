"""Holds the pages against the code: the tables of flags, metrics, alerts, RPCs and codes, the README's figures, the pictures, and
every link and path. And sentences against their length.

Usage: documents.py BUILD_DIRECTORY

Every fault is printed; the exit code says whether there was one.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import pages

sys.path.insert(0, str(pages.ROOT / "tests/deploy"))
import catalog  # noqa: E402

DOCS = pages.ROOT / "docs"
CODES = set("""CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED
    FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED""".split())
PICTURE_BYTES_MAX = 300_000
SENTENCE_WORDS_MAX = 30
UNPLAIN = ("was not had", "of late", "whoever asked", "honest metrics", ", else ", "not when", "are more than literals")
NO_FLAGS = {"help", "version"}  # They ask instead of setting.


def unquoted(cell):
    return cell.replace("`", "")


def differences(where, told, true):
    """Of {name: what is said of it} and what is so."""
    for name in sorted(told.keys() | true.keys()):
        if name not in true:
            yield f"{where}: {name} is told of, and there is none"
        elif name not in told:
            yield f"{where}: {name} is not told of"
        elif told[name] != true[name]:
            yield f"{where}: {name} is told to be {told[name]!r}, and is {true[name]!r}"


def flags(build):
    """{flag: its default, as --help says it}."""
    text = subprocess.run([build / "ferryd", "--help"], capture_output=True, text=True, check=True).stdout
    options = re.split(r"^  (?:-h,)?--", text.split("Options:\n")[1].split("\n\n")[0], flags=re.M)[1:]
    found = {}
    for option in options:
        said = " ".join(option.split())
        default = re.search(r"Default: (.*?)\.?$", said)
        found[re.match(r"[a-z-]+", said)[0]] = default[1] if default else ""
    return {flag: default for flag, default in found.items() if flag not in NO_FLAGS}


def flag_faults(build):
    told = {unquoted(flag).lstrip("-"): unquoted(default) for flag, default, _ in pages.table(DOCS / "configuration.md", "flag")}
    yield from differences("docs/configuration.md: flags", told, flags(build))


def metric_faults():
    told = {unquoted(name): (kind, unquoted(labels), text)
            for name, kind, labels, text in pages.table(DOCS / "operations.md", "metric")}
    true = {row.name: (row.kind.lower(), ", ".join(row.labels), row.help) for row in catalog.rows()}
    yield from differences("docs/operations.md: metrics", told, true)


def alert_faults():
    rules = (pages.ROOT / "deploy/prometheus/ferry.rules.yaml").read_text()
    true = dict(re.findall(r"- alert: (\w+)$.*?severity: (\w+)$", rules, re.M | re.DOTALL))
    told = {unquoted(name): severity for name, severity, _ in pages.table(DOCS / "operations.md", "alert")}
    yield from differences("docs/operations.md: alerts", told, true)


def rpcs(path):
    """{RPC: its comment} of the services in a proto."""
    found = {}
    for comment, name in re.findall(r"((?:^  //.*\n)*)^  rpc (\w+)\(", path.read_text(), re.M):
        found[name] = comment
    return found


def codes_in(text):
    return set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", text)) & CODES


def code_faults():
    where = "docs/rpcs.md"
    page = DOCS / "rpcs.md"
    protos = {name: comment for path in sorted((pages.ROOT / "proto/ferry/v1").glob("*_service.proto"))
              for name, comment in rpcs(path).items()}
    told = {unquoted(name): codes_in(codes) for name, _, codes in pages.table(page, "RPC")}
    yield from differences(f"{where}: RPCs", dict.fromkeys(told), dict.fromkeys(protos))
    common = codes_in(re.search(r"^Any RPC may also answer .*", page.read_text(), re.M)[0])
    for name in told.keys() & protos.keys():
        for code in sorted(codes_in(protos[name]) - told[name] - common):
            yield f"{where}: the proto says that {name} may answer {code}"
    means = {code: meaning for code, meaning, _ in pages.table(page, "code")}
    stated = codes_in((pages.ROOT / "proto/ferry/v1/model_service.proto").read_text()) | common | set().union(*told.values())
    yield from differences(f"{where}: codes", dict.fromkeys(means), dict.fromkeys(stated))


def kserve_faults():
    text = (pages.ROOT / "proto/inference/grpc_service.proto").read_text()
    served = dict.fromkeys(re.findall(r"^  rpc (\w+)\(", text.split("From here on: UNIMPLEMENTED")[0], re.M))
    told = {unquoted(name): None for name, _ in pages.table(DOCS / "rpcs.md", "method")}
    yield from differences("docs/rpcs.md: KServe v2", told, served)


def figure_faults():
    """The README's figures are those of the measurements."""
    measured = (DOCS / "measurements/2026-11-cpu.md").read_text()
    for row in pages.table(pages.ROOT / "README.md", "what"):
        for figure in re.findall(r"\d+\.\d+", " ".join(row)):
            if not re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.]*\d)", measured):
                yield f"README.md: {row[0]}: {figure} is not in docs/measurements/2026-11-cpu.md"


def picture_faults():
    """Pictures are SVG, and that of the dashboard has the panels that it has now; scripts/screenshots makes them again."""
    dashboard = json.loads((pages.ROOT / "deploy/grafana/ferry.json").read_text())
    for path in sorted((DOCS / "images").glob("*.svg")):
        where = path.relative_to(pages.ROOT)
        words = {element.text for element in xml.etree.ElementTree.parse(path).iter() if element.text}
        if path.stat().st_size > PICTURE_BYTES_MAX:
            yield f"{where}: has {path.stat().st_size} bytes"
        for panel in dashboard["panels"] if path.name == "dashboard.svg" else ():
            if not words & {panel["title"], f"▾ {panel['title']}"}:
                yield f"{where}: has no panel '{panel['title']}'"


def prose_faults():
    """A sentence that has to be read twice is too long; these phrases were."""
    for page in pages.pages():
        text = re.sub(r"^(?:[|#!]|<!--).*$", "", pages.prose(page), flags=re.M)
        for paragraph in re.split(r"\n\s*\n|\n(?=- )", text):
            for sentence in re.split(r"(?<=[.!?:])\s+", " ".join(paragraph.split())):
                if (words := len(sentence.split())) > SENTENCE_WORDS_MAX:
                    yield f"{page.relative_to(pages.ROOT)}: a sentence of {words} words: {sentence}"
                for phrase in UNPLAIN:
                    if phrase in sentence.lower():
                        yield f"{page.relative_to(pages.ROOT)}: '{phrase}' in: {sentence}"


def link_faults():
    readme = pages.ROOT / "README.md"
    linked = set()
    for page in [*pages.pages(), pages.ROOT / "server/README.md", pages.ROOT / "CONTRIBUTING.md"]:
        where = page.relative_to(pages.ROOT)
        for target in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists():
                yield f"{where}: {target} leads nowhere"
            elif anchor and anchor not in pages.anchors(file):
                yield f"{where}: {path or where} has no heading #{anchor}"
            if page == readme:
                linked.add(file)
        for told in re.findall(r"`((?:scripts|deploy|docs|tests|proto|client|server)/[\w./-]+)", page.read_text()):
            if not (pages.ROOT / told).exists():
                yield f"{where}: there is no {told}"
    for page in set(pages.pages()) - linked - {readme}:
        yield f"README.md: does not link to {page.relative_to(pages.ROOT)}"


def main():
    build = Path(sys.argv[1])
    faults = [*flag_faults(build), *metric_faults(), *alert_faults(), *code_faults(), *kserve_faults(), *figure_faults(),
              *picture_faults(), *prose_faults(), *link_faults()]
    for fault in faults:
        print(fault)
    print(f"documents: {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
