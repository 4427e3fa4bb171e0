"""Screens of one capture, of two, of a file's source and of a function's callers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import ClassVar

from attrs import fields
from prof.capture import Capture
from prof.errors import ProfError, UsageError
from prof.tools.analysis import difference as differences
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.sections import Section
from prof.tools.analysis.whose import ruled
from prof.tools.modes import VIEWS, comparable
from prof.tools.reports import diff_text
from prof.tools.tui import exporting, parts
from prof.tools.tui.contexts import Contexts, columns_of, title_of
from prof.tools.tui.dialogs import Ask, Choose, Help, Pick
from prof.tools.tui.parts import FLAME, OVERVIEW, TREE, Part, Wish
from prof.tools.tui.widgets import ContextTree, Flame, Lines, Rows, Table
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Input, Static, Tab, Tabs

Opener = Callable[[Sequence[Path], str], Capture]
"""Opens captures as one, through filters as they are typed. Raises UsageError and InputError."""
_PLACE = re.compile(r"^(.*?):(\d+)(?:->(\d+))?$")
_WAYS = {"focus": "what it took, as if it were the program", "keep": "stacks with it", "drop": "stacks without it"}
_WORDS = {
    "own": "of functions, only your own",
    "libraries": "functions of libraries have rows, too",
    "imports": "each import has a row",
    "idle": "threads that waited for work count in shares, too",
}


class Tabbed(Screen[None]):
    """Tabs, and below them what the chosen one has: a table, lines, a tree or a flame graph."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,ctrl+right", "tab(1)", "next", priority=True),
        Binding("shift+tab,ctrl+left", "tab(-1)", "previous", show=False, priority=True),
        Binding("g", "pick_tab", "go to"),
        Binding("slash", "filter", "filter, find"),
        Binding("question_mark", "help", "help"),
        Binding("q,escape", "back", "back"),
    ]
    HELP = ""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.heading = title
        self.names: list[str] = []
        self.shown = ""

    def compose(self) -> ComposeResult:
        yield Static(self.heading, id="title", markup=False)
        yield Tabs()
        yield Input(id="typed")
        yield Container(id="body")
        yield Static("Reading …", id="said", markup=False)
        yield Footer()

    # ---- what a subclass has ----

    def widget(self, name: str) -> Widget:
        """What the tab of that name has."""
        raise NotImplementedError

    def moved(self) -> None:
        """Another tab is shown."""

    # ---- tabs ----

    def add_tab(self, name: str) -> None:
        """Adds a tab at the end."""
        self.names.append(name)
        self.query_one(Tabs).add_tab(Tab(name, id=f"tab-{len(self.names) - 1}"))

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        index = int(str(event.tab.id).removeprefix("tab-"))
        if index < len(self.names) and self.names[index] != self.shown:
            self.show(self.names[index])

    def show(self, name: str) -> None:
        """Shows a tab."""
        self.shown = name
        body = self.query_one("#body", Container)
        body.remove_children()
        try:
            made = self.widget(name)
        except ProfError as error:
            made = Lines([[(str(error), "warning")]])
        body.mount(made)
        made.focus()
        typed = self.query_one("#typed", Input)
        typed.value = ""
        typed.remove_class("shown")
        tabs = self.query_one(Tabs)
        if tabs.active != (wanted := f"tab-{self.names.index(name)}"):
            tabs.active = wanted
        self.say(self.words(made))
        self.moved()

    def action_tab(self, by: int) -> None:
        if self.names:
            self.show(self.names[(self.names.index(self.shown) + by) % len(self.names)])

    def action_pick_tab(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self.show(name)

        self.app.push_screen(Pick("Go to", {name: name for name in self.names}), chosen)

    # ---- what is said and typed ----

    def say(self, text: str) -> None:
        """Says something in the line below."""
        self.query_one("#said", Static).update(text)

    def words(self, widget: Widget) -> str:
        """What is said of what is shown."""
        if isinstance(widget, Table):
            notes = " ".join(note.text for note in widget.section.notes)
            return f"{parts.rows_words(widget.section, widget.length(), widget.every())}  {notes}".strip()
        return self.HELP.partition(".")[0]

    def current(self) -> Widget | None:
        """What is shown."""
        return next(iter(self.query_one("#body", Container).children), None)

    def on_flame_moved(self, event: Flame.Moved) -> None:
        self.say(event.words)

    def action_filter(self) -> None:
        typed = self.query_one("#typed", Input)
        tree = isinstance(self.current(), ContextTree)
        typed.placeholder = "find a span by a part of its name" if tree else "filter: words -word self>10ms calls>=100"
        typed.add_class("shown")
        typed.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        shown = self.current()
        if isinstance(shown, Table):
            shown.set_filter(event.value)
            self.say(self.words(shown))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        shown = self.current()
        if isinstance(shown, ContextTree) and not shown.find(event.value):
            self.say(f"no span with {event.value!r} in its name")
        if shown is not None:
            shown.focus()

    def action_back(self) -> None:
        typed = self.query_one("#typed", Input)
        if typed.has_class("shown"):
            typed.value = ""
            typed.remove_class("shown")
            if (shown := self.current()) is not None:
                shown.focus()
        elif len(self.app.screen_stack) > 2:
            self.dismiss()
        else:
            self.app.exit()

    def action_help(self) -> None:
        shown = self.current()
        titles = [column.title for column in shown.columns] if isinstance(shown, Table) else []
        self.app.push_screen(Help(self.HELP, self, titles))


class Sections(Tabbed):
    """Some tables, a tab each."""

    HELP = "Tab goes from table to table. Enter and v show the source of a row, Escape goes back."

    def __init__(self, title: str, tables: Sequence[Section], report: Report | None = None) -> None:
        super().__init__(title)
        self.tables = {section.title: section for section in tables}
        self.report = report

    def on_mount(self) -> None:
        for name in self.tables:
            self.add_tab(name)
        self.show(self.names[0])

    def widget(self, name: str) -> Widget:
        section = self.tables[name]
        if section.columns:
            return Table(section)
        return Lines([[(section.note, "dim")], *([(text, "")] for text in section.remarks)])

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        if self.report is not None and isinstance(event.rows, Table):
            name = next((event.rows.cell(title) for title in ("caller", "callee") if event.rows.cell(title)), "")
            open_edges(self, self.report, name, Wish())


class Source(Tabbed):
    """A file as it was recorded, with what its lines did beside it."""

    HELP = "The columns on the left are what each line did. / leaves lines with a word. Escape goes back."

    def __init__(self, report: Report, file: str, line: int) -> None:
        listing = report.listing(file)  # raises before there is a screen
        super().__init__(str(listing.path))
        notes = "; ".join(f"{title}: {text}" for title, text in listing.legend)
        self.section = Section("", notes, columns=listing.columns, least=30)
        self.line = line
        self.warning = "" if listing.verified else "the capture does not say what the file held: lines may have moved. "

    def on_mount(self) -> None:
        self.add_tab("source")
        self.show("source")
        self.call_after_refresh(lambda: self.query_one(Table).go(max(0, self.line - 1)))

    def widget(self, name: str) -> Widget:
        return Table(self.section, sortable=True)

    def words(self, widget: Widget) -> str:
        return self.warning + self.section.note


class Profile(Tabbed):
    """One capture, or several as one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "callers", "callers"),
        Binding("v", "source", "source"),
        Binding("m", "measure", "measure"),
        Binding("f", "filter_stacks", "filter stacks"),
        Binding("o", "options", "options"),
        Binding("e", "export", "export"),
    ]
    HELP = (
        "Tab or a click goes from table to table, g picks one. Enter or c on a function shows who calls it and what it"
        " calls, v its source. f filters stacks, o picks whose functions have rows. In the call tree arrows unfold and"
        " fold, x unfolds the hottest path. In the flame graph arrows move, Enter zooms, Backspace goes back, and m"
        " changes what it is drawn by."
    )

    def __init__(self, paths: Sequence[Path], opener: Opener, typed: str = "") -> None:
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} captures as one"
        super().__init__(f"{name}  {typed}".strip())
        self.paths = list(paths)
        self.opener, self.typed = opener, typed
        self.capture: Capture | None = None
        self.report: Report | None = None
        self.wish = Wish()
        self.found: dict[str, Part] = {}
        self.column = ""
        self._contexts: dict[str, Contexts] = {}

    def on_mount(self) -> None:
        self._read()

    def on_unmount(self) -> None:
        self.workers.cancel_all()

    # ---- reading ----

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        try:
            if self.report is None:
                capture = self.opener(self.paths, self.typed)
                report = analyse(capture, tuple(VIEWS.values()), f"({self.heading})", "", ruled())
                self.app.call_from_thread(self._begun, capture, report)
            assert self.report is not None
            for part in parts.parts(self.report, self.wish):
                self.app.call_from_thread(self._add, part)
        except ProfError as error:
            self.app.call_from_thread(self._failed, str(error))

    def _failed(self, text: str) -> None:
        self.notify(text, severity="error", markup=False)
        self.say(text)
        self.query_one("#body", Container).mount(Lines([[(text, "warning")]]))

    def _begun(self, capture: Capture, report: Report) -> None:
        self.capture, self.report = capture, report
        self.column = report.main_column
        header = report.summary
        self.query_one("#title", Static).update(f"Profile of {header.name}  {self.heading}")
        for name in (OVERVIEW, TREE, FLAME):
            self.add_tab(name)
        self.show(OVERVIEW)

    def _add(self, part: Part) -> None:
        self.found[part.name] = part
        if part.name not in self.names:
            self.add_tab(part.name)
        shown = self.current()
        if part.name == self.shown and isinstance(shown, Table):
            shown.set_section(part.section)

    # ---- what is shown ----

    def contexts(self) -> Contexts:
        """The call tree by what was picked, made once."""
        assert self.report is not None
        if self.column not in self._contexts:
            self._contexts[self.column] = Contexts(self.report, self.column)
        return self._contexts[self.column]

    def widget(self, name: str) -> Widget:
        assert self.report is not None
        if name == OVERVIEW:
            return Lines(parts.overview(self.report, self.wish, max(60, self.size.width - 2)))
        if name == TREE:
            return ContextTree(self.contexts())
        if name == FLAME:
            return Flame(self.contexts())
        return Table(self.found[name].section)

    def words(self, widget: Widget) -> str:
        if isinstance(widget, ContextTree):
            contexts = self.contexts()
            return (
                f"by {contexts.kind.words or contexts.kind.title}, of {contexts.kind.format(contexts.whole)}; m: others"
            )
        return super().words(widget)

    def _place(self) -> tuple[str, str, int]:
        """The function, file and line that the cursor is on; empty and 0 where there is none."""
        shown = self.current()
        if isinstance(shown, (ContextTree, Flame)):
            contexts = self.contexts()
            row = contexts.rows[shown.cursor] if isinstance(shown, ContextTree) else None
            label = contexts.label(row.node if row is not None else shown.box.node)  # type: ignore[union-attr]
            if label is None:
                return "", "", 0
            return (label.module if label.kind == "line" else label.name), label.file, label.line
        if not isinstance(shown, Table) or not shown.length():
            return "", "", 0
        where = (_PLACE.match(shown.cell(title).strip()) for title in ("line", "file", "scope"))
        found = next(filter(None, where), None)
        name = next((shown.cell(title) for title in ("name", "function", "innermost span") if shown.cell(title)), "")
        return name.strip(), found[1] if found else "", int(found[3] or found[2]) if found else 0

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        if isinstance(event.rows, ContextTree):
            event.rows.toggle()
        elif isinstance(event.rows, Table):
            name, file, _ = self._place()
            if file and not event.rows.cell("name"):
                self.action_source()
            elif name:
                self.action_callers()

    def action_callers(self) -> None:
        if self.report is not None:
            open_edges(self, self.report, self._place()[0], self.wish)

    def action_source(self) -> None:
        name, file, line = self._place()
        if self.report is None or not file:
            self.notify("this row is of no file", markup=False)
            return
        try:
            self.app.push_screen(Source(self.report, self._file(name, file, line), line))
        except ProfError as error:
            self.notify(str(error), severity="error", markup=False)

    def _file(self, name: str, file: str, line: int) -> str:
        """The whole name of a file whose row has its last part alone."""
        assert self.report is not None
        labels = (function.label for function in self.report.met)
        same = [label for label in labels if label.file and PurePath(label.file).name == PurePath(file).name]
        exact = (label.file for label in same if label.name == name and (label.line == line or not line))
        named = (label.file for label in same if label.name == name or label.name.endswith(f".{name}"))
        return next(exact, None) or next(named, None) or file

    # ---- picks ----

    def action_measure(self) -> None:
        if self.report is None:
            return
        report = self.report

        def chosen(column: str | None) -> None:
            if column is not None:
                self.column = column
                self.show(self.shown if self.shown in (TREE, FLAME) else FLAME)

        columns = {c: title_of(c) or report.tree_columns[c].title for c in columns_of(report)}
        named = {c: f"{words} ({report.tree_columns[c].format(report.tree_whole(c))})" for c, words in columns.items()}
        self.app.push_screen(Pick("The call tree and the flame graph by", named), chosen)

    def action_filter_stacks(self) -> None:
        name = self._place()[0]
        ways = _WAYS if name else {}
        choices = {f"--{how} {shlex.quote(name)}": f"{how} {name}: {words}" for how, words in ways.items()}
        choices |= {
            "--collapse site-packages": "collapse: a frame for each library, instead of many",
            "--merge-recursion": "merge recursion: what calls itself is one",
            "": "type filters, as prof report takes them …",
        }

        def chosen(option: str | None) -> None:
            if option:
                self._filtered(f"{self.typed} {option}".strip())
            elif option is not None:
                self.app.push_screen(Ask("Filters, such as --keep 'shop.*' --drop logging", self.typed), self._filtered)

        self.app.push_screen(Pick("Of the stacks, show", choices), chosen)

    def _filtered(self, typed: str | None) -> None:
        """Shows the same through other filters, on a screen above: Escape goes back."""
        if typed is not None and typed != self.typed:
            self.app.push_screen(Profile(self.paths, self.opener, typed))

    def action_options(self) -> None:
        def chosen(keys: list[str] | None) -> None:
            if keys is not None and self.report is not None:
                self.wish = Wish(**{field.name: field.name in keys for field in fields(Wish)})
                self.say("Working …")
                if self.shown == OVERVIEW:
                    self.show(OVERVIEW)
                self._read()

        picked = [field.name for field in fields(Wish) if getattr(self.wish, field.name)]
        self.app.push_screen(Choose("Rows", _WORDS, picked), chosen)

    def action_export(self) -> None:
        if self.report is None:
            return
        report = self.report

        def chosen(name: str | None) -> None:
            if name is not None:
                self.say("Writing …")
                self._export(report, name)

        self.app.push_screen(Pick("Export, beside the capture", exporting.choices()), chosen)

    @work(thread=True)
    def _export(self, report: Report, name: str) -> None:
        try:
            said = f"written: {exporting.export(report, name, self.wish)}"
        except ProfError as error:
            said = str(error)
        self.app.call_from_thread(self.notify, said, markup=False)
        self.app.call_from_thread(self.say, said)


class Compared(Tabbed):
    """Two captures: what they count differently, exactly."""

    HELP = "The first table has the sums, the others what differs, largest first. Escape goes back."

    def __init__(self, before: Path, after: Path) -> None:
        super().__init__(f"{before.name} -> {after.name}")
        self.before, self.after = before, after
        self.tables: dict[str, Section] = {}

    def on_mount(self) -> None:
        self._read()

    @work(thread=True, exclusive=True)
    def _read(self) -> None:
        try:
            before, after = (differences.Input(path.name, [[path]]) for path in (self.before, self.after))
            difference = differences.compare(before, after, comparable(), skip_inexact=True)
            sections = list(diff_text.sections(difference, 0))
            lines = list(diff_text.lines(difference, [], 15, max(60, self.size.width - 2)))
        except ProfError as error:
            self.app.call_from_thread(self.say, str(error))
            self.app.call_from_thread(self.notify, str(error), severity="error", markup=False)
            return
        self.app.call_from_thread(self._begun, lines, sections)

    def _begun(self, lines: list[list[tuple[str, str]]], sections: list[Section]) -> None:
        self.lines = lines
        self.tables = {section.title: section for section in sections}
        for name in (OVERVIEW, *self.tables):
            self.add_tab(name)
        self.show(OVERVIEW)

    def widget(self, name: str) -> Widget:
        return Lines(self.lines) if name == OVERVIEW else Table(self.tables[name])


def open_edges(screen: Tabbed, report: Report, name: str, wish: Wish) -> None:
    """Opens a screen with a function's callers and what it calls."""
    try:
        if not name or name.startswith("("):
            raise UsageError("this row is of no function")
        tables = parts.edges(report, name, wish)
    except ProfError as error:
        screen.notify(str(error), severity="warning", markup=False)
        return
    screen.app.push_screen(Sections(f"{name}: callers and callees", tables, report))
