"""The views of the page: what is folded, callers, search, columns, the source, what it opens on. Against plain sums."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from capture_files import (
    FRAME,
    IMPORT,
    SAMPLES_MODE,
    THREAD,
    File,
    Label,
    Node,
    Sample,
    Thread,
    function,
)
from example import memory_example
from html_page import HELPERS, data_of, driven, needs_browser, page
from prof.tools.analysis.timeline import thinned
from prof.tools.cli import main
from prof.tools.reports.html_sources import MOST_OF_LINE
from running import PROF, environment

SITE = "/v/lib/python3.14/site-packages"
# By the first letter of a name, whose it is: own, two libraries, the standard library, imports.
FILES = {"o": "/src/app.py", "a": f"{SITE}/alpha/a.py", "b": f"{SITE}/beta/b.py", "s": "/usr/lib/python3.14/json/s.py"}
FOLDED = {"a": "alpha", "b": "beta", "s": "json", "i": "imports"}
ONE = HELPERS.replace("const [TIME, MEMORY] = GRAPHS, LOG", "const [TIME] = GRAPHS, LOG")
Path_ = tuple[str, ...]

# What a tree has itself, by path.
OWN = """
const paths = () => {
  const found = {};
  for (let i = 1; i < NODES.count; i++) {
    const path = pathTo(i).slice(1).map((node) => LABELS.name[NODES.label[node]]).join(" ");
    if (path in found) throw new Error("twice: " + path);
    found[path] = [MEASURES[0].own[i], MEASURES[0].total[i], NODES.counts[0].of[i]];
  }
  return found;
};
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mixed(seed: int = 7) -> tuple[File, dict[Path_, tuple[int, int]]]:
    """A random tree of functions of all kinds, and by path its own time and calls."""
    chance = random.Random(seed)
    names = ["o1", "o2", "o3", "a1", "a2", "b1", "s1", "s2", "i1", "i2"]
    labels = [Label(THREAD, "t")]
    for name in names:
        file = FILES.get(name[0], "/src/other.py")
        labels.append(Label(IMPORT if name[0] == "i" else 1, name, name, file, 1))
    nodes, paths = [Node(-1, 0)], [()]
    figures: dict[Path_, tuple[int, int]] = {}
    while len(nodes) < 250:
        above = chance.randrange(max(0, len(nodes) - 25), len(nodes))
        path = (*paths[above], chance.choice(names))
        if path in figures:
            continue
        figures[path] = chance.choice([0, chance.randrange(1, 10_000)]), chance.randrange(1, 9)
        nodes.append(Node(above, 1 + names.index(path[-1]), figures[path][1], figures[path][0]))
        paths.append(path)
    return File(labels, [Thread("t", nodes)], {"name": "mixed"}), figures


def folded(path: Path_) -> Path_:
    """As the page says: one frame for a library from where it was called to where it calls the user's own again."""
    found: list[str] = []
    inside = ""
    for name in path:
        if inside == "imports" or (inside and name[0] in "abs"):
            continue
        inside = FOLDED.get(name[0], "")
        found.append(inside or name)
    return tuple(found)


def with_something(figures: dict[Path_, tuple[int, int]]) -> set[Path_]:
    """The paths of what is drawn: something below them has time."""
    return {path[: depth + 1] for path, (time, _) in figures.items() for depth in range(len(path)) if time}


def summed(figures: dict[Path_, tuple[int, int]]) -> dict[str, list[int]]:
    """By path: own time, that with all below it, and calls; of folded frames those from outside."""
    own, total, calls = Counter[Path_](), Counter[Path_](), Counter[Path_]()
    drawn = with_something(figures)
    for path, (time, count) in figures.items():
        if path not in drawn:
            continue
        short = folded(path)
        own[short] += time
        if len(path) == 1 or folded(path[:-1]) != short:
            calls[short] += count
        for depth in range(len(short)):
            total[short[: depth + 1]] += time
    return {" ".join(p): [own[p], total[p], calls[p]] for p in own if total[p]}


def test_folding_is_that_of_plain_paths() -> None:
    assert folded(("o1", "a1", "a2", "s1", "b1", "o2", "s1", "a1")) == ("o1", "alpha", "o2", "json")
    assert folded(("i1", "o1", "a1")) == ("imports",)


@needs_browser
def test_libraries_and_imports_are_folded_until_asked_for(here: Path) -> None:
    file, figures = mixed()
    (here / "mixed.capture").write_bytes(file.build())
    log: dict[str, Any] = driven(
        """
      Object.assign(IN_FULL, {library: false, standard: false, imports: false}); showTree(0);
      LOG.folded = paths();
      LOG.rows = text("tbody .name").sort();
      const isO2 = (label) => LABELS.name[label] === "o2";
      const recorded = RECORDED.label.findIndex((label, i) => isO2(label) && isO2(NODES.label[STATE.of[i]]));
      zoomTo(STATE.of[recorded]);
      unfold();
      LOG.full = paths();
      LOG.zoomed = [NODES.label[STATE.zoom] === RECORDED.label[recorded], location.hash];
      LOG.again = (recall(), Object.keys(paths()).length);
    """,
        helpers=ONE + OWN,
    )
    assert {path: each for path, each in log["folded"].items() if each[1]} == summed(figures)
    assert log["rows"] == ["o1", "o2", "o3"]
    assert {path: [each[0], each[2]] for path, each in log["full"].items()} == {
        " ".join(path): list(each) for path, each in figures.items() if " ".join(path) in log["full"]
    }
    assert len(log["full"]) > 150
    zoomed, address = log["zoomed"]
    assert zoomed is True
    assert "library=true&standard=true" in address and address.startswith("#zoom=")
    assert log["again"] == len(log["full"]), "the address keeps what is folded"


@needs_browser
def test_callers_are_those_of_plain_paths(here: Path) -> None:
    file, figures = mixed(11)
    (here / "mixed.capture").write_bytes(file.build())
    log = driven(
        """
      unfold();
      byId("callers").click();
      LOG.all = [paths(), byId("callers").textContent, location.hash];
      byId("callers").click();
      selectLabel(LABELS.name.indexOf("o2"));
      byId("callers").click();
      LOG.one = [paths(), byId("callers").textContent, MEASURES[0].total[0] / MEASURES[0].whole];
      search("o1"); LOG.steps = STATE.steps.length;
      TIME.view.focus(); key("ArrowDown"); key("ArrowDown");
      LOG.tip = [...text("#tip .about"), ...text("#tip thead th")];
      key("Escape");
      LOG.after = [STATE.callers, Object.keys(paths()).length, document.querySelector("#callers").ariaPressed];
    """,
        helpers=ONE + OWN,
    )
    # All: a function's own time, by each chain of its callers, innermost first.
    chains: Counter[Path_] = Counter()
    for path, (time, _) in figures.items():
        for depth in range(len(path)):
            chains[path[::-1][: depth + 1]] += time
    whole = sum(time for time, _ in figures.values())
    shown, words, address = log["all"]
    # What is too small is not told apart: it is not there at all, or its callers are not.
    assert all(chains[tuple(path.split())] == each[1] for path, each in shown.items())
    assert all(" ".join(chain) in shown for chain, time in chains.items() if time > whole / 5000)
    assert (words, address) == ("Callers of all", "#callers=all&library=true&standard=true&imports=true")
    # One: all that it called counts, once where it calls itself.
    totals: Counter[Path_] = Counter()
    for path, (time, _) in figures.items():
        if "o2" in path:
            above = path[: path.index("o2") + 1][::-1]
            for depth in range(len(above)):
                totals[above[: depth + 1]] += time
    drawn = with_something(figures)
    calls = sum(count for path, (_, count) in figures.items() if path[-1] == "o2" and path in drawn)
    shown, words, share = log["one"]
    assert {tuple(path.split()): each[1] for path, each in shown.items() if each[1]} == dict(+totals)
    assert shown["o2"][2] == calls
    assert words == "Callers of o2"
    assert share == pytest.approx(totals["o2",] / whole)
    assert log["steps"] > 0
    assert log["tip"][:3] == ["all that it took, whoever called it", "", "by way of it"]
    assert log["after"][0] is None and log["after"][1] > 150 and log["after"][2] == "false"


@needs_browser
def test_search_finds_files_and_steps_through_frames(here: Path) -> None:
    labels = [Label(THREAD, "t"), function("app.first", 3), function("app.second", 9), function("lib.third", 4)]
    labels[2].file, labels[3].file = "/src/deep/odd name.py", f"{SITE}/gamma/core.py"
    nodes = [Node(-1, 0), Node(0, 1, 1, 10), Node(1, 2, 1, 300), Node(0, 2, 1, 500), Node(0, 3, 1, 50)]
    (here / "s.capture").write_bytes(File(labels, [Thread("t", nodes)], {}).build())
    log = driven(
        """
      const query = byId("query");
      const found = (words) => { query.value = words; fire(query, "input"); return text("#hits")[0]; };
      LOG.found = ["deep/odd name", "second", "gamma", "nowhere"].map(found);
      found("second"); query.focus();
      const at = () => [text("#hits")[0], MEASURES[0].total[STATE.pointed], byId("tip").hidden];
      LOG.steps = [false, false, false, true].map((shiftKey) => {
        fire(query, "keydown", {key: "Enter", shiftKey});
        return at();
      });
      found(""); LOG.none = text("#hits");
      LOG.frames = [text("#tip b"), TIME.rows];
    """,
        helpers=ONE,
    )
    assert log["found"] == ["1 name, 2 frames", "1 name, 2 frames", "1 name, 1 frame", "nothing found"]
    assert log["steps"] == [
        ["1 of 2 frames", 500, False],
        ["2 of 2 frames", 300, False],
        ["1 of 2 frames", 500, False],
        ["2 of 2 frames", 300, False],
    ]
    assert log["none"] == [""]


@needs_browser
def test_the_first_screen_and_the_columns(here: Path) -> None:
    (here / "app.capture").write_bytes(memory_example().build())
    log = driven(
        """
      const first = document.querySelector(".graph"), box = first.getBoundingClientRect();
      LOG.screen = [box.top, window.innerHeight, document.documentElement.scrollWidth <= window.innerWidth];
      LOG.heights = visible().map((graph) => [graph.view.clientHeight, graph.rows]);
      LOG.open = Array.from(document.querySelectorAll("header details"), (each) => each.open);
      LOG.few = text("thead tr:last-child button");
      const choice = (name) => TABLES[0].columns.find((column) => column.key === name).box;
      choice("p99_ns").click(); choice("calls").click();
      LOG.chosen = [text("thead tr:last-child button"), decodeURIComponent(location.hash)];
      recall();
      LOG.kept = text("thead tr:last-child button");
      location.hash = ""; recall();
      LOG.usual = text("thead tr:last-child button");
      LOG.bars = Array.from(document.querySelectorAll("td.bar"), (cell) => getComputedStyle(cell).backgroundSize);
      const names = TIMELINE.pictures.map(({lines}) => lines.map(({name}) => name));
      LOG.over = [text("#over summary")[0], byId("over").open, names];
      LOG.tabs = Array.from(document.querySelectorAll("[role=tab]"), (tab) => [tab.tabIndex, tab.ariaSelected]);
      document.querySelector("[role=tab]").focus(); key("ArrowRight");
      LOG.moved = document.querySelector("[role=tab][aria-selected=true]").dataset.table;
    """,
        width=500,
    )
    top, height, fits = log["screen"]
    assert top < 0.75 * height and fits is True
    assert [high for high, _ in log["heights"]] == [18 * rows for _, rows in log["heights"]], "each its own"
    assert not any(log["open"])
    assert log["few"] == ["name", "calls", "self", "total", "self", "total"]
    titles, address = log["chosen"]
    assert "p99" in titles and "calls" not in titles
    assert "functions=self_ns,total_ns," in address and address.endswith(",p99_ns")
    assert log["kept"] == titles
    assert log["usual"] == log["few"]
    assert log["bars"] and set(log["bars"]) == {"100% 3px"}, "below the digits"
    words, is_open, pictures = log["over"]
    assert words.startswith("Over time  ·  rss up to 43.0 MiB") and not is_open, "there is little room"
    assert pictures == [["rss", "heap", "live"]]
    assert log["tabs"] == [[0, "true"], [-1, "false"]]
    assert log["moved"] == "lines"


@needs_browser
def test_much_that_is_held_comes_first(here: Path) -> None:
    file = memory_example()
    nodes = file.threads[0].nodes
    label = next(number for number, label in enumerate(file.labels) if label.kind == 8)
    nodes.append(Node(1, label, alloc=(9, 900 << 20)))
    assert file.memory is not None
    file.memory.live += 900 << 20
    file.memory.peak += 900 << 20
    (here / "leak.capture").write_bytes(file.build())
    data = data_of(page())
    assert (data["opens"], data["sort"]) == ("memory-live", "live_bytes")
    assert [m["name"] for m in data["measures"] if m["main"]] == ["time", "memory-live"]
    log = driven("""
      LOG.first = [text(".graph .whole")[0], text("thead [aria-sort=descending]"), text("tbody .name")[0]];
      showPanel(TABLES[1]);
      LOG.lines = text("tbody .name")[0];
    """)
    assert log["first"][0].startswith("bytes still held at the end 9")
    assert log["first"][1] == ["self"]
    assert log["lines"] == file.labels[label].name


@needs_browser
def test_threads_that_wait_for_work_are_left_out_of_shares(here: Path) -> None:
    places = [Label(FRAME, "concurrent.futures.thread._worker", "concurrent.futures.thread",
                    "/usr/lib/python3.14/concurrent/futures/thread.py", 70),
              Label(FRAME, "app.work", "app", "/src/app.py", 5)]  # fmt: skip
    samples = [
        Sample(0, 0, (90, 10, 0, 0, 90_000_000, 10_000_000, 0)),
        Sample(0, 1, (40, 30, 0, 0, 40_000_000, 30_000_000, 0)),
    ]
    file = File(
        [Label(THREAD, "t")], [Thread("t", [Node(-1, 0)])], {}, modes=SAMPLES_MODE, places=places, samples=samples
    )
    (here / "idle.capture").write_bytes(file.build())
    log = driven(
        """
      const totals = () => Object.fromEntries(MEASURES.map((measure) => [measure.name, measure.total[0]]));
      LOG.without = [totals(), text(".graph .whole")];
      byId("folds").querySelector("[data-fold=idle]").click();
      LOG.with = totals();
    """,
        helpers=ONE,
    )
    (without, words), waits = log["without"], {"samples-gil-wait": 0}
    assert without == {"samples": 50, "samples-cpu": 40, "samples-wall": 50e6, "samples-cpu-time": 40e6, **waits}
    assert words == ["50 without idle"]
    assert log["with"] == {"samples": 130, "samples-cpu": 40, "samples-wall": 130e6, "samples-cpu-time": 40e6, **waits}


PROGRAM = """\
def slow(n):
    # </script><script>document.title = "taken"</script>
    return sum(i * i for i in range(n))

def main():
    for _ in range(3):
        slow(100)

main()
"""


@needs_browser
def test_a_line_opens_its_file_with_figures_beside(here: Path) -> None:
    (here / "program.py").write_text(PROGRAM)
    command = [*PROF, "run", "--modes", "time+ops", "program.py"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=60)
    script = """
      showPanel(TABLES.find((table) => table.name === "lines"));
      const lines = Array.from(document.querySelectorAll("tbody tr"));
      const row = lines.find((each) => /program.py:7/.test(each.textContent));
      LOG.text = row.querySelector("code").textContent;
      row.click();
      const rows = Array.from(document.querySelectorAll(".listing tbody tr"));
      LOG.source = rows.map((each) => each.querySelector(".code").textContent);
      LOG.marked = text(".listing [aria-selected] .code");
      LOG.ops = rows.map((each) => each.querySelector("td").textContent);
      LOG.titles = text(".listing thead th");
      LOG.tab = document.querySelector("[role=tab][aria-selected=true]").dataset.table;
      LOG.title = document.title;
      LOG.called = text(".about li");
      document.querySelector(".about li button").click();
      LOG.at = text(".listing [aria-selected] .code");
      LOG.callers = text(".about h3, .about li button");
      SOURCE.heat.value = SOURCE.heat.options[SOURCE.heat.options.length - 1].value; fire(SOURCE.heat, "change");
      LOG.heat = Array.from(SOURCE.rows.children, (row) => row.style.getPropertyValue("--heat"));
    """
    log = driven(script, helpers=ONE)
    assert log["text"] == "slow(100)"
    assert log["called"][0].startswith("program.slow 3 calls")
    assert log["at"] == ["def slow(n):"]
    assert log["callers"] == ["Callers of program.slow", "program.main program.py:7"]
    assert "100.0%" in log["heat"]
    assert log["source"] == PROGRAM.splitlines()
    assert log["marked"] == ["        slow(100)"]
    assert log["titles"][-2:] == ["line", "source"] and "operations" in log["titles"]
    assert int(log["ops"][2].replace(",", "")) > 300 and log["ops"][1] == ""
    assert (log["tab"], log["title"]) == ("source", "Profile of program")
    # Once it has changed, nothing of it is shown.
    (here / "program.py").write_text(PROGRAM + "secret = 1\n")
    os.utime(here / "program.py", (1, 1))
    data = data_of(page())
    assert data["sources"]["files"] == [] and not any(data["sources"]["texts"])


def test_no_source_is_shown_where_that_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "program.py").write_text(PROGRAM)
    command = [*PROF, "run", "--modes", "time+ops", "program.py"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=60)

    def shown(*arguments: str) -> str:
        assert main(["report", "-o", "-", *arguments]) == 0
        return capsys.readouterr().out

    for kind in ("text", "json", "html", "markdown"):
        found = shown("--format", kind, *([] if kind == "html" else ["--full"]), "--no-source")
        assert "program.slow" in found and not any(text in found for text in ("for i in", "slow(100)", "i * i"))
    assert "i * i" in shown("--format", "html") and "i * i" in shown("--full")
    assert main(["report", "--source", "program.py", "--no-source"]) == 2
    assert "--no-source leaves out" in capsys.readouterr().err


def test_source_is_bounded_and_says_what_was_left_out(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "program.py").write_text(PROGRAM + "# " + "x" * 500 + "\n")
    command = [*PROF, "run", "--modes", "time+ops", "program.py"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=60)
    (file,) = data_of(page())["sources"]["files"]
    assert len(file["lines"][-1]) == MOST_OF_LINE
    monkeypatch.setattr("prof.tools.reports.html_sources.MOST", 100)
    found = data_of(page())["sources"]
    assert (found["files"], found["left"]) == ([], 1)
    assert "slow(100)" in found["texts"], "lines have their text all the same"


def test_curves_are_thinned_to_their_largest_moments() -> None:
    points = [(ns, ns * 7 % 101) for ns in range(1000)]
    few = thinned(points, 10)
    assert len(few) == 10 and set(few) <= set(points)
    assert max(value for _, value in few) == 100
    assert thinned(points[:5], 10) == points[:5]
    assert thinned([], 10) == []
