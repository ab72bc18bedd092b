"""Checks deploy/ against the code: metrics, their labels and the values of those, configuration keys, Kubernetes' own schemas.

    .venv-models/bin/python tests/deploy/check.py

Every fault is printed on one line; the exit code says whether there was one. Metrics are those of server/metrics/catalog.h, in
the tests of the rules too; configuration keys those that build/release/ferryd --help lists, when it is built; what
docs/deployment.md prints is held by pages_check.py. Manifests are rendered as kustomize does (see kustomize.py beside this file)
and validated strictly, without a cluster.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml

import catalog
import kustomize
import pages_check

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES_VERSIONS = ("1.29", "1.34")
SCRAPE_LABELS = {"job", "instance"}
DRAIN_MAX_DEFAULT = "30s"
# Flags that bound host memory, beside the budget of the cpu.
HOST_BUDGETS = ("activation-bytes-max", "requests-bytes-max", "transport-bytes-max")
OWN = "its own"
OWN_GIB_MIN = 1
HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")

NAME = re.compile(r"\bferry_\w+")
RECORDED = re.compile(r"\bferry:\w[\w:]*")
GROUPING = re.compile(r"\b(?:by|without) \(([^)]*)\)")
MATCHERS = re.compile(r"(ferry[_:][\w:]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
PLACE = re.compile(r"disk|cpu|(?:sim|cuda):\d+|several|auto")
CODES = set("""OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
    RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS
    UNAUTHENTICATED""".split())


class Metric:
    """A row of the catalogue: its labels, and those of their values that are a closed set."""

    def __init__(self, help_text, labels, bounds):
        self.labels = labels
        self.values = {"code": CODES.__contains__, "from": PLACE.fullmatch, "to": PLACE.fullmatch, "device": PLACE.fullmatch}
        if "step" in labels:  # "... in each step: queue, pin, run, encode."
            self.values["step"] = re.search(r": ([\w, ]+)\.$", help_text)[1].split(", ").__contains__
        if "state" in labels:
            states = re.search(r"kNames = \{([^}]*)\}", (ROOT / "server/registry/model_state.cc").read_text())[1]
            self.values["state"] = re.findall(r"[A-Z]+", states).__contains__
        if bounds:
            self.labels = labels | {"le"}
            self.values["le"] = {*bounds, float("inf")}.__contains__

    def has_value(self, label, value):
        return bool(self.values.get(label, lambda _: True)(float(value) if label == "le" else value))


def catalogue():
    """{exported name: its Metric}: a histogram exports three."""
    bounds = dict(re.findall(r"k(\w+)Bounds = \{([^}]*)\}", (ROOT / "server/metrics/catalog.cc").read_text()))
    exported = {}
    for row in catalog.rows():
        for suffix in HISTOGRAM_SUFFIXES if row.kind == "Histogram" else ("",):
            of_suffix = {float(bound) for bound in bounds[row.buckets].split(",")} if suffix == "_bucket" else set()
            exported[row.name + suffix] = Metric(row.help, set(row.labels), of_suffix)
    return exported


def recorded():
    return {rule["record"] for group in rule_groups() for rule in group["rules"] if "record" in rule}


def rule_groups():
    return yaml.safe_load((ROOT / "deploy/prometheus/ferry.rules.yaml").read_text())["groups"]


def check_expression(where, expression, metrics, faults):
    """Each metric exists or is recorded, each label that is grouped by or matched is one of its labels, with values it has."""
    names = set(NAME.findall(expression))
    known = set(SCRAPE_LABELS)
    for name in sorted(names):
        if name in metrics:
            known |= metrics[name].labels
        else:
            faults.append(f"{where}: {name} is not in server/metrics/catalog.h")
    for name in sorted(set(RECORDED.findall(expression)) - recorded()):
        faults.append(f"{where}: {name} is recorded by no rule")
    if "ferry:" not in expression:
        for labels in GROUPING.findall(expression):
            for label in set(re.split(r",\s*", labels)) - known:
                faults.append(f"{where}: no metric of the expression has the label {label}")
    for name, matchers in MATCHERS.findall(expression):
        if name not in metrics:
            continue
        for label, operator, value in MATCHER.findall(matchers):
            if label not in metrics[name].labels | SCRAPE_LABELS:
                faults.append(f"{where}: {name} has no label {label}")
            for one in value.split("|") if "~" in operator else [value]:
                if not one.startswith("$") and not metrics[name].has_value(label, one):
                    faults.append(f"{where}: {name} is never {label}={one}")
    return names


def check_rules(metrics, faults):
    for group in rule_groups():
        for rule in group["rules"]:
            check_expression(f"ferry.rules.yaml: {rule.get('alert') or rule.get('record')}", rule["expr"], metrics, faults)


def check_rule_tests(metrics, faults):
    """What the tests feed to the rules are series that ferryd exports: with all their labels, and values that those have."""
    path = ROOT / "tests/deploy/ferry.rules.test.yaml"
    for test in yaml.safe_load(path.read_text())["tests"]:
        for series in (given["series"] for given in test["input_series"]):
            where = f"{path.name}: {series}"
            check_expression(where, series, metrics, faults)
            metric = metrics.get(NAME.match(series)[0])
            labels = {label for label, _, _ in MATCHER.findall(series)}
            for missing in sorted(metric.labels - labels if metric else ()):
                faults.append(f"{where}: has no label {missing}")


def check_dashboard(metrics, faults):
    """Also: every row of the catalogue is shown somewhere, ids differ, and no panel covers another."""
    path = ROOT / "deploy/grafana/ferry.json"
    dashboard = json.loads(path.read_text())
    shown, ids, cells = set(), set(), {}
    for panel in dashboard["panels"]:
        where = f"{path.name}: {panel['title']}"
        if panel["id"] in ids:
            faults.append(f"{where}: another panel has the id {panel['id']}")
        ids.add(panel["id"])
        grid = panel["gridPos"]
        for cell in ((x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])):
            if cells.setdefault(cell, panel["title"]) != panel["title"]:
                faults.append(f"{where}: covers {cells[cell]}")
                break
        for target in panel.get("targets", []):
            shown |= check_expression(where, target["expr"], metrics, faults)
    for variable in dashboard["templating"]["list"]:
        check_expression(f"{path.name}: ${variable['name']}", variable.get("definition", ""), metrics, faults)
    rows = {re.sub("_(bucket|sum|count)$", "", name) for name in metrics}
    for row in sorted(rows - {re.sub("_(bucket|sum|count)$", "", name) for name in shown}):
        faults.append(f"{path.name}: shows nothing of {row}")


def check_manifests(faults):
    folder = ROOT / "deploy/kubernetes"
    base = kustomize.render(folder / "base")
    for kustomization in sorted(folder.rglob("kustomization.yaml")):
        where = kustomization.parent.relative_to(ROOT)
        for manifest in kustomize.render(kustomization.parent):
            name = f"{where}: {manifest['kind']} {manifest['metadata']['name']}"
            if manifest["kind"] == "ServiceMonitor":  # Not Kubernetes' own; its operator has no schema offline.
                faults.extend(f"{name}: {fault}" for fault in kustomize.unmonitored(manifest, base))
                continue
            for version in KUBERNETES_VERSIONS:
                try:
                    kubernetes_validate.validate(manifest, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    faults.append(f"{name}: Kubernetes {version}: {error.message}")
            faults.extend(f"{name}: {fault}" for fault in kustomize.dangling(manifest, folder, where))


def seconds(duration):
    """Of "30s"; the files write no other unit."""
    return float(re.fullmatch(r"(\d+)s", duration)[1])


def check_configurations(faults):
    """Every TOML file parses; its keys are flags of ferryd; whoever stops the daemon waits longer than its drain-max."""
    flags = set()
    ferryd = ROOT / "build/release/ferryd"
    if ferryd.exists():
        text = subprocess.run([ferryd, "--help"], capture_output=True, text=True, check=True).stdout
        flags = set(re.findall(r"--([a-z][a-z-]*)", text))
    pod = yaml.safe_load((ROOT / "deploy/kubernetes/base/deployment.yaml").read_text())["spec"]["template"]["spec"]
    unit = (ROOT / "deploy/systemd/ferryd.service").read_text()
    pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    patience = min(pod["terminationGracePeriodSeconds"] - pause, seconds(re.search(r"^TimeoutStopSec=(\S+)", unit, re.M)[1]))
    for variable in re.findall(r"\b(FERRY_\w+)=", (ROOT / "Dockerfile").read_text()):
        if variable != "FERRY_CONFIG":
            faults.append(f"Dockerfile: {variable} stands over the ferry.toml that is mounted")
    for path in sorted((ROOT / "deploy").rglob("*.toml")):
        where = path.relative_to(ROOT)
        settings = tomllib.loads(path.read_text())
        for key in settings:
            if flags and key not in flags:
                faults.append(f"{where}: ferryd has no flag --{key}")
        if seconds(settings.get("drain-max", DRAIN_MAX_DEFAULT)) >= patience:
            faults.append(f"{where}: drain-max is not below the {patience:.0f} s after which the daemon is killed")


def gibibytes(size):
    """Of "8GiB" as ferryd writes it, "8Gi" as Kubernetes does, "8G" as systemd does; the files write no other unit."""
    return int(re.fullmatch(r"(\d+)G(?:i|iB)?", size)[1])


def check_sum(where, limit, comments, settings, faults):
    """The limit on memory is what its comment says: the budgets of ferry.toml, each by its name, and what is the daemon's own."""
    stated = re.search(r"^\s*# (\w+) = ((?:\w+ of [a-z -]+?(?: \+ )?)+):", comments, re.M)
    if not stated:
        faults.append(f"{where}: no comment says what its memory is the sum of")
        return
    terms = {name: gibibytes(size) for size, name in re.findall(r"(\w+) of ([a-z -]+?)(?= \+|$)", stated[2])}
    budgets = {name: size for name, _, size in (device.partition("=") for device in settings["devices"].split(","))}
    wanted = {"cpu": gibibytes(budgets["cpu"])} | {flag: gibibytes(settings.get(flag, "0G")) for flag in HOST_BUDGETS}
    own = terms.pop(OWN, 0)
    if terms != wanted:
        faults.append(f"{where}: its comment adds {terms} GiB, ferry.toml has {wanted}")
    if own < OWN_GIB_MIN:
        faults.append(f"{where}: leaves {own} GiB for the daemon's own; it takes {OWN_GIB_MIN} at least")
    total = sum(terms.values()) + own
    if not gibibytes(limit) == gibibytes(stated[1]) == total:
        faults.append(f"{where}: {limit} of memory, and a comment of {stated[1]}, for what adds up to {total} GiB")


def check_memory(faults):
    for overlay in sorted((ROOT / "deploy/kubernetes/overlays").iterdir()):
        resources = next(kustomize.containers(kustomize.render(overlay)))["resources"]
        where = f"{overlay.relative_to(ROOT)}/resources.yaml"
        settings = tomllib.loads((overlay / "ferry.toml").read_text())
        check_sum(where, resources["limits"]["memory"], (overlay / "resources.yaml").read_text(), settings, faults)
        if resources["requests"]["memory"] != resources["limits"]["memory"]:
            faults.append(f"{where}: requests less memory than its limit: the node may not have the rest")
    folder = ROOT / "deploy/systemd"
    unit = (folder / "ferryd.service").read_text()
    limit = re.search(r"^MemoryMax=(\S+)", unit, re.M)
    if not limit:
        faults.append("deploy/systemd/ferryd.service: no MemoryMax")
        return
    check_sum("deploy/systemd/ferryd.service", limit[1], unit, tomllib.loads((folder / "ferry.toml").read_text()), faults)


def check_unit(faults):
    """systemd's own opinion of the unit, where systemd is: with another program in the place of ours, which is not installed."""
    if not shutil.which("systemd-analyze"):
        return
    unit = (ROOT / "deploy/systemd/ferryd.service").read_text()
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / "ferryd.service"
        tried.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit, flags=re.M))
        done = subprocess.run(["systemd-analyze", "verify", tried], capture_output=True, text=True)
    said = (done.stdout + done.stderr).splitlines()
    faults.extend(line.replace(folder, "deploy/systemd") for line in said if folder in line)  # Not of the machine's own units.


def main():
    faults = []
    metrics = catalogue()
    if len(metrics) < 10:
        faults.append("server/metrics/catalog.h: its rows are no longer read; see tests/deploy/catalog.py")
    check_rules(metrics, faults)
    check_rule_tests(metrics, faults)
    check_dashboard(metrics, faults)
    check_manifests(faults)
    check_configurations(faults)
    check_memory(faults)
    check_unit(faults)
    faults.extend(pages_check.faults())
    for fault in faults:
        print(fault)
    print(f"deploy: {len(faults)} faults, {len(metrics)} metric names known")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
