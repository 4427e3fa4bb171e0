"""`prof flamegraph`: well-formed, true to the capture, and live in a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import browser
import pytest
from capture_files import THREAD, File, Label, Node, Thread, function
from example import example, memory_example
from hypothesis import given
from hypothesis import strategies as st
from prof.modes import MEASURES
from prof.tools.analysis.frames import FrameName, Frames, frames_of_folded, guess_name
from prof.tools.cli import main
from prof.tools.exporters.flamegraph import Picture, place, svg
from prof.tools.modes import THEMES
from prof.tools.screen.colours import colour
from prof.tools.screen.markup import escape

SVG = "{http://www.w3.org/2000/svg}"
needs_browser = pytest.mark.skipif(browser.CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.capture").write_bytes(example().build())
    (tmp_path / "memory.capture").write_bytes(memory_example().build())
    os.utime(tmp_path / "app.capture", (4e9, 4e9))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draw(*arguments: str) -> ET.Element:
    assert main(["flamegraph", "app.capture", "-o", "out.svg", *arguments]) == 0
    return ET.fromstring(Path("out.svg").read_bytes())


def data_of(root: ET.Element) -> dict:
    script = root.findtext(f"{SVG}script") or ""
    return json.loads(re.search(r"const DATA = (.*);\n", script)[1])


def rectangles(root: ET.Element) -> list[dict[str, str]]:
    return [g[0].attrib for g in root.find(f"{SVG}g[@id='frames']")]


def test_is_well_formed_and_true(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = draw()
    assert capsys.readouterr().out == "out.svg\n"
    data = data_of(root)
    frames = {data["names"][f[0]][0]: f for f in data["frames"]}
    assert frames["all"][3] == 1_187_020_000
    assert frames["app.main"][3:6] == [1_059_020_000, 12_000_000, 1]
    assert frames["app.main"][2] == 1
    assert len(rectangles(root)) == len(data["frames"])
    for (_, left, _, total, *_), rect in zip(data["frames"], rectangles(root), strict=True):
        assert float(rect["x"].rstrip("%")) == pytest.approx(100 * left / frames["all"][3], abs=1e-3)
        assert float(rect["width"].rstrip("%")) == pytest.approx(100 * total / frames["all"][3], abs=1e-3)
    names = [name for name, _, _ in data["names"]]
    assert 'app.évil<name>&"]]>\\x1b[31m;\\x0a' in names
    assert "profiler" not in names


def test_a_picture_has_its_colours_by_the_command_alone(here: Path) -> None:
    """In a process of its own, which loads no more than this command asks for."""
    command = [sys.executable, "-c", "from prof.tools.cli import main; main()", "flamegraph", "app.capture", "-o"]
    subprocess.run([*command, "alone.svg"], check=True, capture_output=True)
    draw()
    assert Path("alone.svg").read_bytes() == Path("out.svg").read_bytes()


def test_children_lie_on_their_parents(here: Path) -> None:
    frames = data_of(draw("--min-width", "0.0001"))["frames"]
    seen = set()
    for number, (_, left, depth, total, _, _, parent) in enumerate(frames):
        assert (left, depth, total) not in seen or total == 0
        if number:
            assert frames[parent][1] <= left
            assert left + total <= frames[parent][1] + frames[parent][3]
            assert depth == frames[parent][2] + 1


def test_icicle_hangs_and_width_is_fixed(here: Path) -> None:
    flame, icicle = rectangles(draw()), rectangles(draw("--icicle", "--width", "800"))
    assert int(flame[0]["y"]) == max(int(r["y"]) for r in flame)
    assert int(icicle[0]["y"]) == min(int(r["y"]) for r in icicle)
    assert draw("--inverted", "--width", "800").get("width") == "800"
    assert draw().get("width") == "100%"


def test_narrow_frames_are_counted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = draw("--min-width", "100")
    kept = len(rectangles(root))
    assert kept < 10
    note = root.find(f".//{SVG}text[@id='details']").text
    assert note == f"1.19 s; without {18 - kept} frames too narrow to draw"
    assert f"without {18 - kept} frames too narrow" in capsys.readouterr().err


def test_default_output_is_beside(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flamegraph"]) == 0
    assert capsys.readouterr().out == "app-time.svg\n"
    assert main(["folded"]) == 0
    assert main(["flamegraph", "app-time.folded"]) == 0
    assert capsys.readouterr().out == "app-time.folded\napp-time.svg\n"
    assert data_of(ET.parse("app-time.svg").getroot())["unit"] == "ns"


def test_capture_and_its_folded_agree(here: Path) -> None:
    """Own values and widths, whichever way the frames came."""
    capture = data_of(draw("--min-width", "0.00001"))
    assert main(["folded"]) == 0
    assert main(["flamegraph", "app-time.folded", "-o", "out.svg", "--min-width", "0.00001"]) == 0
    folded = data_of(ET.parse("out.svg").getroot())

    def rows(data: dict) -> set[tuple[str, int, int, int]]:
        clean = str.maketrans({";": ":", "\n": " ", "\x1b": " "})
        return {(data["names"][f[0]][0].translate(clean), f[2], f[3], f[4]) for f in data["frames"]}

    assert rows(capture) == rows(folded)


def draw_memory(mode: str, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    assert main(["flamegraph", "memory.capture", "--mode", mode, "--min-width", "0.00001"]) == 0
    output = capsys.readouterr().out
    assert output == f"memory-{mode}.svg\n"
    return data_of(ET.parse(output.strip()).getroot())


@pytest.mark.parametrize("mode", [name for name in MEASURES if name.startswith("memory")])
def test_memory_ends_in_lines(here: Path, capsys: pytest.CaptureFixture[str], mode: str) -> None:
    data = draw_memory(mode, capsys)
    assert data["unit"] == ("" if mode == "memory-count" else "B")
    below = {frame[6] for frame in data["frames"][1:]}
    leaves = [frame for number, frame in enumerate(data["frames"]) if number not in below]
    assert {data["names"][frame[0]][2] for frame in leaves} == {"line"}
    assert sum(frame[3] for frame in leaves) == data["frames"][0][3]
    # From its folded text comes the same picture, in the same colours.
    assert main(["folded", "memory.capture", "--mode", mode]) == 0
    assert main(["flamegraph", f"memory-{mode}.folded", "-o", "folded.svg", "--min-width", "0.00001"]) == 0
    folded = data_of(ET.parse("folded.svg").getroot())
    assert folded["unit"] == data["unit"]
    kept = [[[d["names"][f[0]][0], f[2], f[3], f[4]] for f in d["frames"] if "threads" not in d["names"][f[0]][0]]
            for d in (data, folded)]  # fmt: skip
    assert sorted(kept[0]) == sorted(kept[1])


def test_memory_names_what_it_draws(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = draw_memory("memory-detail", capsys)
    assert ["parse.py:52", "Parser.token in /src/app/parse.py:52", "line"] in data["names"]
    root = ET.parse("memory-memory-detail.svg").getroot()
    assert root.findtext(f"{SVG}title") == "app, bytes held at the peak"
    legend = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "legend"]
    assert legend[:2] == ["functions", "lines"]
    assert main(["flamegraph", "memory.capture"]) == 0
    assert capsys.readouterr().out == "memory-time.svg\n"


def test_folded_of_others(tmp_path: Path) -> None:
    text = b"main;work`read;x (y.c:3) 12\r\nmain 3\n\nnot a stack\nmain;work`read 1.6\n -1\n"
    frames = frames_of_folded(text.split(b"\n"), "x.folded", 0)
    assert frames.total == [17, 17, 14, 12]
    assert frames.own == [0, 3, 2, 12]
    assert frames.skipped_lines == 2
    bad = tmp_path / "bad.folded"
    bad.write_bytes(b"\0\1\2\nwords\n")
    assert main(["flamegraph", str(bad)]) == 3


def test_deep_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep.folded").write_text(";".join(["m.f"] * 20_000) + " 7\n")
    assert main(["flamegraph", "deep.folded"]) == 0
    assert len(data_of(ET.parse("deep.svg").getroot())["frames"]) == 20_001


def test_empty_capture_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.capture").write_bytes(File([], [], None).build())
    assert len(rectangles(draw())) == 1


@given(st.text())
def test_any_name_is_well_formed(name: str) -> None:
    frames = Frames("", [FrameName("all", "thread", ""), guess_name(name)], [0, 1], [0, 0], [5, 5], [0, 5])
    text = "".join(svg(frames, Picture(name)))
    root = ET.fromstring(text.encode("utf-8"))
    assert data_of(root)["names"][1][0] == name
    assert ET.fromstring(f'<a b="{escape(name)}">{escape(name)}</a>') is not None


def test_place_orders_siblings_by_name() -> None:
    names = [FrameName(n, "function", "") for n in ("all", "b", "a")]
    frames = Frames("", names, [0, 1, 2, 2], [0, 0, 0, 1], [10, 6, 4, 5], [0, 1, 4, 5])
    assert place(frames) == ([0, 4, 0, 4], [0, 1, 1, 2])


def test_colours_are_stable_and_by_family() -> None:
    time = THEMES["time"]
    one, two = ("m.a", "function", "m", time), ("m.b", "function", "m", time)
    assert colour(*one) == colour(*one)
    assert colour(*one).split(",")[0] == colour(*two).split(",")[0], "a module has one hue"
    assert colour("x.y", "thread", "", time) == colour("x", "thread", "", THEMES["memory-live"])


@pytest.mark.parametrize("theme", THEMES)
def test_kinds_have_hues_of_their_own(theme: str) -> None:
    hues = {kind: int(colour("x", kind, "x", THEMES[theme])[4:].split(",")[0]) for kind in THEMES[theme]}
    taken: set[int] = set()
    for kind, (first, reach, _) in THEMES[theme].items():
        assert first <= hues[kind] <= first + reach
        spread = {hue % 360 for hue in range(first, first + reach + 1)}
        assert not spread & taken
        taken |= spread


def test_modes_have_themes_of_their_own() -> None:
    assert set(THEMES) == set(MEASURES)
    families = {id(theme): theme["function"] for theme in THEMES.values()}  # measures of samples share one
    functions = [range(first, first + reach + 1) for first, reach, _ in families.values()]
    hues = [hue % 360 for spread in functions for hue in spread]
    assert len(hues) - len(set(hues)) < 15, "hardly an overlap"


# ---- in the browser ----


def live(dom: str) -> ET.Element:
    """Chromium's dump, as XML again."""
    return ET.fromstring(dom[dom.index("<svg") :])


def shown(root: ET.Element) -> list[int]:
    groups = root.find(f"{SVG}g[@id='frames']")
    return [i for i, g in enumerate(groups) if "display: none" not in g.get("style", "")]


@needs_browser
def test_script_runs(here: Path) -> None:
    draw()
    root = live(browser.dump_dom(here / "out.svg"))
    assert root.find(f".//{SVG}g[@id='controls']").get("visibility") == "visible"
    assert root.find(f".//{SVG}g[@id='unzoom']").get("visibility") == "hidden"
    assert len(shown(root)) == len(data_of(root)["frames"])


@needs_browser
def test_zoom(here: Path) -> None:
    data = data_of(draw())
    load = next(i for i, f in enumerate(data["frames"]) if data["names"][f[0]][0] == "app.load")
    root = live(browser.dump_dom(here / "out.svg", f"zoom={load}"))
    below = [load]
    for i, frame in enumerate(data["frames"]):
        if frame[6] in below and i != load and i:
            below.append(i)
    above = [0, data["frames"][load][6]]
    assert shown(root) == sorted([*above, *below])
    for i in (*above, load):
        assert (rectangles(root)[i]["x"], rectangles(root)[i]["width"]) == ("0.0000%", "100.0000%")
    assert root.find(f".//{SVG}g[@id='unzoom']").get("visibility") == "visible"


@needs_browser
def test_search_counts_nested_matches_once(here: Path) -> None:
    draw()
    root = live(browser.dump_dom(here / "out.svg", "search=parser"))
    assert root.find(f".//{SVG}text[@id='matched']").text == "matched 56.87%, 675 ms in 3 frames"
    assert sum(r.get("class") == "match" for r in rectangles(root)) == 3
    broken = live(browser.dump_dom(here / "out.svg", "search=%5Bfeed"))
    assert broken.find(f".//{SVG}text[@id='matched']").text == "matched 0.00%, 0 ns in 0 frames"


@needs_browser
def test_bytes_in_the_browser(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_memory("memory-live", capsys)
    root = live(browser.dump_dom(here / "memory-memory-live.svg", "search=parse.py"))
    assert root.find(f".//{SVG}text[@id='matched']").text == "matched 49.93%, 2.0 MiB in 1 frame"
    assert root.find(f".//{SVG}text[@id='details']").text.startswith("4.0 MiB")


DRIVE = """
const fire = (target, kind, more) => target.dispatchEvent(new (more && more.key ? KeyboardEvent : MouseEvent)(
  kind, {bubbles: true, cancelable: true, ...more}));
const LOG = [];
const rects = [...document.querySelectorAll("#frames rect")];
const text = (id) => document.getElementById(id).textContent;
window.addEventListener("load", () => {
  fire(rects[2], "mouseover"); LOG.push(text("details"), rects[2].parentNode.querySelector("title").textContent);
  fire(rects[2], "click"); LOG.push(location.hash);
  fire(window, "keydown", {key: "/"}); LOG.push(document.activeElement.id);
  const box = document.getElementById("query");
  box.value = "query"; fire(box, "input"); LOG.push(text("matched"));
  fire(window, "keydown", {key: "Escape"}); LOG.push(location.hash, text("matched"), text("details"));
  fire(window, "keydown", {key: "f", ctrlKey: true}); LOG.push(document.activeElement.id);
  document.documentElement.setAttribute("data-log", JSON.stringify(LOG));
});
"""


@needs_browser
def test_mouse_and_keys(here: Path) -> None:
    draw()
    path = here / "out.svg"
    path.write_text(path.read_text("utf-8").replace("]]></script>", DRIVE + "]]></script>"), "utf-8")
    root = live(browser.dump_dom(path))
    details, tip, zoomed, focused, matched, home, unmatched, note, focused_again = json.loads(root.get("data-log"))
    assert details == "app.load  ·  730 ms (61.50%)  ·  self 55.0 ms  ·  3 calls  ·  /src/app.py:20"
    assert tip.splitlines()[0] == "app.load"
    assert zoomed == "#zoom=2"
    assert (focused, focused_again) == ("query", "query")
    assert matched.startswith("matched 20.56%, 244 ms in 3 frames")
    assert (home, unmatched) == ("#", "") or (home, unmatched) == ("", "")
    assert note.startswith("1.19 s")


@needs_browser
def test_narrow_window_cuts_labels(here: Path) -> None:
    """The window's width decides what is legible, not the nominal one."""
    draw()

    def labels(width: int) -> int:
        root = live(browser.dump_dom(here / "out.svg", width=width))
        return sum(len(text.text or "") for text in root.findall(f".//{SVG}g[@id='frames']//{SVG}text"))

    assert labels(500) < labels(1000) < labels(3000)


def test_big_capture_is_pruned_before_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [Node(-1, 0)] + [Node(i // 2, 1, 1, 1) for i in range(50_000)]
    file = File([Label(THREAD, "t"), function("m.f")], [Thread("t", nodes)], {}, nodes_per_chunk=4000)
    Path("app.capture").write_bytes(file.build())
    assert len(rectangles(draw())) < 20_000
