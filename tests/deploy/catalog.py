"""The rows of server/metrics/catalog.h, as tests read them."""

import dataclasses
import re
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "server/metrics/catalog.h"
ROW = re.compile(r'MetricRow k\w+ = \{\s*"(ferry_\w+)",\s*MetricType::k(\w+),\s*((?:"[^"]*"\s*)+),\s*'
                 r'\{([^}]*)\}(?:,\s*Buckets::k(\w+))?')


@dataclasses.dataclass
class Row:
    name: str
    kind: str  # Counter, Gauge, Histogram
    help: str
    labels: list
    buckets: str  # Empty for other kinds.


def rows():
    return [Row(name, kind, "".join(re.findall(r'"([^"]*)"', help_text)), re.findall(r'"(\w+)"', labels), buckets)
            for name, kind, help_text, labels, buckets in ROW.findall(PATH.read_text())]
