"""Pictures of a terminal: what a program printed, as SVG text in a monospace font."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from xml.sax.saxutils import escape

CHARACTER, LINE, FONT = 7.8, 19, 13  # Pixels.
MARGIN, TITLE = 16, 34
COLUMNS = 100
BACKGROUND, FRAME, TEXT, PROMPT, DIM = "#0d1117", "#30363d", "#e6edf3", "#7ee787", "#8b949e"
SEQUENCE = re.compile(r"\x1b\[A|\x1b\[2K|\r\n|\n|\r|[^\x1b\r\n]+|\x1b")


class Screen:
    """The part of a terminal that ferryctl uses: lines, up by one, erase a line."""

    def __init__(self):
        self.lines, self.row = [""], 0

    def feed(self, text):
        for piece in SEQUENCE.findall(text):
            if piece == "\x1b[A":
                self.row -= 1
            elif piece == "\x1b[2K":
                self.lines[self.row] = ""
            elif piece in ("\n", "\r\n"):
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif piece not in ("\r", "\x1b"):
                self.lines[self.row] += piece

    def text(self):
        return "\n".join(self.lines).rstrip("\n")


def record(command, environment, seconds, meanwhile):
    """Runs a command in a terminal of its own, and `meanwhile` beside it; gives each screen that it showed."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    meanwhile()
    screen, shown, last = Screen(), [], time.monotonic() + seconds
    while (left := last - time.monotonic()) > 0:
        if not select.select([ours], [], [], left)[0]:
            break
        screen.feed(os.read(ours, 65536).decode())
        shown.append(screen.text())
    process.send_signal(signal.SIGINT)
    process.wait()
    os.close(ours)
    return shown


def svg(title, text):
    """Lines that begin with "$ " are what a person typed."""
    lines = text.splitlines()
    width = round(max(len(line) for line in lines) * CHARACTER) + 2 * MARGIN
    height = TITLE + len(lines) * LINE + MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
           f'role="img" aria-label="{escape(title)}">',
           f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{BACKGROUND}" stroke="{FRAME}"/>']
    for k, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        out.append(f'<circle cx="{MARGIN + 4 + 18 * k}" cy="17" r="5.5" fill="{colour}"/>')
    out.append(f'<text x="{width / 2:.0f}" y="21" fill="{DIM}" font-family="sans-serif" font-size="12" text-anchor="middle">'
               f'{escape(title)}</text>')
    out.append(f'<g fill="{TEXT}" font-size="{FONT}" '
               'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace">')
    for row, line in enumerate(lines, 1):
        y = TITLE + row * LINE - 6
        colour = f' fill="{PROMPT}"' if line.startswith("$ ") else ""
        # Each character has its place: columns stand in any font.
        for word in re.finditer(r"\S+", line):
            places = " ".join(f"{MARGIN + k * CHARACTER:.1f}" for k in range(word.start(), word.end()))
            out.append(f'<text x="{places}" y="{y}"{colour}>{escape(word[0])}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])
