"""The application: a list of captures, and screens of one, of two, of a file and of a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from prof.errors import ProfError
from prof.tools.analysis import catalogue
from prof.tools.tui.dialogs import Help
from prof.tools.tui.profile import Compared, Opener, Profile
from prof.tools.tui.widgets import Rows, Table
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

NARROWEST, LOWEST = 80, 24
CSS = """
Screen { layout: vertical; }
#title { height: 1; background: $primary; color: $text; text-style: bold; padding: 0 1; }
#said { height: 1; padding: 0 1; color: $text-muted; }
#typed { height: 1; border: none; padding: 0 1; display: none; }
#typed.shown { display: block; }
#body { height: 1fr; }
Tabs { height: 2; }
Rows, Flame { height: 1fr; background: $background; }
Dialog { align: center middle; }
Dialog > Vertical { width: 76; max-width: 96%; height: auto; max-height: 92%; }
Dialog > Vertical { border: round $primary; padding: 0 1; background: $surface; }
Dialog OptionList, Dialog SelectionList { height: auto; max-height: 16; border: none; }
Dialog VerticalScroll { height: auto; max-height: 18; }
"""


class Captures(Screen[None]):
    """The list of captures: one is opened, or several are marked and read as one, or two compared."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark"),
        Binding("d", "compare", "compare two"),
        Binding("slash", "filter", "filter"),
        Binding("f5,R", "again", "look again"),
        Binding("question_mark", "help", "help"),
        Binding("q,escape", "leave", "quit"),
    ]
    HELP = (
        "Enter opens the capture; with captures marked, all of them as one. Space marks. d compares the two that are"
        " marked, the older one first. A click on a title orders by it, a double click opens."
    )

    def __init__(self, folder: Path, opener: Opener, paths: Sequence[Path] = ()) -> None:
        super().__init__()
        self.folder, self.paths, self.opener = folder, paths, opener
        self.entries = catalogue.entries(folder, paths)
        self.marked: list[Path] = []

    def compose(self) -> ComposeResult:
        yield Static("Captures", id="title", markup=False)
        yield Input(placeholder="filter: words, -word, size>1MiB", id="typed")
        yield Table(catalogue.section(self.entries, self.marked), id="body")
        yield Static("Enter opens a capture, Space marks one, d compares two, ? helps", id="said", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#title", Static).update(f"Captures in {self.folder}")
        self.query_one(Table).focus()

    def _here(self) -> catalogue.Entry | None:
        table = self.query_one(Table)
        return self.entries[table.rows[table.cursor]] if table.length() else None

    def _shown(self) -> None:
        self.query_one(Table).set_section(catalogue.section(self.entries, self.marked))

    def action_mark(self) -> None:
        entry = self._here()
        if entry is not None:
            self.marked.remove(entry.path) if entry.path in self.marked else self.marked.append(entry.path)
            self._shown()
            self.query_one(Table).action_move(1)

    def action_again(self) -> None:
        try:
            self.entries = catalogue.entries(self.folder, self.paths)
        except ProfError as error:
            self.notify(str(error), severity="error", markup=False)
        self.marked = [path for path in self.marked if any(each.path == path for each in self.entries)]
        self._shown()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        entry = self._here()
        if self.marked:
            self.app.push_screen(Profile(self.marked.copy(), self.opener))
        elif entry is not None and entry.why:
            self.notify(entry.why, severity="error", markup=False)
        elif entry is not None:
            self.app.push_screen(Profile([entry.path], self.opener))

    def action_compare(self) -> None:
        order = {each.path: each.began for each in self.entries}
        if len(self.marked) != 2:
            self.notify("mark two captures with Space, then d compares them", severity="warning", markup=False)
            return
        before, after = sorted(self.marked, key=lambda path: order.get(path, ""))
        self.app.push_screen(Compared(before, after))

    def action_filter(self) -> None:
        typed = self.query_one("#typed", Input)
        typed.add_class("shown")
        typed.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(Table).set_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one(Table).focus()

    def action_leave(self) -> None:
        """Takes the filter away; without one, leaves the program."""
        typed = self.query_one("#typed", Input)
        if typed.has_class("shown"):
            typed.value = ""
            typed.remove_class("shown")
            self.query_one(Table).focus()
        else:
            self.app.exit()

    def action_help(self) -> None:
        self.app.push_screen(Help(self.HELP, self))


class Application(App[None]):
    """`prof profile`."""

    CSS = CSS
    TITLE = "prof profile"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", "quit", show=False)]

    def __init__(self, first: Callable[[], Screen[None]]) -> None:
        super().__init__()
        self._first = first

    def on_mount(self) -> None:
        self.push_screen(self._first())


def too_small(size: tuple[int, int]) -> str:
    """Why a terminal of that size will not do; empty where it does."""
    width, height = size
    if width >= NARROWEST and height >= LOWEST:
        return ""
    return (
        f"the terminal has {width}×{height} characters, and this takes {NARROWEST}×{LOWEST}: make it larger;"
        " `prof report` fits any"
    )


def no_terminal() -> str:
    """Why there is no screen to show anything on; empty where there is."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return "this takes a terminal, and standard input or output is none: `prof report` is for pipes and files"
    return ""
