"""A mode is one file a room, and nobody else names it: a fifth one adds its files, and is in every output."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prof.capture import open_capture
from prof.errors import UsageError
from prof.modes import MODES, Measure, Mode, register
from prof.tools.analysis.view import View
from prof.tools.modes import VIEWS
from prof.tools.modes import register as register_view

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """import sys
from prof import profiled

@profiled
def steps(n):
    for i in range(n):
        yield i

@profiled
def work(n):
    return sum(steps(n))

work(int(sys.argv[1]))
"""
# A program that brings a mode along registers it before its first marker.
RECORD = "import sys, runpy, dummy_mode.recorded; sys.argv[:1] = []; runpy.run_path(sys.argv[0], run_name='__main__')"
READ = "import sys, dummy_mode.reported; from prof.tools.cli import main; sys.exit(main())"
READ_WITHOUT = "import sys; from prof.tools.cli import main; sys.exit(main())"


def python(code: str, *arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PROF"} | {"PYTHONPATH": str(ROOT / "tests")} | more
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings with the dummy mode alone, beside times, and without it."""
    folder = tmp_path_factory.mktemp("dummy")
    (folder / "app.py").write_text(PROGRAM)
    for name, modes, number in (("one", "dummy", "5"), ("two", "dummy", "7"), ("both", "time+dummy", "5")):
        done = python(RECORD, "app.py", number, cwd=folder, PROF=f"{modes},{name}")
        assert re.findall("dummy: .*", done.stderr) == ["dummy: started", "dummy: stopped"]
        (capture,) = (folder / name).glob("*.capture")
        capture.rename(folder / f"{name}.capture")
    python(RECORD, "app.py", "5", cwd=folder, PROF="time,none")
    next((folder / "none").glob("*.capture")).rename(folder / "none.capture")
    return folder


def report(here: Path, *arguments: str, code: str = READ) -> str:
    return python(code, "report", *arguments, cwd=here).stdout


def test_the_capture_says_that_it_was_on(here: Path) -> None:
    with open_capture(here / "one.capture") as capture:
        assert capture.meta["modes"] == ["dummy"]
        assert capture.meta["dummy"] == {"counts": "steps", "depth": 1000}
        assert capture.modes == 1 << 40


def test_folded(here: Path) -> None:
    (written,) = (here / "one").glob("*-dummy.folded")
    assert re.fullmatch(r"\S+\.work;\S+\.steps 5\n", written.read_text())
    again = python(READ, "folded", "one.capture", "-o", "-", cwd=here).stdout
    assert again == python(READ, "folded", "both.capture", "--mode", "dummy", "-o", "-", cwd=here).stdout
    assert again == written.read_text()
    python(READ, "flamegraph", "one.capture", "-o", "one.svg", cwd=here)
    assert "hsl(120,50%" in (here / "one.svg").read_text()


def test_functions_may_be_narrowed_to_it(here: Path) -> None:
    narrowed = PROGRAM.replace("@profiled\ndef steps", '@profiled("dummy")\ndef steps')
    (here / "narrowed.py").write_text(narrowed.replace("@profiled\ndef work", '@profiled("time")\ndef work'))
    python(RECORD, "narrowed.py", "5", cwd=here, PROF="dummy,narrowed")
    (written,) = (here / "narrowed").glob("*-dummy.folded")
    assert re.fullmatch(r"\S+\.steps 5\n", written.read_text())


def test_text(here: Path) -> None:
    text = report(here, "one.capture", "--full")
    assert re.search(r"^  Steps     5$", text, re.MULTILINE)
    assert re.search(
        r"^Functions by steps  all 2\n\nsteps  calls  name.*\n    5      1  \S+\.steps", text, re.MULTILINE
    )
    assert "\nDummy\n\n  it counts steps\n" in text
    assert re.search(r"^Call tree  of 5 steps", text, re.MULTILINE)
    both = report(here, "both.capture", "--full")
    assert re.search(r"^ *self +% +total +calls +steps ", both, re.MULTILINE), "beside times"
    assert re.search(r"^ *% +total +self +calls +steps +span$", both, re.MULTILINE)
    assert "Functions by steps" in report(here, "both.capture", "--full", "--sort", "steps")


def test_json(here: Path) -> None:
    found = json.loads(report(here, "both.capture", "--format", "json"))
    assert found["session"]["modes"] == ["time", "dummy"]
    assert found["dummy"]["counts"] == "steps"
    assert {f["name"].rpartition(".")[2]: f["steps"] for f in found["functions"]}["steps"] == 5
    assert found["call_tree"][0]["total_steps"] == 5


def test_html(here: Path) -> None:
    report(here, "both.capture", "--format", "html", "-o", "both.html")
    page = (here / "both.html").read_text()
    assert "<dt>Modes</dt><dd>time, dummy</dd>" in page
    data: dict[str, Any] = json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
    assert [(m["mode"], m["main"]) for m in data["measures"]] == [("time", True), ("dummy", True)]
    assert data["measures"][1]["accent"] == "hsl(120,50%,68%)"
    assert {"dummy"} <= {column["group"] for column in data["functions"]["columns"]}


def test_markdown(here: Path) -> None:
    text = report(here, "one.capture", "--format", "markdown", "--full")
    assert "\n## Functions by steps\n\nall 2\n\n| steps | calls | name" in text
    assert "\n## Dummy\n\nit counts steps\n" in text


def test_diff(here: Path) -> None:
    found = json.loads(python(READ, "diff", "one.capture", "two.capture", "--format", "json", cwd=here).stdout)
    assert found["measures"] == ["resumes", "calls"]
    assert found["totals"]["resumes"] == {"before": 5, "after": 7, "change": 2}
    text = python(READ, "diff", "one.capture", "two.capture", "--mode", "dummy", cwd=here).stdout
    assert re.search(r"^steps of generators +5 +7 +\+2 +\+40\.0%$", text, re.MULTILINE)
    assert "Functions by change of steps of generators" in text


def test_a_capture_without_it_is_reported_as_if_it_was_not_there(here: Path) -> None:
    for arguments in ((), ("--format", "json"), ("--tree",), ("--source", "app.py")):
        assert report(here, "none.capture", *arguments) == report(here, "none.capture", *arguments, code=READ_WITHOUT)


def test_reports_that_do_not_know_it_show_calls(here: Path) -> None:
    text = report(here, "one.capture", code=READ_WITHOUT)
    assert re.search(r"^Functions by calls  all 2\n\ncalls  name", text, re.MULTILINE)
    json.loads(report(here, "one.capture", "--format", "json", code=READ_WITHOUT))


def test_what_is_another_mode_s_is_refused() -> None:
    measure = Measure("other", "", "calls", "calls")
    known = dict(MODES)
    taken = next(iter(known.values()))
    for mode in (
        Mode(taken.name, 1 << 40, (measure,)),
        Mode("all", 1 << 40, (measure,)),
        Mode("other", taken.bit, (measure,)),
        Mode("other", 0, (measure,)),
        Mode("other", 1 << 40, (taken.measures[0],)),
    ):
        with pytest.raises(UsageError):
            register(mode)
    assert known == MODES


def test_the_reports_refuse_what_is_not_registered_or_is_another_mode_s() -> None:
    known, (first, *_) = dict(VIEWS), VIEWS.values()
    for name in ("other", first.name):
        with pytest.raises(UsageError):
            register_view(type("Other", (View,), {"name": name}))
    assert known == VIEWS


# ---- nobody else names a mode ----

# As the run and the tree would be asked for one mode. `tree.operations` is of a mode, too.
ASKED = {"timed", "memory", "operations", "sampler"}
# Of the runtime, what installs, writes and stops; the reader knows columns, which have names of modes.
RUNTIME = ("session", "settings", "engine", "folded", "enabled", "ambient")


def named(path: Path) -> Iterator[str]:
    """What a file names of single modes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in ASKED:
            yield node.attr
        elif isinstance(node, ast.Constant) and node.value in MODES:
            yield str(node.value)
        elif (
            isinstance(node, (ast.Name, ast.arg)) and (getattr(node, "id", None) or getattr(node, "arg", "")) == "timed"
        ):
            yield "timed"
        elif isinstance(node, ast.ImportFrom) and node.module:
            last = node.module.rpartition(".")[2]
            if ".modes." in node.module and last in MODES:
                yield last
            if node.module.endswith(".modes"):
                yield from (alias.name for alias in node.names if alias.name.lower() in MODES)


def test_nobody_else_names_a_mode() -> None:
    assert list(VIEWS) == list(MODES)
    files = [path for path in (ROOT / "tools").rglob("*.py") if path.parent.name != "modes"]
    files += [ROOT / "runtime" / f"{name}.py" for name in RUNTIME]
    found = {path.relative_to(ROOT).as_posix(): set(named(path)) for path in files}
    # Where such a word is a column's title, or a key of somebody else's format, which has the measures that it has.
    foreign = ("speedscope", "pstats", "cpuprofile", "gecko", "session_json", "stacks_json")
    stacks = ("analysis/stack_profile", "commands/analyze", "commands/interactive")  # what stacks_json is read as
    apart = {"tools/screen/glossary.py", *(f"tools/exporters/{name}.py" for name in foreign)}
    apart |= {f"tools/{name}.py" for name in stacks}
    assert apart <= set(found)
    # Marks, rules and baselines are of measures, which people write by name.
    rooms = ("tools/integrations/pytest/", "tools/importers/")
    found = {name: names for name, names in found.items() if name not in apart and not name.startswith(rooms)}
    assert {name: names for name, names in found.items() if names} == {}
    scripts = list((ROOT / "tools").rglob("*.js"))
    quoted = re.compile(rf"""["'`]({"|".join(MODES)})["'`]""")
    assert not {
        script.name: quoted.findall(script.read_text()) for script in scripts if quoted.search(script.read_text())
    }


def test_the_search_finds_names(tmp_path: Path) -> None:
    source = (
        "from prof.modes import MEMORY\nfrom prof.tools.modes.ops import VIEW\n"
        "def f(session, timed): return session.sampler or session.operations if mode == 'samples' else timed\n"
    )
    (tmp_path / "x.py").write_text(source)
    assert sorted(named(tmp_path / "x.py")) == ["MEMORY", "operations", "ops", "sampler", "samples", "timed", "timed"]
