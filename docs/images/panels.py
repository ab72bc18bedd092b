"""Draws the panels of a Grafana dashboard as one SVG: titles, units, places and kinds, with the series that were measured."""

import math
import re
import socket
from xml.sax.saxutils import escape

COLUMN, ROW, GAP = 50, 30, 8  # Pixels of Grafana's grid.
BACKGROUND, PANEL, FRAME, TEXT, DIM, GRID = "#111217", "#181b1f", "#2b2e34", "#ccccdc", "#8e8ea0", "#26292e"
COLOURS = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a", "#37872d", "#c4162a")
TICKS = 4


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scaled(value, base, names):
    k = 0
    while abs(value) >= base and k + 1 < len(names):
        value, k = value / base, k + 1
    return f"{value:.3g}" + (f" {names[k]}" if names[k] else "")


def said(value, unit, decimals=None):
    """A value as Grafana writes its unit."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if unit == "bytes":
        return scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))
    if unit == "Bps":
        return scaled(value, 1000, ("B/s", "kB/s", "MB/s", "GB/s"))
    if unit == "s" and 0 < abs(value) < 1:
        return scaled(value * 1e6, 1000, ("µs", "ms"))
    return f"{scaled(value, 1000, ('', 'K', 'M'))}{ {'s': ' s', 'reqps': ' req/s'}.get(unit, '')}"


def name_of(target, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), target["legendFormat"])


def text(x, y, words, colour=TEXT, size=11, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}" font-size="{size}"{more}>{escape(words)}</text>'


def rectangle(x, y, width, height, colour, more=""):
    return f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" height="{height:.0f}" fill="{colour}"{more}/>'


def nice_top(value, least):
    """The end of an axis: a round number that is not below the value."""
    if value <= 0:
        return least
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)


def axis(biggest, unit):
    """[tick, ...] from 0."""
    if unit == "bytes":  # Round in powers of 1024.
        power = 1024 ** max(0, int(math.log(max(biggest, 1), 1024)))
        top = nice_top(biggest / power, 1) * power
    else:
        top = nice_top(biggest, 1)
    return [top * k / TICKS for k in range(TICKS + 1)]


class Panel:
    def __init__(self, panel, answers, seconds):
        grid = panel["gridPos"]
        self.x, self.y = grid["x"] * COLUMN + GAP / 2, grid["y"] * ROW + GAP / 2
        self.width, self.height = grid["w"] * COLUMN - GAP, grid["h"] * ROW - GAP
        self.panel, self.seconds = panel, seconds
        defaults = (panel.get("fieldConfig") or {}).get("defaults", {})
        self.defaults, self.unit, self.custom = defaults, defaults.get("unit", "short"), defaults.get("custom", {})
        self.series = [(name_of(target, labels), [point for point in points if math.isfinite(point[1])])
                       for target, found in answers for labels, points in found]
        self.series = [(name, points) for name, points in self.series if points]

    def draw(self):
        if self.panel["type"] == "row":
            yield text(self.x + 4, self.y + 16, "▾ " + self.panel["title"], size=14, more=' font-weight="bold"')
            return
        yield rectangle(self.x, self.y, self.width, self.height, PANEL, f' rx="2" stroke="{FRAME}"')
        yield text(self.x + 8, self.y + 18, self.panel["title"], size=12, more=' font-weight="bold"')
        if not self.series:
            yield text(self.x + self.width / 2, self.y + self.height / 2 + 10, "No data", DIM, 13, ' text-anchor="middle"')
            return
        yield from {"stat": self.stats, "bargauge": self.gauges, "timeseries": self.graph}[self.panel["type"]]()

    def stats(self):
        count = len(self.series)
        share = (self.width - 16) / count
        for k, (name, points) in enumerate(self.series):
            left = self.x + 8 + k * share
            value = said(points[-1][1], self.unit, self.defaults.get("decimals"))
            named = count > 1 or self.panel["options"].get("textMode") == "value_and_name"
            if self.panel["options"]["graphMode"] == "area" and len(points) > 1:
                box = (left, self.y + self.height - 32, share - 6, 28)
                yield from self.curve(points, max(each for _, each in points) or 1, box, COLOURS[0], 18)
            size = min(30, 2 * share / (len(value) + 0.5))
            yield text(left + share / 2, self.y + 56 + (14 if named else 6), value, COLOURS[0], round(size),
                       ' text-anchor="middle" font-weight="bold"')
            if named:
                yield text(left + share / 2, self.y + 40, name, size=round(min(11, 1.4 * share / max(len(name), 1))),
                           more=' text-anchor="middle"')

    def gauges(self):
        high = self.defaults.get("max", 1)
        steps = self.defaults["thresholds"]["steps"]
        share = (self.height - 30) / len(self.series)
        for k, (name, points) in enumerate(self.series):
            value, top = points[-1][1], self.y + 34 + k * share
            colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
            colour = {"green": COLOURS[0], "orange": COLOURS[3], "red": COLOURS[4]}[colour]
            wide = self.width - 190
            yield text(self.x + 10, top + 15, name)
            yield rectangle(self.x + 110, top, wide, 22, GRID)
            yield rectangle(self.x + 110, top, wide * min(value / high, 1), 22, colour)
            yield text(self.x + self.width - 12, top + 16, said(value, self.unit), colour, 14, ' text-anchor="end"')

    def graph(self):
        legend = list(self.legend())
        rows = 1 + max(row for _, row, _ in legend)
        box = (self.x + 62, self.y + 30, self.width - 74, self.height - 54 - 15 * rows)
        stacked = "stacking" in self.custom
        drawn = self.stack() if stacked else [points for _, points in self.series]
        ticks = axis(max(value for points in drawn for _, value in points), self.unit)
        yield from self.scales(box, ticks)
        fill = self.custom.get("fillOpacity", 0)
        for k, points in reversed(list(enumerate(drawn))):  # Of a stack, what is below lies in front.
            dash = self.dashed(self.series[k][0])
            yield from self.curve(points, ticks[-1], box, COLOURS[k % len(COLOURS)], 0 if dash else fill, dash,
                                  self.custom.get("showPoints") == "auto")
        for k, (x, row, name) in enumerate(legend):
            y = self.y + self.height - 10 - 15 * (rows - 1 - row)
            yield rectangle(x, y - 5, 12, 3, COLOURS[k % len(COLOURS)])
            yield text(x + 16, y, name, size=10)

    def legend(self):
        x, row = self.x + 10, 0
        for name, _ in self.series:
            width = 26 + 5.6 * len(name)
            if x + width > self.x + self.width and x > self.x + 10:
                x, row = self.x + 10, row + 1
            yield x, row, name
            x += width

    def scales(self, box, ticks):
        left, top, width, height = box
        for tick in ticks:
            y = top + height * (1 - tick / ticks[-1])
            yield f'<path d="M{left:.0f} {y:.0f}h{width:.0f}" stroke="{GRID}"/>'
            yield text(left - 6, y + 4, said(tick, self.unit), DIM, 10, ' text-anchor="end"')
        for at in range(0, self.seconds + 1, 30):
            x = left + width * at / self.seconds
            yield text(x, top + height + 14, f"{at // 60}:{at % 60:02}", DIM, 10, ' text-anchor="middle"')

    def dashed(self, name):
        for override in self.panel["fieldConfig"].get("overrides", []):
            if override["matcher"]["id"] == "byRegexp" and re.search(override["matcher"]["options"], name):
                return any(each["id"] == "custom.lineStyle" for each in override["properties"])
        return False

    def stack(self):
        """Each series upon those before it, at the times that any has."""
        sums, stacked = {}, []
        times = sorted({at for _, points in self.series for at, _ in points})
        for _, points in self.series:
            values = dict(points)
            for at in times:
                sums[at] = sums.get(at, 0) + values.get(at, 0)
            stacked.append([(at, sums[at]) for at in times])
        return stacked

    def curve(self, points, high, box, colour, fill, dash=False, dots=False):
        left, top, width, height = box
        places = [(left + width * at / self.seconds, top + height * (1 - value / high)) for at, value in points]
        # A gap where there was no value for longer than two steps.
        step = min((b[0] - a[0] for a, b in zip(points, points[1:])), default=1)
        runs, run = [], []
        for place, (at, _) in zip(places, points):
            if run and at - run[-1][1] > 2 * step:
                runs.append(run)
                run = []
            run.append((place, at))
        for run in [*runs, run]:
            line = " ".join(f"{x:.0f} {y:.1f}" for (x, y), _ in run)
            if fill and len(run) > 1:
                first, last, bottom = run[0][0][0], run[-1][0][0], top + height
                yield (f'<path d="M{first:.0f} {bottom:.0f}L{line}L{last:.0f} {bottom:.0f}Z" fill="{colour}" '
                       f'fill-opacity="{fill / 100}"/>')
            if len(run) > 1:
                style = ' stroke-dasharray="8 8"' if dash else ""
                yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.2"{style}/>'
            if dots or len(run) == 1:
                for (x, y), _ in run:
                    yield f'<circle cx="{x:.0f}" cy="{y:.1f}" r="1.8" fill="{colour}"/>'


def svg(dashboard, answers, seconds):
    """`answers` is {panel's id: [(target, [(labels, [(seconds from the start, value)])])]}."""
    width = 24 * COLUMN
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) * ROW
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           f'role="img" aria-label="{escape(dashboard["title"])}" '
           'font-family="Inter, Helvetica, Arial, \'DejaVu Sans\', sans-serif">', rectangle(0, 0, width, height, BACKGROUND)]
    for panel in dashboard["panels"]:
        out += Panel(panel, answers[panel["id"]], seconds).draw()
    return "\n".join([*out, "</svg>", ""])
