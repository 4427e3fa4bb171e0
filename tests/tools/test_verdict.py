"""What a report says first: the user's own functions, with the library that they called."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from capture_files import GC, IMPORT, THREAD, File, Label, Node, Thread
from prof import records
from prof.capture import open_capture
from prof.tools.analysis.owners import owners
from prof.tools.analysis.whose import Whose

SITE = "/venv/lib/python3.15/site-packages"


def label(name: str, file: str, kind: int = 1) -> Label:
    return Label(kind, name, name.partition(".")[0], file, 3)


LABELS = [
    Label(THREAD, "thread"),
    label("app.main", "/src/app.py"),
    label("app.load", "/src/app.py"),
    label("jinja2.render", f"{SITE}/jinja2/environment.py"),
    label("markupsafe.escape", f"{SITE}/markupsafe/__init__.py"),
    label("json.loads", "/usr/lib/python3.15/json/__init__.py"),
    label("six.text", f"{SITE}/six.py"),
    label("import json", "/usr/lib/python3.15/json/__init__.py", IMPORT),
    label("gc generation 0", "", GC),
]
LIBRARIES = ["", "", "", "jinja2", "markupsafe", "json", "six", "imports", "garbage collections"]


def test_functions_are_of_libraries_by_their_files(tmp_path: Path) -> None:
    path = tmp_path / "a.capture"
    threads = [Thread("main", [Node(-1, 0), *(Node(0, n, 1, 1000) for n in range(1, len(LABELS)))])]
    path.write_bytes(File(labels=LABELS, threads=threads).build())
    with open_capture(path) as capture:
        found = {f.label.name: Whose().library(f.label) for f in capture.functions(capture.tree())}
    assert found == {each.name: name for each, name in zip(LABELS[1:], LIBRARIES[1:], strict=True)}
    for file, name in {
        "<frozen importlib._bootstrap>": "importlib", "/usr/lib/python3/dist-packages/yaml/loader.py": "yaml",
        r"C:\venv\Lib\site-packages\rich\text.py": "rich", "/home/me/lib/python/own.py": "", "<string>": "",
    }.items():  # fmt: skip
        assert Whose().library(records.Label(0, "function", "f", "f", file, 1, False)) == name


@pytest.mark.parametrize("seed", range(20))
def test_own_functions_are_charged_with_what_they_called(tmp_path: Path, seed: int) -> None:
    """Against a walk from each context to its callers."""
    chance = random.Random(seed)
    nodes = [Node(-1, 0, self=chance.randrange(1000))]
    for _ in range(chance.randrange(1, 40)):
        wanted = chance.randrange(len(nodes)), chance.randrange(1, len(LABELS))
        if not any((node.parent, node.label) == wanted for node in nodes):
            nodes.append(Node(*wanted, 1, chance.randrange(1, 100_000)))
    path = tmp_path / "a.capture"
    path.write_bytes(File(labels=LABELS, threads=[Thread("main", nodes)]).build())
    expected: Counter[tuple[str, str]] = Counter()
    for node in nodes[1:]:
        at, called = node, ""
        while at.parent >= 0 and LIBRARIES[at.label]:
            called, at = LIBRARIES[at.label], nodes[at.parent]
        if at.parent >= 0:
            expected[LABELS[at.label].name, called] += node.self
    with open_capture(path) as capture:
        charges = owners(capture, capture.tree(), "self_ns", Whose())
    found = charges.owners
    whole = charges.whole
    assert whole == sum(node.self for node in nodes)
    # Contexts of less than a two-thousandth go to their callers.
    slack = len(nodes) * whole // 1000
    assert whole == charges.rest.amount + sum(owner.amount for owner in found)
    got = {(owner.name, below): amount for owner in found for below, amount in owner.below.items()}
    for key in got.keys() | expected.keys():
        assert abs(got.get(key, 0) - expected[key]) <= slack, key
    assert [owner.amount for owner in found] == sorted((owner.amount for owner in found), reverse=True)
    assert all(owner.amount == sum(owner.below.values()) for owner in found)


PROGRAM = """
from markdown_it import MarkdownIt

def page(text):
    return MarkdownIt().render(text)

def cheap(n):
    return sum(range(n))

def main():
    for _ in range(15):
        page("* *a* **b** [c](d) `e`\\n" * 200)
        cheap(1000)

main()
"""


def test_the_first_line_names_the_function_and_the_library(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    prof = [sys.executable, "-m", "prof"]
    subprocess.run([*prof, "run", "--modes", "time+samples", "app.py"], cwd=tmp_path, check=True, capture_output=True)
    text = subprocess.run([*prof, "report"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    line = text.splitlines()[2]
    assert line.startswith("  Time ")
    assert re.search(r"  app\.py:5  app\.page: ", line)  # that calls the library
    assert "of it in markdown_it" in line
    assert "\n  More      prof report --callees app.page\n" in text
    done = subprocess.run(
        [*prof, "report", "--format", "json", "-o", "-"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    verdict = json.loads(done.stdout)["verdict"]
    assert (verdict[0]["about"], verdict[0]["name"]) == ("time", "app.page")
