"""The pytest plugin, in processes as users run it: what tests did is counted, and held to limits and to a baseline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from prof.tools.integrations.pytest import baseline as baselines
from prof.tools.integrations.pytest.baseline import Known
from prof.tools.integrations.pytest.counts import Row, name_of
from prof.tools.integrations.pytest.rises import varying, where
from running import environment

PLUGIN = ("-p", "prof.tools.integrations.pytest.plugin")
XDIST = ("-p", "xdist", "-n", "2")
SHOP = """\
import functools
import re


def price(number):
    return number * 3


def total(items):
    found = 0
    for item in items:
        found += price(item)
    return found


@functools.cache
def table():
    return [price(each) for each in range(50)]


def look(number):
    return table()[number]


def order(names):
    for name in set(names):
        if name == "a":
            return True
        price(1)


async def later(number):
    return price(number)
"""
TESTS = """\
import asyncio
import os
import unittest

import pytest
import shop


@pytest.mark.parametrize("number", [1, 10])
def test_total(number):
    assert shop.total(range(number)) == 3 * sum(range(number))


def test_look():
    assert shop.look(3) == 9


def test_look_too():
    assert shop.look(4) == 12


class TestUnit(unittest.TestCase):
    def test_one(self):
        self.assertEqual(shop.total([1]), 3)


def test_later():
    assert asyncio.run(shop.later(2)) == 6


def test_order():
    assert shop.order("abcdefgh")


def test_once(tmp_path_factory):
    os.mkdir(tmp_path_factory.getbasetemp() / "once")
    shop.total([1])


@pytest.fixture
def bought():
    return shop.total(range(30))


def test_setup(bought):
    assert shop.price(bought) > 0
"""
LIMITS = """\
import pytest
import shop


@pytest.mark.prof(max_ops=100, max_calls={"shop.pri*": 5}, max_alloc_bytes=10**6, max_peak=10**7, max_live_growth=0)
def test_kept():
    shop.total(range(5))


@pytest.mark.prof(max_calls={"shop.price": 3})
def test_broken():
    shop.total(range(5))


kept = []


@pytest.mark.prof(max_live_growth=0)
def test_grows():
    kept.append(shop.total([2**40]) or shop.table())


def test_record(prof_record):
    shop.total(range(5))
    assert prof_record.calls("shop.price") == 5 and prof_record.calls() == 6
    before = prof_record.ops
    shop.price(1)
    assert prof_record.ops == before + 4
    assert prof_record.peak > 0 and prof_record.alloc_bytes >= 0
"""


# What other plugins run, and which they are: those that are installed take part.
OTHERS = {
    "_hypothesis_pytestplugin": (
        "from hypothesis import given, strategies\n\n\n@given(strategies.integers())\ndef test_examples(number):\n"
        "    shop.price(number)\n",
        [],
    ),
    "pytest_benchmark.plugin": ("def test_speed(benchmark):\n    benchmark(shop.price, 3)\n", ["--benchmark-disable"]),
    "pytest_asyncio.plugin": (
        "@pytest.mark.asyncio\nasync def test_async():\n    assert await shop.later(2) == 6\n",
        ["-o", "asyncio_default_fixture_loop_scope=function"],
    ),
    "pytest_cov": ("", ["--cov=shop"]),
}
BESIDE = """\
import unittest

import pytest
import shop


class TestSteps(unittest.TestCase):
    def test_steps(self):
        for number in range(3):
            with self.subTest(number=number):
                shop.price(number)


@pytest.mark.xfail(strict=True)
def test_expected():
    shop.price(None) + 1


@pytest.mark.parametrize("text", ["a b", "é\\n", "x" * 300, "[::]"])
def test_ids(text):
    shop.price(text)


"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit status of pytest, and what it says."""
    settings = environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    settings.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", "-q", "--strict-markers", *arguments],
        cwd=folder, env=settings, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def made(folder: Path, tests: str = TESTS) -> Path:
    """A project."""
    (folder / "tests").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    (folder / "shop.py").write_text(SHOP)
    (folder / "tests" / "test_shop.py").write_text(tests)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a baseline that three processes agree on."""
    folder = made(tmp_path_factory.mktemp("saved") / "shop")
    status, text = run(folder, "--prof-save", "--prof-verify", "tests")
    assert status == 0, text
    assert "1 test recorded and not compared (tests/test_shop.py::test_once): it does not pass when" in text
    (folder / "said").write_text(text)
    return folder


@pytest.fixture
def project(saved: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(saved, tmp_path / "shop")
    return tmp_path / "shop"


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "shop.py").read_text()
    assert old in text
    (folder / "shop.py").write_text(text.replace(old, new))


def entries(folder: Path) -> dict[str, dict[str, object]]:
    """What the baseline has of this interpreter."""
    found = json.loads((folder / baselines.FILE).read_text())
    (key,) = found.keys() - {"format"}
    return {name.partition("::")[2]: entry for name, entry in found[key].items() if "left_out" not in entry}


def test_without_options_nothing_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "test_off.py").write_text(
        "import sys\ndef test_off():\n    ours = {n for n in sys.modules if n.partition('.')[0] == 'prof'}\n"
        "    assert ours == {'prof', 'prof.tools', 'prof.tools.integrations', 'prof.tools.integrations.pytest',\n"
        "                    'prof.tools.integrations.pytest.plugin'}\n"
    )
    status, text = run(tmp_path)
    assert (status, "1 passed" in text) == (0, True), text


def test_counts_of_a_baseline_are_those_of_the_second_run(saved: Path) -> None:
    tests = entries(saved)
    assert sorted(tests) == [
        "TestUnit::test_one", "test_later", "test_look", "test_look_too", "test_order", "test_setup", "test_total[10]",
        "test_total[1]",
    ]  # fmt: skip
    assert tests["test_total[10]"]["calls"] == 11
    assert (tests["test_look"]["calls"], tests["test_look_too"]["calls"]) == (1, 1)  # the table is there
    assert (tests["test_setup"]["calls"], tests["test_later"]["calls"]) == (1, 2)
    assert list(tests["test_setup"]["functions"]) == ["shop.price"]  # type: ignore[call-overload]


def test_what_hash_order_decides_is_found_and_noted(saved: Path) -> None:
    noted = {name: entry["varies"] for name, entry in entries(saved).items() if "varies" in entry}
    assert list(noted) == ["test_order"]
    assert "first in shop.order" in str(noted["test_order"]["ops"])  # type: ignore[index]
    assert "test_shop.py::test_order: ops" in (saved / "said").read_text()


def test_a_rise_fails_its_test_and_names_the_line_and_is_accepted_by_an_update(project: Path) -> None:
    edit(project, "        found += price(item)\n", "        found += price(item)\n        price(item)\n")
    status, text = run(project, "--prof-check", "ops>1%", "--junit-xml=out.xml", "tests/test_shop.py")
    assert status == 1, text
    assert "FAILED tests/test_shop.py::test_total[10] - prof: ops rose: " in text
    lines = text.partition("_ test_total[10] _")[2].splitlines()
    assert lines[2] == "ops by function and line:"
    assert lines[3].startswith("  shop.total  shop.py:9  ops ") and lines[4].startswith("    shop.py:13  ops 0 -> 30")
    assert "to accept: pytest --prof-update 'tests/test_shop.py::test_total[10]'" in text
    assert "3 failed" in text and 'failures="3"' in (project / "out.xml").read_text()

    others = {name: entry for name, entry in entries(project).items() if "total" not in name}
    status, text = run(project, "--prof-update", "tests/test_shop.py::test_total")
    assert (status, entries(project)["test_total[10]"]["calls"]) == (0, 21), text
    assert {name: entry for name, entry in entries(project).items() if "total" not in name} == others


def test_a_first_run_another_order_and_workers_raise_nothing(project: Path) -> None:
    status, text = run(project, *XDIST, "--prof-check", "ops>0%", "calls>0%")
    assert status == 0, text
    assert "8 tests compared with prof-baseline.json, 0 did more than it allows" in text
    assert "1 test recorded and not compared (tests/test_shop.py::test_once)" in text


def test_other_plugins_and_other_kinds_of_tests_take_part(tmp_path: Path) -> None:
    there = {name: each for name, each in OTHERS.items() if find_spec(name.partition(".")[0])}
    folder = made(tmp_path / "shop", BESIDE + "\n\n".join(text for text, _ in there.values()))
    edit(folder, "def price(number):\n", 'def price(number):\n    """\n    >>> price(2)\n    6\n    """\n')
    options = [word for name, (_, more) in there.items() for word in ("-p", name, *more)]
    status, text = run(folder, "--doctest-modules", "--prof-save", *options)
    assert status == 0, text
    compared = {"TestSteps::test_steps", *(f"test_ids[{each}]" for each in ("a b", "\\xe9\\n", "text2", "[::]"))}
    assert entries(folder).keys() == compared | ({"test_async"} if "pytest_asyncio.plugin" in there else set())
    assert entries(folder)["TestSteps::test_steps"]["calls"] == 3
    assert "(shop.py::shop.price): a doctest can run only once" in text
    assert ("its examples are chosen by hypothesis" in text) == ("_hypothesis_pytestplugin" in there)


def test_a_fall_is_offered_and_an_unknown_test_is_named(project: Path) -> None:
    edit(project, "    found = 0\n", "    return 3 * sum(items)\n    found = 0\n")
    with (project / "tests" / "test_shop.py").open("a") as file:
        file.write("\n\ndef test_new():\n    shop.price(1)\n")
    status, text = run(project, "--prof-check", "--prof=ops+memory", "--prof-page")
    assert status == 0, text
    assert "doing less than before; pytest --prof-update keeps it that way" in text
    assert "1 test not in prof-baseline.json (tests/test_shop.py::test_new)" in text
    assert "the heaviest tests by ops" in text and "look at it with: prof report pytest-" in text
    assert "call!tests/test_shop.py::test_new" in (project / "prof-pytest.html").read_text()


def test_limits_of_marks_and_the_fixture(tmp_path: Path) -> None:
    status, text = run(made(tmp_path / "shop", LIMITS))
    assert status == 1
    assert "2 failed, 2 passed" in text, text
    assert "max_calls of shop.price is 3: it was 5" in text
    assert "max_live_growth=0: it was " in text


MISTAKES: list[tuple[list[str], str | None, str]] = [
    (["--prof-check"], None, "there is no baseline"),
    (["--prof-check"], '{"format": 1, "cpython 2.7": {}}', "only of cpython 2.7: pytest --prof-save adds them"),
    (["--prof-check"], '{\n<<<<<<< ours\n"a": 1\n=======\n>>>>>>> theirs\n}', "prof-baseline.json:2: a merge conflict"),
    (["--prof-update"], '{\n<<<<<<< ours\n"a": 1\n}', "a merge conflict"),
    (["--prof-save"], "[1, 2", "is no JSON"),
    (["--prof-save"], '{"format": 77}', "is no baseline of this version"),
    (["--prof-check", "ops>"], "{}", "--prof-check 'ops>' is not MEASURE>LIMIT"),
    (["--prof-check", "naps>1"], "{}", "no measure 'naps'; known: "),
    (["--prof=memory", "--prof-check", "ops>1%"], "{}", "--prof=memory does not record ops"),
    (["--prof=nothing"], "{}", "nothing"),
    (["--prof-check", "--prof-save"], "{}", "one of both"),
    (["--prof-verify=1"], "{}", "it takes a number from 2 on"),
]
# Runs pytest once for each folder, all in one process, and prints what came of each.
ONE_PROCESS = """
import contextlib, io, json, os, sys
import pytest
for folder, arguments in json.load(sys.stdin):
    os.chdir(folder)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = pytest.main(["-p", "prof.tools.integrations.pytest.plugin", "-p", "no:cacheprovider", *arguments])
    print(json.dumps([int(status), out.getvalue()]))
"""


def test_mistakes_are_one_line_and_write_nothing(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(len(MISTAKES))]
    for folder, (_, text, _) in zip(folders, MISTAKES, strict=True):
        folder.mkdir()
        (folder / "test_none.py").write_text("def test_none():\n    pass\n")
        if text is not None:
            (folder / baselines.FILE).write_text(text)
    asked = [(str(folder), arguments) for folder, (arguments, _, _) in zip(folders, MISTAKES, strict=True)]
    done = subprocess.run(
        [sys.executable, "-c", ONE_PROCESS],
        input=json.dumps(asked), env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    for answer, folder, (_, text, said) in zip(done.stdout.splitlines(), folders, MISTAKES, strict=True):
        status, shown = json.loads(answer)
        (line,) = [line for line in shown.splitlines() if line.strip()]
        assert status == 4 and line.startswith("ERROR: prof: ") and said in line
        kept = [baselines.FILE] if text is not None else []
        assert sorted(path.name for path in folder.glob("*prof*")) == kept
        assert all((folder / name).read_text() == text for name in kept)


def known(**functions: tuple[dict[str, int], dict[int, dict[str, int]]]) -> Known:
    rows = {name: Row(counts, f"/p/{name}.py", 10, lines) for name, (counts, lines) in functions.items()}
    totals = {key: sum(row.counts.get(key, 0) for row in rows.values()) for key in ("ops", "calls")}
    return Known(totals, rows)


def test_the_change_comes_before_what_it_calls_and_lines_that_moved_are_found_again() -> None:
    before = known(
        f=({"ops": 30, "calls": 1}, {1: {"ops": 10}, 2: {"ops": 20}}), g=({"ops": 50, "calls": 5}, {1: {"ops": 50}})
    )
    after = known(
        f=({"ops": 33, "calls": 1}, {1: {"ops": 10}, 2: {"ops": 3}, 3: {"ops": 20}}),
        g=({"ops": 90, "calls": 9}, {1: {"ops": 90}}),
    )
    assert list(where(before, after, "ops", "/p")) == [
        "  f  f.py:10  ops 30 -> 33, calls 1",
        "    f.py:12  ops 0 -> 3",
        "  g  g.py:10  ops 50 -> 90, calls 5 -> 9",
        "    g.py:11  ops 50 -> 90",
    ]
    assert varying([before, after]) == {
        "ops": "80 to 123; first in f, line 2 behind its beginning",
        "calls": "6 to 10; first in g (/p/g.py)",
    }


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = baselines.Baseline(tmp_path / "b.json")
    row = known(f=({"ops": 30, "calls": 1, "alloc_bytes": 8}, {0: {"ops": 10}, 2: {"ops": 20, "alloc_bytes": 8}}))
    row.varies["ops"] = "1 to 2"
    file.put("cpython 3.13", {"t::[é]": row}, keep=False)
    file.write()
    found = baselines.read(tmp_path / "b.json").test("cpython 3.13", "t::[é]")
    assert found is not None and found.totals == row.totals and found.varies == row.varies
    assert found.functions["f"].counts == row.functions["f"].counts
    assert found.functions["f"].lines == row.functions["f"].lines
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_long_and_odd_names_stay_apart() -> None:
    names = ["x" * 300, "x" * 301, "a\nb", "a?b", "t::[é]"]
    assert len({name_of(each) for each in names}) == len(names)
    assert max(len(name_of(each)) for each in names) < 220 and name_of("t::[é]") == "t::[é]"
