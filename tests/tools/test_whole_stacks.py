"""Whole stacks of samples, lines with what they called, and callers: against lists of the stacks themselves."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from capture_files import (
    FRAME,
    LINE,
    SAMPLED_RECORD,
    SAMPLES_MODE,
    SECTION,
    STACK,
    THREAD,
    TIME_MODE,
    File,
    Label,
    Node,
    Sample,
    Thread,
    function,
)
from prof.capture import Capture, Tree, open_capture
from prof.errors import InputError
from prof.folded import write_folded
from prof.many import open_captures
from prof.modes import MEASURES
from prof.tools.analysis.call_chains import CallSites, Chain
from prof.tools.analysis.calling_lines import Sampled
from prof.tools.analysis.owners import owners
from prof.tools.analysis.whose import Whose
from schema_check import problems
from test_capture_samples import weighted

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "schema.json").read_text())
FILE, LIBRARY = "/src/app.py", "/venv/lib/python3.15/site-packages/widgets/core.py"
NAMES = [f"f{number}" for number in range(8)]
MARKED = 4  # functions, from the first


@dataclass(frozen=True)
class Frame:
    """A function, by number, at one of its lines; with `section`, in a section of its own."""

    of: int
    line: int
    section: bool = False

    @property
    def name(self) -> str:
        return f"app.f{self.of}"


Stack = tuple[Frame, ...]


def begins(number: int) -> int:
    return 100 * (number + 1)


def place(number: int, line: int) -> int:
    """The index of a line's place: behind those of the functions."""
    return len(NAMES) + 10 * number + line % 10


def random_stack(chance: random.Random) -> Stack:
    """Functions call themselves and each other; marked ones have sections."""
    found = []
    for _ in range(chance.randrange(1, 9)):
        number = chance.choice([0, 1, 4, 5, chance.randrange(len(NAMES))])
        line = begins(number) + chance.randrange(1, 4)
        found.append(Frame(number, line, number < MARKED and chance.random() < 0.2))
    return tuple(found)


def capture_of(samples: Counter[Stack], installed: int = len(NAMES)) -> File:
    """Samples as the recorder writes them: below the spans, with their whole stacks. Functions from number `installed`
    on are a library's."""
    files = [FILE if number < installed else LIBRARY for number in range(len(NAMES))]
    labels = [Label(THREAD, "thread")]
    labels += [function(f"app.f{number}", begins(number)) for number in range(MARKED)]
    labels += [Label(SECTION, f"profile!s{number}", "app", FILE, begins(number) + 50) for number in range(MARKED)]
    places = [Label(FRAME, f"app.f{number}", "app", files[number], begins(number)) for number in range(len(NAMES))]
    for number, name in enumerate(NAMES):
        lines = (begins(number) + line for line in range(10))
        places += [Label(LINE, f"app.py:{line}", name, files[number], line) for line in lines]
    nodes, at = [Node(-1, 0)], {(): 0}
    rows: list[Sample] = []
    found: dict[tuple[int, int], int] = {}

    def record(parent: int, of: int, **more: object) -> int:
        rows.append(Sample(parent, of, **more))  # type: ignore[arg-type]
        return -len(rows)

    for stack, number in samples.items():
        chain: tuple[int, ...] = ()
        below: list[int] = []
        for frame in stack:
            if frame.of < MARKED:
                spans = [1 + frame.of, *([1 + MARKED + frame.of] if frame.section else [])]
                below = []
                for span in spans:
                    if (*chain, span) not in at:
                        at[*chain, span] = len(nodes)
                        nodes.append(Node(at[chain], span, 1, 1000))
                    chain = (*chain, span)
            else:
                below.append(frame.of)
        parent = at[chain]
        for of in below:
            if (parent, of) not in found:
                found[parent, of] = record(parent, of)
            parent = found[parent, of]
        line = place(stack[-1].of, stack[-1].line)
        whole = tuple((frame.of, frame.line) for frame in stack)
        record(parent, line, counts=weighted(number), stack=whole)
    meta = {"name": "app", "modes": ["time", "samples"]}
    threads = [Thread("MainThread", nodes, end=1_000_000_000)]
    return File(labels, threads, meta, modes=TIME_MODE | SAMPLES_MODE, places=places, samples=rows)


def path_of(stack: Stack) -> tuple[str, ...]:
    names = [name for f in stack for name in (f.name, *([f"profile!s{f.of}"] if f.section else []))]
    return (*names, f"app.py:{stack[-1].line}")


def paths(capture: Capture, tree: Tree) -> dict[tuple[str, ...], int]:
    found: list[tuple[str, ...]] = [()]
    for node in range(1, tree.count):
        label = capture.label(tree.label[node])
        found.append((*found[tree.parent[node]], label.name))
    own = tree.column("samples")
    assert len(set(found)) == len(found)
    return {path: own[node] for node, path in enumerate(found) if own[node]}


def check(capture: Capture, samples: Counter[Stack]) -> None:
    """What a capture says, against one look at each stack."""
    tree = capture.tree()
    expected: Counter[tuple[str, ...]] = Counter()
    lines: Counter[int] = Counter()
    calls: Counter[tuple[str | None, int, str]] = Counter()
    for stack, number in samples.items():
        expected[path_of(stack)] += number
        for line in {frame.line for frame in stack}:
            lines[line] += number
        # A section is a call from no line of its function, and what that calls is called from no line of the section.
        entries = [e for f in stack for e in ((f.name, f.line), *([(f"profile!s{f.of}", 0)] if f.section else []))]
        before = [(None, 0), *entries]
        for pair in {(*caller, name) for caller, (name, _) in zip(before, entries, strict=False)}:
            calls[pair] += number
    assert paths(capture, capture.stacks(tree)) == expected
    found = Sampled(capture, tree)
    assert {line: sums["samples"] for (file, line), sums in found.by_line.items() if file == FILE} == lines
    assert {line: sums["sampled_ns"] for (_, line), sums in found.by_line.items()} == {
        line: 1_000_000 * number for line, number in lines.items()
    }
    # Each line is of one function here.
    assert {line: sums["samples"] for (_, line, _), sums in found.by_function.items()} == lines
    assert {function for _, _, function in found.by_function} <= set(NAMES)
    sites = CallSites(found)
    assert {(c.caller and c.caller.name, c.line, c.callee.name): c.samples for c in sites.calls} == calls
    for label in {c.callee.index: c.callee for c in sites.calls}.values():
        assert chains(sites.callers(label)) == expected_chains(samples, label.name), label.name


def chains(chain: Chain) -> Counter[tuple[str, ...]]:
    """The samples of each chain of callers, from the function outwards."""
    found: Counter[tuple[str, ...]] = Counter()
    waiting: list[tuple[Chain, tuple[str, ...]]] = [(chain, ())]
    while waiting:
        at, path = waiting.pop()
        found[path] += at.samples
        waiting += [(each, (*path, f"{each.label.name}:{each.line}")) for each in at.callers.values()]
    return found


def expected_chains(samples: Counter[Stack], name: str) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for stack, number in samples.items():
        entries = [e for f in stack for e in ((f.name, f.line), *([(f"profile!s{f.of}", 0)] if f.section else []))]
        outermost = next((n for n, (entry, _) in enumerate(entries) if entry == name), None)
        if outermost is None:
            continue
        above = [f"{entry}:{line}" for entry, line in reversed(entries[:outermost])]
        for depth in range(len(above) + 1):
            found[tuple(above[:depth])] += number
    return found


@pytest.mark.parametrize("seed", range(12))
def test_stacks_lines_and_callers(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    samples = Counter({random_stack(chance): chance.randrange(1, 100) for _ in range(40)})
    path = tmp_path / "a.capture"
    path.write_bytes(capture_of(samples).build())
    with open_capture(path) as capture:
        assert capture.whole_stacks
        check(capture, samples)


@pytest.mark.parametrize("seed", range(6))
def test_own_functions_are_charged_by_the_line_that_called(tmp_path: Path, seed: int) -> None:
    """Each sample is its innermost own function's, at the line that ran in it or called a library."""
    chance = random.Random(seed)
    samples = Counter({random_stack(chance): chance.randrange(1, 100) for _ in range(40)})
    samples = Counter({stack: n for stack, n in samples.items() if not any(frame.section for frame in stack)})
    path = tmp_path / "a.capture"
    path.write_bytes(capture_of(samples, installed=5).build())
    expected: Counter[tuple[str, tuple[str, int]]] = Counter()
    below: Counter[tuple[str, str]] = Counter()
    for stack, number in samples.items():
        own = next((frame for frame in reversed(stack) if frame.of < 5), None)
        if own is not None:
            expected[own.name, (FILE, own.line)] += number
            below[own.name, "" if own == stack[-1] else "widgets"] += number
    with open_capture(path) as capture:
        charges = owners(capture, Sampled(capture, capture.tree()).stacks, "samples", Whose())
        found, whole = charges.owners, charges.whole
    assert whole == samples.total()
    lines = {(owner.label.name, line): n for owner in found for line, n in owner.lines.items() if n}
    libraries = {(owner.label.name, name): n for owner in found for name, n in owner.below.items() if n}
    assert (lines, libraries) == (expected, below)


@pytest.mark.parametrize("seed", range(6))
def test_several_captures_are_added_up(tmp_path: Path, seed: int) -> None:
    """As one they say what all of their stacks say; each thread's tree has its own."""
    chance = random.Random(seed)
    parts = [Counter({random_stack(chance): chance.randrange(1, 100) for _ in range(20)}) for _ in range(3)]
    files = [tmp_path / f"{number}.capture" for number in range(len(parts))]
    for file, samples in zip(files, parts, strict=True):
        file.write_bytes(capture_of(samples).build())
    with open_captures(files) as capture:
        whole: Counter[Stack] = Counter()
        for samples in parts:
            whole.update(samples)
        check(capture, whole)
        own = [paths(capture, capture.stacks(capture.tree(n))) for n in range(len(capture.threads))]
    expected = []
    for samples in parts:
        one: Counter[tuple[str, ...]] = Counter()
        for stack, number in samples.items():
            one[path_of(stack)] += number
        expected.append(dict(one))
    assert sorted(map(sorted, own)) == sorted(map(sorted, expected))


def test_without_whole_stacks_a_stack_is_what_is_known(tmp_path: Path) -> None:
    """Captures of before, or of spans alone: the spans, the frames below them, and the line."""
    samples = Counter({(Frame(0, 101), Frame(5, 602), Frame(1, 203), Frame(4, 501)): 7})
    file = capture_of(samples)
    for each in file.samples:
        each.stack = ()
    (tmp_path / "a.capture").write_bytes(file.build())
    with open_capture(tmp_path / "a.capture") as capture:
        tree = capture.tree()
        assert not capture.whole_stacks
        assert paths(capture, capture.stacks(tree)) == {("app.f0", "app.f1", "app.f4", "app.py:501"): 7}
        lines = capture.stacks(tree, lines=True)
        assert lines.at is not None and [line for line in lines.at if line] == [501]


def test_folded_stacks_with_lines(tmp_path: Path) -> None:
    samples = Counter({(Frame(0, 101), Frame(5, 602)): 7, (Frame(0, 102),): 3})
    (tmp_path / "a.capture").write_bytes(capture_of(samples).build())
    with open_capture(tmp_path / "a.capture") as capture:
        tree = capture.stacks(capture.tree(), lines=True)
        write_folded(capture, MEASURES["samples"], tmp_path / "a.folded", tree)
        plain = write_folded(capture, MEASURES["samples"]).read_text()
    assert sorted((tmp_path / "a.folded").read_text().splitlines()) == [
        "app.f0 (app.py:101);app.f5 (app.py:602) 7",
        "app.f0 (app.py:102) 3",
    ]
    assert sorted(plain.splitlines()) == ["app.f0;app.f5;app.py:602 7", "app.f0;app.py:102 3"]
    command = [sys.executable, "-m", "prof", "folded", "a.capture", "--mode", "samples", "--lines", "-o", "-"]
    assert sorted(subprocess.check_output(command, cwd=tmp_path, text=True).splitlines()) == sorted(
        (tmp_path / "a.folded").read_text().splitlines()
    )


def test_what_reports_say(tmp_path: Path) -> None:
    """f4 is not marked: its callers are known from samples, as those of a marked function are."""
    samples = Counter({
        (Frame(6, 701), Frame(0, 101), Frame(4, 501)): 60,
        (Frame(6, 701), Frame(0, 102), Frame(4, 501)): 30,
        (Frame(7, 801),): 10,
    })  # fmt: skip
    (tmp_path / "a.capture").write_bytes(capture_of(samples).build())

    def report(*more: str) -> str:
        command = [sys.executable, "-m", "prof", "report", "a.capture", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    callers = report("--callers", "app.f4")
    assert "none recorded" not in callers
    assert re.search(r"60 +66.7% .* app.py:101 +app.f0\n +30 +33.3% .* app.py:102 +app.f0\n", callers)
    assert "Mostly    app.f6 (app.py:701) > app.f0 (app.py:101) > app.f4\n" in callers
    assert re.search(r"60 +66.7% {4}app.f0 \(app.py:101\)\n +60 +66.7% {6}app.f6 \(app.py:701\)\n", callers)
    assert re.search(r"90 +100.0% .* app.py:701 +app.f0\n", report("--callees", "app.f6"))
    text = report("--full")
    for row in (
        r"90 +90.0% +- .* app.py:701 +f6",
        r"60 +60.0% +- .* app.py:101 +f0",
        r"90 +90.0% +90 .* app.py:501 +f4",
    ):
        assert re.search(rf"\n +{row}\n", text), row
    assert re.search(r"90.0% +90 +- +app.f6\n *90.0% +90 +- +  app.f0\n", report("--tree", "--sort", "samples"))
    document = json.loads(report("--format", "json", "-o", "-"))
    assert not list(problems(document, SCHEMA))
    lines = {line["line"]: (line.get("samples"), line.get("total_samples")) for line in document["lines"]}
    assert lines == {501: (90, 90), 801: (10, 10), 701: (None, 90), 101: (None, 60), 102: (None, 30)}
    calls = {(c["caller"], c["line"], c["callee"]): c["samples"] for c in document["sampled_calls"]}
    assert calls["app.f6", 701, "app.f0"] == 90 and calls[None, 0, "app.f7"] == 10
    met = {f["name"]: (f["samples"], f["samples_self"]) for f in document["functions"]}
    assert met["app.f6"] == (90, 0)


@pytest.mark.parametrize(
    ("what", "value", "message"),
    [
        ("label", 5, "frame 1 of the stacks names a function that is not there"),
        ("caller", None, "frame 1 of the stacks names a caller that is not before it"),
        ("caller", 5, "frame 1 of the stacks names a caller that is not before it"),
        ("stack", 5, "record 1 of samples names a stack that is not there"),
    ],
)
def test_corrupt(tmp_path: Path, what: str, value: int | None, message: str) -> None:
    samples = Counter({(Frame(0, 101), Frame(5, 77777)): 7})
    data = bytearray(capture_of(samples).build())
    second = data.index((77777).to_bytes(4, sys.byteorder) + (7).to_bytes(4, sys.byteorder)) - 8
    at = second if what == "label" else second + 4
    if what == "stack":
        row = SAMPLED_RECORD.pack(0, 0, *weighted(7))[8:]
        at = data.index(row + STACK.pack(second // 8, 7)) + len(row)
    data[at : at + 4] = (second // 8 if value is None else value).to_bytes(4, sys.byteorder)
    (tmp_path / "a.capture").write_bytes(data)
    with open_capture(tmp_path / "a.capture") as capture:
        tree = capture.tree()
        with pytest.raises(InputError, match=message):
            capture.stacks(tree)
