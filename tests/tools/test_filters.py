"""Filters: what is left of a capture is what an obvious pass over its folded stacks leaves."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from capture_files import THREAD, TIME_MODE, File, Label, Node, Thread, function
from example import example, memory_example, ops_example
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prof.capture import Capture, Tree, open_capture
from prof.filters import Filter, matcher
from prof.modes import recorded_measures
from prof.records import Label as Read
from prof.tools.analysis.whose import Whose
from prof.tools.cli import main
from test_whole_stacks import capture_of, random_stack

Stack = tuple[str, ...]
LIBRARIES = {
    "widgets": "/venv/lib/python3.13/site-packages/widgets",
    "gears": "/venv/lib/python3.13/site-packages/gears",
}
NAMES = ["app.main", "app.work", "app.deep.Node.walk", "widgets.draw", "widgets.paint", "gears.turn", "shop.sell"]


def file_of(name: str) -> str:
    package = name.split(".")[0]
    return f"{LIBRARIES[package]}/core.py" if package in LIBRARIES else f"/src/{package}.py"


def is_match(name: str, pattern: str) -> bool:
    """By name, module, file, or folder, each in full or by its end."""
    parts, file = name.split("."), file_of(name).split("/")
    names = [".".join(parts[i:]) for i in range(len(parts))]
    modules = [".".join(parts[:i]) for i in range(1, len(parts))]
    pieces = ["/".join(file[i:j]) for i in range(len(file)) for j in range(i + 1, len(file) + 1)]
    return any(fnmatchcase(each, pattern) for each in names + modules + pieces)


# ---- the oracle: a pass over stacks for each filter, in the order that docs/filters.md has ----


def filtered(stacks: Counter[Stack], filter: Filter) -> Counter[Stack]:
    def matches(patterns: tuple[str, ...]) -> Callable[[str], bool]:
        return lambda name: any(is_match(name, pattern) for pattern in patterns)

    drop, keep, focus = (matches(tuple(each)) for each in (filter.drop, filter.keep, filter.focus))
    found: Counter[Stack] = Counter()
    for stack, amount in stacks.items():
        if any(map(drop, stack)) or (filter.keep and not any(map(keep, stack))):
            continue
        if filter.focus:
            if not any(map(focus, stack)):
                continue
            stack = stack[next(i for i, name in enumerate(stack) if focus(name)) :]
        if filter.collapse:
            stack = collapsed(stack, matches(tuple(filter.collapse)))
        if filter.merge_recursion:
            stack = without_recursion(stack)
        found[stack] += amount
    return charged(found, filter.min) if filter.min else found


def collapsed(stack: Stack, matches: Callable[[str], bool]) -> Stack:
    result: list[str] = []
    for name in stack:
        library = f"[{name.split('.')[0]}]"
        if not matches(name):
            result.append(name)
        elif result[-1:] != [library]:
            result.append(library)
    return tuple(result)


def without_recursion(stack: Stack) -> Stack:
    result: list[str] = []
    for name in stack:
        if name in result:
            del result[result.index(name) + 1 :]
        else:
            result.append(name)
    return tuple(result)


def charged(stacks: Counter[Stack], least: float) -> Counter[Stack]:
    inclusive: Counter[Stack] = Counter()
    for stack, amount in stacks.items():
        inclusive.update({stack[:depth]: amount for depth in range(len(stack) + 1)})
    found: Counter[Stack] = Counter()
    for stack, amount in stacks.items():
        while stack and inclusive[stack] * 100 < least * inclusive[()]:
            stack = stack[:-1]
        found[stack] += amount
    return found


# ---- captures ----


def capture_file(seed: int) -> File:
    """Random trees of two threads."""
    chance = random.Random(seed)
    labels = [Label(THREAD, "thread")]
    for number, name in enumerate(NAMES, 1):
        label = function(name, number)
        label.file, label.module = file_of(name), name.rpartition(".")[0]
        labels.append(label)
    threads = []
    for thread in range(2):
        nodes = [Node(-1, 0, self=chance.randrange(50))]
        children: set[tuple[int, int]] = set()
        for _ in range(chance.randrange(1, 40)):
            parent, label = chance.randrange(len(nodes)), chance.randrange(1, len(labels))
            if (parent, label) not in children:
                children.add((parent, label))
                nodes.append(Node(parent, label, chance.randrange(1, 9), chance.choice([0, chance.randrange(1000)])))
        threads.append(Thread(f"thread-{thread}", nodes, 100 + thread))
    return File(labels, threads, {"name": "app"}, modes=TIME_MODE)


def stacks_of(capture: Capture, tree: Tree, column: str) -> Counter[Stack]:
    """What is outside of every function is the empty stack. Frames of libraries stand in brackets."""
    values, path = tree.column(column), [()] * tree.count
    found: Counter[Stack] = Counter()
    for node in range(tree.count):
        if node:
            label = capture.label(tree.label[node])
            name = label.name if "." in label.name or not label.module else f"[{label.name}]"
            path[node] = (*path[tree.parent[node]], name)
        found[path[node]] += values[node]
    return +found


PATTERNS = st.lists(
    st.sampled_from(
        ["app", "work", "app.*", "Node.walk", "site-packages", "widgets", "*.sell", "gears.turn", "/src/*"]
    ),
    max_size=2,
).map(tuple)
FILTERS = st.builds(
    Filter, keep=PATTERNS, drop=PATTERNS, focus=PATTERNS, collapse=PATTERNS,
    min=st.sampled_from([0.0, 1.0, 7.5, 30.0]), merge_recursion=st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), filter=FILTERS)
def test_what_is_left_is_what_the_stacks_say(seed: int, filter: Filter, tmp_path: Path) -> None:
    path = tmp_path / "app.capture"
    path.write_bytes(capture_file(seed).build())
    with open_capture(path) as capture:
        expected = +filtered(stacks_of(capture, capture.tree(), "self_ns"), filter)
        capture.choose(filter, Whose().collapsed)
        tree = capture.tree()
        assert stacks_of(capture, tree, "self_ns") == expected
        assert sum(expected.values()) == tree.inclusive("self_ns")[0]
        by_function = {f.label.name: f.self_ns for f in capture.functions(tree)}
        assert sum(by_function.values()) == sum(n for stack, n in expected.items() if stack)
        for index in range(2):  # of each thread, likewise
            left = stacks_of(capture, capture.tree(index), "self_ns")
            assert set(left) - {()} <= {stack[:n] for stack in expected for n in range(1, 1 + len(stack))} or filter.min


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    filter=st.builds(
        Filter,
        keep=st.sampled_from([(), ("f1",), ("app.f[45]",)]),
        drop=st.sampled_from([(), ("f6",)]),
        focus=st.sampled_from([(), ("f5",), ("f0", "f4")]),
        merge_recursion=st.booleans(),
    ),
)
def test_whole_stacks_of_samples_decide_which_samples_are_left(seed: int, filter: Filter, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path = tmp_path / "app.capture"
    path.write_bytes(capture_of(Counter(random_stack(chance) for _ in range(40))).build())
    with open_capture(path) as capture:
        before = capture.tree()
        whole = by_label(capture, capture.stacks(before))
        capture.choose(filter, Whose().collapsed)
        tree = capture.tree()
        left = by_label(capture, capture.stacks(tree))
        assert left == +filtered_by_name(whole, filter)
        # What is in the tree of spans are the same samples.
        assert tree.inclusive("samples")[0] == sum(left.values())


def by_label(capture: Capture, tree: Tree) -> Counter[Stack]:
    return stacks_of(capture, tree, "samples")


def filtered_by_name(stacks: Counter[Stack], filter: Filter) -> Counter[Stack]:
    """The oracle, for functions that are known by their names alone."""

    def matches(patterns: tuple[str, ...], name: str) -> bool:
        return any(fnmatchcase(each, pattern) for pattern in patterns for each in (name, name.rpartition(".")[2]))

    found: Counter[Stack] = Counter()
    for stack, amount in stacks.items():
        if any(matches(tuple(filter.drop), name) for name in stack):
            continue
        if filter.keep and not any(matches(tuple(filter.keep), name) for name in stack):
            continue
        if filter.focus:
            at = [i for i, name in enumerate(stack) if matches(tuple(filter.focus), name)]
            if not at:
                continue
            stack = stack[at[0] :]
        if filter.merge_recursion:
            *functions, line = stack
            is_line = ".py:" in line
            stack = (*without_recursion(tuple(functions)), line) if is_line else without_recursion(stack)
        found[stack] += amount
    return found


# ---- commands ----


@pytest.fixture
def capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "app.capture"
    path.write_bytes(ops_example(memory_example()).build())
    return path


def folded(capsys: pytest.CaptureFixture[str], *options: str) -> Counter[str]:
    assert main(["folded", "-o", "folded", *options]) == 0
    capsys.readouterr()
    rows = (line.rpartition(" ") for line in Path("folded").read_text().splitlines())
    return Counter({stack: int(amount) for stack, _, amount in rows})


def test_every_command_shows_the_same(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = folded(capsys, "--keep", "Parser.*", "--mode", "time")
    assert left and all("Parser" in stack for stack in left)
    assert main(["report", "--format", "json", "--keep", "Parser.*"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert sum(f["self_ns"] for f in report["functions"]) == sum(left.values())
    assert any(
        "--keep 'Parser.*'" in note and "percentages are of what is left" in note for note in report["session"]["notes"]
    )
    assert main(["export", "--format", "speedscope", "--keep", "Parser.*", "--mode", "time", "-o", "-"]) == 0
    (profile,) = json.loads(capsys.readouterr().out)["profiles"]
    assert sum(profile["weights"]) == sum(left.values())
    for command in (["flamegraph", "-o", "-"], ["report", "--tree"], ["report", "--tree", "--format", "markdown"]):
        assert main([*command, "--focus", "Parser.feed"]) == 0
        shown = capsys.readouterr().out
        assert "app.load" not in shown and "Parser.token" in shown
    assert main(["report", "--format", "html", "-o", "page.html", "--focus", "Parser.feed"]) == 0


@pytest.mark.parametrize("format", ["chrome", "perfetto"])
def test_events_are_not_filtered(format: str, capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", format, "--keep", "Parser.*"]) == 2
    assert "leave out --keep 'Parser.*'" in capsys.readouterr().err


def test_operations_and_bytes_are_filtered_with_the_time(capture: Path) -> None:
    with open_capture(capture) as read:
        before = {m.column: read.tree().inclusive(m.column)[0] for _, m in recorded_measures(read)}
        read.choose(Filter(drop=("Parser.token",)), Whose().collapsed)
        kept = {m.column: read.tree().inclusive(m.column)[0] for _, m in recorded_measures(read)}
    with open_capture(capture) as read:
        read.choose(Filter(keep=("Parser.token",)), Whose().collapsed)
        rest = {m.column: read.tree().inclusive(m.column)[0] for _, m in recorded_measures(read)}
    assert before["ops"] and 0 < rest["ops"] < before["ops"]
    assert {column: kept[column] + rest[column] for column in before} == before


def test_a_diff_of_what_is_left(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = capture.with_name("other.capture")
    file = example()
    file.threads[0].nodes[4].calls += 5  # Parser.token
    other.write_bytes(file.build())
    capture.write_bytes(example().build())
    assert main(["diff", "app.capture", "other.capture", "--drop", "token", "--fail-on", "calls>0%"]) == 0
    assert main(["diff", "app.capture", "other.capture", "--keep", "token", "--fail-on", "calls>0%"]) == 1


def test_threads_and_processes(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = folded(capsys, "--mode", "time")
    parts = [folded(capsys, "--mode", "time", "--thread", thread) for thread in ("MainThread", "4712")]
    assert parts[0] + parts[1] == every and all(parts)
    file = example()
    file.pid, file.meta = 99, {**(file.meta or {}), "name": "helper"}
    Path("b.capture").write_bytes(file.build())
    both = ["app.capture", "b.capture"]
    assert folded(capsys, *both, "--process", "helper", "--mode", "time") == folded(capsys, "b.capture")
    one, two = (folded(capsys, *names, "--thread", "worker*", "--mode", "time") for names in (both, ["b.capture"]))
    assert one == Counter({stack: 2 * amount for stack, amount in two.items()})
    collapsed = folded(capsys, *both, "--thread", "worker*", "--collapse", "db", "--mode", "time")
    assert (
        sum(collapsed.values()) == sum(one.values())
        and collapsed["app.serve.handle;db"] == one["app.serve.handle;db.query"] > 0
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--keep", "nothing.*"], "--keep: no function, module or file in"),
        (["--focus", "nothing"], "--focus: no function, module or file in"),
        (["--thread", "x"], "has no such thread; it has: MainThread, worker-1"),
        (["--process", "x"], "there is no such process; there are: app (4711)"),
    ],
)
def test_a_pattern_that_nothing_matches(
    options: list[str], words: str, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *options]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_what_a_pattern_matches() -> None:
    def label(kind: str, name: str, module: str, file: str) -> Read:
        return Read(0, kind, name, module, file, 1, False)

    cart = label("function", "shop.cart.Cart.total", "shop.cart", "/home/me/shop/cart.py")
    for pattern in (
        "shop",
        "shop.*",
        "total",
        "Cart.*",
        "*total",
        "cart.py",
        "me",
        "shop/cart.py",
        "/home/*",
        "shop.cart",
    ):
        assert matcher([pattern])(cart), pattern
    for pattern in ("sho", "cart.Car", "art.py", "hop/cart.py", "Total", "py"):
        assert not matcher([pattern])(cart), pattern
    assert matcher(["json"])(label("import", "import json.decoder", "", ""))
    assert matcher(["load"])(label("line", "cart.py:7", "Cart.load", "/home/me/shop/cart.py"))
