"""Checks deploy/ against the code: names of metrics, labels and configuration keys, and Kubernetes' own schemas.

    .venv-models/bin/python tests/deploy/check.py

Every fault is printed on one line; the exit code says whether there was one. Metrics are those of server/metrics/catalog.h;
configuration keys those that build/release/ferryd --help lists, when it is built. Manifests are rendered as kustomize does
(see kustomize.py beside this file) and validated strictly, without a cluster.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml

import kustomize

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES_VERSIONS = ("1.29", "1.34")
SCRAPE_LABELS = {"job", "instance", "le"}
DRAIN_MAX_DEFAULT = "30s"
HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")

ROW = re.compile(r'MetricRow k\w+ = \{\s*"(ferry_\w+)",\s*MetricType::k(\w+),\s*((?:"[^"]*"\s*)+),\s*\{([^}]*)\}')
NAME = re.compile(r"\bferry_\w+")
GROUPING = re.compile(r"\b(?:by|without) \(([^)]*)\)")
MATCHERS = re.compile(r"(ferry_\w+)\{([^}]*)\}")
TEMPLATE_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def catalogue():
    """{exported name: its labels}: a histogram exports three."""
    exported = {}
    for name, kind, _, labels in ROW.findall((ROOT / "server/metrics/catalog.h").read_text()):
        suffixes = HISTOGRAM_SUFFIXES if kind == "Histogram" else ("",)
        for suffix in suffixes:
            exported[name + suffix] = set(re.findall(r'"(\w+)"', labels))
    return exported


def check_expression(where, expression, metrics, faults):
    """Each metric exists, and each label that is grouped by or matched is one of its labels."""
    names = set(NAME.findall(expression)) - SCRAPE_LABELS
    known = set(SCRAPE_LABELS)
    for name in sorted(names):
        if name not in metrics:
            faults.append(f"{where}: {name} is not in server/metrics/catalog.h")
        known |= metrics.get(name, set())
    if "ferry:" not in expression:
        for labels in GROUPING.findall(expression):
            for label in set(re.split(r",\s*", labels)) - known:
                faults.append(f"{where}: no metric of the expression has the label {label}")
    for name, matchers in MATCHERS.findall(expression):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            if label not in metrics.get(name, set()) | SCRAPE_LABELS:
                faults.append(f"{where}: {name} has no label {label}")
    return names


def check_rules(metrics, faults):
    path = ROOT / "deploy/prometheus/ferry.rules.yaml"
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            check_expression(f"{path.name}: {rule.get('alert') or rule.get('record')}", rule["expr"], metrics, faults)


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
    for kustomization in sorted(folder.rglob("kustomization.yaml")):
        where = kustomization.parent.relative_to(ROOT)
        for manifest in kustomize.render(kustomization.parent):
            name = f"{where}: {manifest['kind']} {manifest['metadata']['name']}"
            if manifest["kind"] == "ServiceMonitor":  # Not Kubernetes' own; its operator has no schema offline.
                if not all("port" in endpoint for endpoint in manifest["spec"]["endpoints"]):
                    faults.append(f"{name}: an endpoint has no port")
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
    patience = min(pod["terminationGracePeriodSeconds"], seconds(re.search(r"^TimeoutStopSec=(\S+)", unit, re.M)[1]))
    for path in sorted((ROOT / "deploy").rglob("*.toml")):
        where = path.relative_to(ROOT)
        settings = tomllib.loads(path.read_text())
        for key in settings:
            if flags and key not in flags:
                faults.append(f"{where}: ferryd has no flag --{key}")
        if seconds(settings.get("drain-max", DRAIN_MAX_DEFAULT)) >= patience:
            faults.append(f"{where}: drain-max is not below the {patience:.0f} s after which the daemon is killed")


def main():
    faults = []
    metrics = catalogue()
    if len(metrics) < 10:
        faults.append("server/metrics/catalog.h: its rows are no longer read by this test; see ROW")
    check_rules(metrics, faults)
    check_dashboard(metrics, faults)
    check_manifests(faults)
    check_configurations(faults)
    for fault in faults:
        print(fault)
    print(f"deploy: {len(faults)} faults, {len(metrics)} metric names known")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
