"""The README and the pages of docs/ as the tests read them: fenced blocks, tables, links.

A comment right above a block, which Markdown does not show, says what a reader needs no telling:

    <!-- tour: start -->              other pages go on from here: it starts the daemon that their commands talk to
    <!-- tour: write PATH -->         the block is this file, for the blocks below it
    <!-- tour: see PROGRAM -->        another test holds it: PROGRAM, a file of this repository, names the page
    <!-- tour: left out, REASON -->   nothing here can run it
"""

import dataclasses
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- tour: (start|write|see|left out,?)\s*(.*?) -->\n+$")


@dataclasses.dataclass
class Block:
    where: str
    language: str
    text: str
    mark: str
    what: str


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    content = page.read_text()
    for fence in FENCE.finditer(content):
        before = content[:fence.start()]
        mark = MARK.search(before)
        kind, what = (mark[1].rstrip(","), mark[2]) if mark else ("", "")
        yield Block(f"{page.relative_to(ROOT)}:{before.count(chr(10)) + 1}", fence[1], fence[2], kind, what)


def table(page, heading):
    """The rows of the table whose first column has this heading, each a list of its cells as they are written."""
    rows, inside = [], False
    for line in page.read_text().splitlines():
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if cells and cells[0] == heading:
            inside = True
        elif inside and not cells:
            break
        elif inside and not set("".join(cells)) <= set("-: "):
            rows.append(cells)
    if not rows:
        raise SystemExit(f"{page.relative_to(ROOT)}: there is no table under the heading '{heading}'")
    return rows


def prose(page):
    """The page without its blocks."""
    return FENCE.sub("", page.read_text())


def anchors(page):
    """The names that links to headings of the page may have, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)}
