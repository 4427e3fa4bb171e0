"""The live view on a terminal: what `rich` draws of an interval, and what keys do."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from attrs import define
from prof.errors import UsageError
from prof.text import shown
from prof.tools.live.lines import rate
from prof.tools.live.readings import Row
from prof.tools.live.threads import Thread, of_thread
from prof.tools.live.watch import Interval, ProcessNow, summary
from prof.tools.screen.units import amount, count, duration, percent, shorten, size
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

NARROWEST, LOWEST = 60, 15
_KEYS = "space pauses  / filters  o orders  s keeps a copy  x ends recording  q leaves"
# Lines beside the tables.
_AROUND = 9
_ERASE = ("\x7f", "\b")


@define
class Screen:
    """What is shown, and how the user wants it. `keep` copies the capture and `end` ends the recording: both return
    what to say of that."""

    keep: Callable[[], str]
    end: Callable[[], str]
    paused: bool = False
    filter: str = ""
    typing: bool = False
    order: int = 0
    said: str = ""
    sure: bool = False
    """Whether the next `x` ends the recording."""
    left: bool = False
    now: Interval | None = None

    # ---- keys ----

    def key(self, key: str) -> None:
        """Does what a key stands for."""
        if self.typing:
            self._typed(key)
            return
        sure, self.sure, self.said = self.sure, False, ""
        if key in ("q", "\x04"):
            self.left = True
        elif key == " ":
            self.paused = not self.paused
        elif key == "/":
            self.typing, self.filter = True, ""
        elif key == "o":
            self.order += 1
        elif key == "s":
            self.said = self.keep()
        elif key == "x" and sure:
            self.said = self.end()
        elif key == "x":
            self.sure, self.said = True, "x once more ends the recording; the program goes on"

    def _typed(self, key: str) -> None:
        if key in ("\r", "\n", "\x1b"):
            self.typing = False
            self.filter = "" if key == "\x1b" else self.filter
        elif key in _ERASE:
            self.filter = self.filter[:-1]
        elif key.isprintable():
            self.filter += key

    # ---- what is shown ----

    def drawn(self, width: int, height: int) -> Group:
        """All of it, for a terminal of that size."""
        now = self.now
        if now is None:
            return Group(Text("Reading …"))
        spans = _open_spans(now, width)
        room = max(2, height - _AROUND - len(now.amounts))
        threads = spans[: max(1, min(len(spans), room // 2))]
        return Group(
            *self._heading(now, width),
            Text(),
            self._rows(now, width, room - len(threads)),
            Text("Open now", "bold"),
            *(threads or [Text("  no span is open", "dim")]),
            Text(shorten_end(self._foot(now), width), "dim" if not self.said else "yellow"),
        )

    def _heading(self, now: Interval, width: int) -> Iterator[Text]:
        state = "paused" if self.paused else f"recorded for {duration(now.recorded_ns)}"
        yield Text(shorten_end(f"{summary(now.processes)}, {state}", width), "bold")
        running = [each for each in now.processes if each.state == "running"]
        facts = [
            f"CPU {100 * sum(p.cpu_share for p in running):.0f}%",
            f"{size(sum(p.rss_bytes for p in running))} RSS",
        ]
        facts += [f"{size(now.live_bytes)} held"] if now.live_bytes else []
        facts += [f"{sum(len(p.threads) for p in running)} threads"]
        holders = [thread.id for p in running for thread in p.threads if thread.holds]
        facts += [f"the GIL is thread {holders[0]}'s"] if len(running) == 1 and holders else []
        tasks = sum(len(p.tasks[1:]) for p in running)
        facts += [f"{tasks} lines of tasks: see `prof dump`"] if tasks else []
        yield Text(shorten_end("  ".join(facts), width))
        yield from (Text(shorten_end(f"  {rate(each, now.seconds)}", width), "cyan") for each in now.amounts)

    def _rows(self, now: Interval, width: int, most: int) -> Table:
        numbers = len(now.amounts)
        by = self.order % (numbers + 1)
        order = (lambda row: -row.values[by]) if by < numbers else (lambda row: -row.calls)
        rows = sorted((row for row in now.rows if self.filter.lower() in row.name.lower()), key=order)
        titles = [*(each.measure.name for each in now.amounts), "calls"]
        heading = f"Functions of the last {now.row_seconds:.0f} s by {titles[by]}"
        heading += f", with {self.filter!r}" if self.filter else ""
        return _table(heading, rows[:most], now, by, width)

    def _foot(self, now: Interval) -> str:
        if self.typing:
            return f"filter: {self.filter}_   Enter keeps it, Esc takes it away"
        return self.said or "; ".join(now.news) or _KEYS


def shorten_end(text: str, width: int) -> str:
    """The text, printable, in one line."""
    text = shown(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _table(title: str, rows: Sequence[Row], now: Interval, by: int, width: int) -> Table:
    table = Table(title=Text(title, "bold"), title_justify="left", box=None, padding=(0, 2, 0, 0), width=width)
    of = now.amounts[by] if by < len(now.amounts) else None
    whole = sum(row.values[by] for row in now.rows) if of else sum(row.calls for row in now.rows)
    table.add_column("%", justify="right")
    for each in now.amounts:
        table.add_column(each.measure.name, justify="right", no_wrap=True)
    table.add_column("calls", justify="right", no_wrap=True)
    table.add_column("name", no_wrap=True, ratio=1)
    for row in rows:
        cells = [percent(row.values[by] if of else row.calls, whole)]
        cells += [
            amount(value, each.measure.unit) if value else "-"
            for value, each in zip(row.values, now.amounts, strict=True)
        ]
        cells += [count(row.calls)]
        room = max(10, width - 12 * (len(cells)))
        table.add_row(*cells, Text(shorten(shown(row.name), room)))
    return table


def _open_spans(now: Interval, width: int) -> list[Text]:
    """Of each thread with open spans, the innermost three; of a process that may not be read, why."""
    found: list[Text] = []
    for process in now.processes:
        if process.why:
            found.append(Text(shorten_end(f"  {process.why}", width), "yellow"))
        for thread in process.threads:
            if thread.spans:
                found.append(Text(shorten_end(_open(process, thread, now), width)))
    return found


def _open(process: ProcessNow, thread: Thread, now: Interval) -> str:
    spans = " < ".join(f"{s.name} {duration(s.ns)}" if s.ns else s.name for s in thread.spans[:3])
    more = f" < {len(thread.spans) - 3} more" if len(thread.spans) > 3 else ""
    gil = " has the GIL" if thread.holds else ""
    name = now.thread_names.get(thread.id, "")
    return f"  {thread.id} {name} {of_thread(process.pid, thread.id).state}{gil}: {spans}{more}"


# ---- the terminal ----


def check_size(console: Console) -> None:
    """Raises UsageError for a terminal that is too small."""
    width, height = console.size
    if width < NARROWEST or height < LOWEST:
        raise UsageError(
            f"the terminal has {width}×{height} characters, and the live view takes {NARROWEST}×{LOWEST}:"
            " make it larger, or pipe the lines: prof live … | cat"
        )


@contextmanager
def _keys() -> Iterator[int | None]:
    """The descriptor that keys come from, as they are typed; None where there is no terminal."""
    if not sys.stdin or not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def show(screen: Screen, intervals: Callable[[Callable[[float], bool]], Iterator[Interval]]) -> None:
    """Shows the intervals until they end or the user leaves; the last one stays on the terminal."""
    console = Console(highlight=False, markup=False, emoji=False)
    check_size(console)
    with _keys() as keys, Live(console=console, auto_refresh=False, screen=False, transient=False) as live:

        def draw() -> None:
            width, height = console.size
            live.update(screen.drawn(width, height - 1), refresh=True)

        def wait(seconds: float) -> bool:
            until = time.monotonic() + seconds
            while not screen.left and (rest := until - time.monotonic()) > 0:
                if keys is None:
                    time.sleep(rest)
                elif select.select([keys], [], [], rest)[0]:
                    typed = os.read(keys, 64).decode("utf-8", "ignore")
                    for key in [typed] if typed.startswith("\x1b") and len(typed) > 1 else typed or "q":
                        screen.key(key)
                    draw()
            return not screen.left

        draw()
        for now in intervals(wait):
            if not screen.paused or not now.running:
                screen.now = now
            draw()
