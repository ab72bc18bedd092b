"""The panels of deploy/grafana/ferry.json over a real session: Prometheus scrapes a daemon under traffic and moves, and answers
each panel's expression; panels.py draws the answers."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import panels
from session import Session

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "build/tools/prometheus"
BEFORE, SECONDS, SCRAPE, RATE = 30, 150, 3, 12  # Grafana's $__rate_interval is four scrapes.
DEVICES = "cpu=2GiB,sim:0=1GiB@1GBps,sim:1=1GiB@500MBps"
MODELS = {"hello": "64MiB", "wide": "256MiB", "late": "32MiB"}


class Prometheus:
    def __init__(self, folder, target):
        if not PROMETHEUS.exists():
            raise SystemExit(f"there is no {PROMETHEUS.relative_to(ROOT)}: run scripts/setup-models")
        self.address = f"127.0.0.1:{panels.free_port()}"
        (folder / "prometheus.yaml").write_text(json.dumps({  # JSON is YAML, too.
            "global": {"scrape_interval": f"{SCRAPE}s"},
            "scrape_configs": [{"job_name": "ferry",
                                "static_configs": [{"targets": [target], "labels": {"instance": "ferry-0"}}]}],
        }))
        with open(folder / "prometheus.log", "w") as log:
            self.process = subprocess.Popen(
                [PROMETHEUS, f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address={self.address}"], stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def series(self, expression, start, end):
        """[(labels, [(seconds, value)])]"""
        query = urllib.parse.urlencode({"query": expression, "start": start, "end": end, "step": SCRAPE})
        with urllib.request.urlopen(f"http://{self.address}/api/v1/query_range?{query}") as answer:
            result = json.load(answer)["data"]["result"]
        return [(one["metric"], [(at - start, float(value)) for at, value in one["values"]]) for one in result]


def traffic(session):
    for name in ("hello", "wide"):
        session.ferryctl("load", name, "--device", "cpu")
    session.every(0.2, lambda: session.ferryctl("infer", "hello", "--random", "--repeat", 5))
    session.every(0.5, lambda: session.ferryctl("infer", "wide", "--random", "--repeat", 3))
    session.every(3, lambda: session.ferryctl("infer", "hello", "--input", "-", input='{"x": [[1, 2]]}'))  # The shape is wrong.
    session.every(5, *(lambda place=place: session.ferryctl("migrate", "wide", "--to", place)
                       for place in ("sim:0", "sim:1", "cpu")))
    session.every(25, lambda: session.ferryctl("load", "late", "--device", "sim:1"), lambda: session.ferryctl("unload", "late"))


def expression_of(target):
    expression = target["expr"].replace("$__rate_interval", f"{RATE}s").replace("$__range", f"{SECONDS}s")
    for variable in ("$job", "$instance", "$model"):
        expression = expression.replace(variable, ".*")
    return expression


def picture(build, folder):
    dashboard = json.loads((ROOT / "deploy/grafana/ferry.json").read_text())
    with Session(build, folder, DEVICES, MODELS) as session, Prometheus(folder, session.metrics) as prometheus:
        traffic(session)
        time.sleep(BEFORE + SECONDS)
        end = time.time()
        answers = {panel["id"]: [(target, prometheus.series(expression_of(target), end - SECONDS, end))
                                 for target in panel.get("targets", [])] for panel in dashboard["panels"]}
    return panels.svg(dashboard, answers, SECONDS)
