"""`prof profile`: its rows, call tree and flame graph without a terminal, and its screens with textual's pilot."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from capture_files import FUNCTION, File, Label, Node
from capture_files import Thread as FileThread
from prof.many import open_captures
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.sections import Section
from prof.tools.commands.profile import open_typed
from prof.tools.modes import VIEWS
from prof.tools.screen.tables import Column
from prof.tools.tui.app import Application, Captures, too_small
from prof.tools.tui.contexts import STEP, Contexts
from prof.tools.tui.profile import Compared, Profile, Sections, Source
from prof.tools.tui.rows import number, order, parsed
from prof.tools.tui.widgets import ContextTree, Flame, Lines, Table
from textual.pilot import Pilot
from textual.widgets import Input, Static

PROGRAM = """
def leaf(n):
    return [n] * n
def heavy():
    return [leaf(40) for _ in range(300)]
def light():
    return leaf(2)
def main():
    light()
    heavy()
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two captures of one program."""
    found = tmp_path_factory.mktemp("screens")
    (found / "shop.py").write_text(PROGRAM)
    for _ in range(2):
        command = [sys.executable, "-m", "prof", "run", "--modes", "time+memory", "shop.py"]
        subprocess.run(command, cwd=found, check=True, capture_output=True, timeout=60)
    return found


@pytest.fixture(scope="module")
def report(folder: Path) -> Iterator[Report]:
    with open_captures([sorted(folder.glob("*.capture"))[0]]) as capture:
        yield analyse(capture, tuple(VIEWS.values()))


# ---- rows ----


def test_cells_are_ordered_by_what_they_say() -> None:
    cells = ["9.00 ms", "-", "1.20 s", "870 ns", "100 µs"]
    column = Column("self", cells)
    assert [cells[row] for row in order(column, range(5), True)] == ["1.20 s", "9.00 ms", "100 µs", "870 ns", "-"]
    sizes = Column("alloc", ["2.0 KiB", "1,023 B", "1.0 MiB"])
    assert order(sizes, range(3), False) == [1, 0, 2]
    names = Column("name", ["b", "a.x", "C"], left=True)
    assert order(names, range(3), False) == [1, 0, 2]
    assert number("<0.1%") == pytest.approx(0.05) and number("app.py") is None and number("+4.0%") == 4


def test_a_typed_filter_has_words_exclusions_and_amounts() -> None:
    columns = [
        Column("self", ["9.00 ms", "1.20 s", "-"]),
        Column("calls", ["5", "1,000", "7"]),
        Column("name", ["app.render", "app.test_render", "lib.load"], left=True),
    ]
    every = range(3)
    assert parsed("render").rows(columns, every) == [0, 1]
    assert parsed("render -test").rows(columns, every) == [0]
    assert parsed("self>10ms").rows(columns, every) == [1]
    assert parsed("calls>=7 calls<100").rows(columns, every) == [2]
    assert parsed("nothing>1").rows(columns, every) == []


# ---- the call tree and the flame graph ----


def test_unfolding_shows_a_nodes_children_largest_first(report: Report) -> None:
    contexts = Contexts(report, "self_ns")
    names = [contexts.name(row.node) for row in contexts.rows]
    top = names.index("shop.main")
    contexts.toggle(top)
    below = [contexts.name(row.node) for row in contexts.rows[top + 1 : top + 3]]
    assert below == ["shop.heavy", "shop.light"]
    assert contexts.name(contexts.rows[contexts.hottest(top)].node) in ("shop.leaf", "shop.heavy")
    contexts.toggle(top)
    assert [contexts.name(row.node) for row in contexts.rows] == names


def test_finding_unfolds_what_is_above(report: Report) -> None:
    contexts = Contexts(report, "self_ns")
    index = contexts.find("LIGHT", -1)
    assert index is not None and contexts.name(contexts.rows[index].node) == "shop.light"
    assert contexts.find("nowhere", 0) is None


def test_boxes_lie_in_those_above_and_are_as_wide_as_their_share(report: Report) -> None:
    contexts = Contexts(report, "self_ns")
    boxes = contexts.boxes(0, 400, 10)
    by_node = {box.node: box for box in boxes}
    for box in boxes[1:]:
        parent = contexts.tree.parent[box.node]
        assert parent not in by_node or by_node[parent].begin <= box.begin < box.end <= by_node[parent].end
    whole = contexts.amount(0)
    assert all(abs(b.end - b.begin - 400 * contexts.amount(b.node) / whole) <= 1 for b in boxes)


def test_of_very_many_children_some_are_shown_and_the_rest_when_asked_for(tmp_path: Path) -> None:
    count = 3 * STEP
    labels = [Label(FUNCTION, f"app.f{n}") for n in range(count)]
    nodes = [Node(-1, -1), *(Node(0, n, calls=1, self=n + 1) for n in range(count))]
    path = tmp_path / "wide.capture"
    path.write_bytes(File(labels, [FileThread("main", nodes)]).build())
    with open_captures([path]) as capture:
        contexts = Contexts(analyse(capture, tuple(VIEWS.values())), "self_ns")
        assert len(contexts.rows) == STEP + 1 and contexts.rows[-1].more == count - STEP
        assert contexts.name(contexts.rows[0].node) == f"app.f{count - 1}"
        contexts.toggle(STEP)
        contexts.toggle(2 * STEP)
        assert len({row.node for row in contexts.rows}) == count
        index = contexts.find("app.f0", 0)
        assert index == count - 1


# ---- screens ----


def driven(first: Callable[[], Any], size: tuple[int, int], drive: Callable[[Pilot[None]], Awaitable[None]]) -> None:
    async def run() -> None:
        app = Application(first)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await drive(pilot)

    asyncio.run(run())


async def settled(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def text_of(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#said", Static).content)


def test_from_the_list_to_a_functions_callers_and_its_source(folder: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert app.screen.query_one(Table).length() == 2
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, Profile) and isinstance(app.screen.current(), Lines)
        app.screen.show("functions")
        await pilot.pause()
        table = app.screen.query_one(Table)
        await pilot.press("slash", *"leaf", "enter")
        assert [table.cell("name", n) for n in range(table.length())] == ["shop.leaf"]
        assert "1 of 4 rows" in text_of(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, Sections)
        callers = app.screen.query_one(Table)
        assert {callers.cell("caller", n) for n in range(callers.length())} == {"shop.heavy", "shop.light"}
        await pilot.press("escape", "v")
        await pilot.pause()
        assert isinstance(app.screen, Source)
        await pilot.pause()
        assert app.screen.query_one(Table).cell("source") == "def leaf(n):"
        await pilot.press("question_mark")
        await pilot.pause()
        await pilot.press("escape", "escape", "escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Captures)

    driven(lambda: Captures(folder, open_typed), (80, 24), drive)


def test_the_tree_and_the_flame_graph_by_keys_and_mouse(folder: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, Profile)
        screen.show("tree")
        await pilot.pause()
        tree = screen.query_one(ContextTree)
        before = tree.length()
        await pilot.press("slash", *"light", "enter")
        assert tree.contexts.name(tree.contexts.rows[tree.cursor].node) == "shop.light"
        await pilot.press("left", "left")
        assert tree.length() == before
        screen.show("flame")
        await pilot.pause()
        flame = screen.query_one(Flame)
        box = next(b for b in flame.boxes() if flame.contexts.name(b.node) == "shop.heavy")
        await pilot.click(Flame, offset=(box.begin, box.row))
        await pilot.pause()
        assert text_of(pilot).startswith("shop.heavy: ")
        await pilot.press("enter")
        assert flame.boxes()[0].end - flame.boxes()[0].begin == flame.size.width
        await pilot.press("backspace", "m", "down", "enter")
        await pilot.pause()
        assert screen.column != "self_ns" and screen.query_one(Flame).contexts.column == screen.column

    path = sorted(folder.glob("*.capture"))[:1]
    driven(lambda: Profile(path, open_typed), (80, 24), drive)


def test_a_click_on_a_title_orders_and_another_turns_it_round(folder: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, Profile)
        screen.show("functions")
        await pilot.pause()
        table = screen.query_one(Table)
        for largest in (True, False):
            titles = "".join(segment.text for segment in table.heading(table.size.width))
            await pilot.click(Table, offset=(titles.index("calls"), 0))
            assert table.by is not None and table.columns[table.by].title == "calls"
            calls = [number(table.columns[table.by].cells[row]) or 0 for row in table.rows]
            assert calls == sorted(calls, reverse=largest)

    path = sorted(folder.glob("*.capture"))[:1]
    driven(lambda: Profile(path, open_typed), (100, 30), drive)


def test_two_are_compared_and_one_is_exported(folder: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        app = pilot.app
        await pilot.press("d")
        assert isinstance(app.screen, Captures)  # two are to be marked first
        await pilot.press("space", "space", "d")
        await settled(pilot)
        assert isinstance(app.screen, Compared)
        lines = ["".join(text for text, _ in line) for line in app.screen.lines]
        assert any("calls" in line for line in lines)
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("enter")  # both as one
        await settled(pilot)
        assert isinstance(app.screen, Profile) and "processes" in app.screen.names
        await pilot.press("e", "down", "enter")
        await settled(pilot)
        written = [path for path in folder.glob("*.json") if "shop" in path.read_text()]
        assert written

    driven(lambda: Captures(folder, open_typed), (80, 24), drive)


def test_stacks_are_filtered_by_a_pick_and_by_what_is_typed(folder: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await settled(pilot)
        app, screen = pilot.app, pilot.app.screen
        assert isinstance(screen, Profile)
        assert "findings" in screen.names
        screen.show("functions")
        await pilot.pause()
        await pilot.press("slash", *"light", "enter", "f", "enter")
        await settled(pilot)
        assert isinstance(app.screen, Profile) and app.screen.typed == "--focus shop.light"
        assert app.screen.report is not None and len(app.screen.report.spans) == 2
        await pilot.press("f", "up", "enter", "backspace", *"nowhere", "enter")
        await settled(pilot)
        assert "nowhere" in app.screen.heading and "nowhere" in text_of(pilot)  # there is no match
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen

    path = sorted(folder.glob("*.capture"))[:1]
    driven(lambda: Profile(path, open_typed), (80, 24), drive)


def test_a_name_with_markup_and_escapes_is_text(tmp_path: Path) -> None:
    name = "app.[red]x[/red]\x1b[2J"
    path = tmp_path / "odd.capture"
    path.write_bytes(File([Label(FUNCTION, name)], [FileThread("m", [Node(-1, -1), Node(0, 0, 1, 9)])]).build())

    async def drive(pilot: Pilot[None]) -> None:
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, Profile)
        screen.show("functions")
        await pilot.pause()
        table = screen.query_one(Table)
        text = "".join(segment.text for segment in table.row(0, 80))
        assert "[red]x[/red]" in text and "\x1b" not in text
        await pilot.press("c")
        await pilot.pause()
        assert "\x1b" not in pilot.app.export_screenshot()

    driven(lambda: Profile([path], open_typed), (80, 24), drive)


def test_a_damaged_capture_is_said_and_nothing_ends(tmp_path: Path) -> None:
    (tmp_path / "bad.capture").write_bytes(b"PROFCAP\nnothing")

    async def drive(pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Captures)

    driven(lambda: Captures(tmp_path, open_typed), (80, 24), drive)


def test_what_is_wrong_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prof.commandline import finish
    from prof.tools import cli

    command = [sys.executable, "-m", "prof", "profile"]
    piped = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert piped.returncode == 2 and piped.stderr.startswith("prof: this takes a terminal")
    assert len(piped.stderr.splitlines()) == 1
    assert too_small((79, 24)) and too_small((80, 23)) and not too_small((80, 24))
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setattr("prof.tools.commands.extras.find_spec", lambda _: None)
    said: list[str] = []
    monkeypatch.setattr(sys.stderr, "write", said.append)
    assert finish("prof", lambda: cli.main(["profile"])) == 2
    assert "".join(said).strip() == "prof: prof profile needs textual: pip install 'prof-instrument[tui]'"


def test_a_section_that_is_replaced_keeps_its_order_and_filter() -> None:
    async def drive(pilot: Pilot[None]) -> None:
        table = Table(Section("", columns=[Column("n", ["1", "3", "2"]), Column("name", ["a", "b", "a"], left=True)]))
        await pilot.app.screen.mount(table)
        await pilot.pause()
        table.sort_by(0)
        table.set_filter("a")
        assert list(table.rows) == [2, 0]
        table.set_section(Section("", columns=[Column("n", ["5", "9"]), Column("name", ["a", "a"], left=True)]))
        assert list(table.rows) == [1, 0]

    async def run() -> None:
        from textual.app import App

        async with App[None]().run_test() as pilot:
            await drive(pilot)

    asyncio.run(run())


def test_input_is_hidden_until_it_is_asked_for(folder: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        typed = pilot.app.screen.query_one("#typed", Input)
        assert not typed.display
        await pilot.press("slash", *"nothing q")
        assert typed.display and pilot.app.screen.query_one(Table).length() == 0
        await pilot.press("escape")
        assert not typed.display and pilot.app.screen.query_one(Table).length() == 2

    driven(lambda: Captures(folder, open_typed), (80, 24), drive)
