"""`prof run`: a program that is not edited is recorded as the edited one is, and nothing of it is different."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prof.many import open_captures
from prof.runs import newest_run
from running import PROF, environment

QUIET = ("--imports", "false", "--collections", "false")


def run(folder: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROF, "run", *words], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, **more
    )


def plain(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )


def write(folder: Path, **sources: str) -> None:
    for name, text in sources.items():
        path = folder / f"{name.replace('__slash__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def calls(folder: Path) -> Counter[str]:
    """Calls by function and section, of the newest run in the folder with all its processes."""
    return Counter({name: number for (name, _, number), _ in figures(folder)["functions"].items() if number})


def figures(folder: Path) -> dict[str, Counter[Any]]:
    """What a run did, as far as it is the same each time."""
    paths, _ = newest_run(folder)
    with open_captures(paths) as capture:
        tree = capture.tree()
        functions = [f for f in capture.functions(tree) if f.label.kind in ("function", "section") and f.calls]
        found = {
            "functions": Counter((f.label.name, f.label.kind, f.calls) for f in functions),
            "files": Counter((f.label.name, Path(f.label.file).name, f.label.line) for f in functions),
            "operations": Counter(),
        }
        for f in functions:
            found["operations"].update({(f.label.name, k): n for k, n in (f.operations or {}).items()})
    return found


APP = """
import sys
from lib import work

class Counted:
    @property
    def value(self):
        return work(2)

    def each(self, n):
        yield from (work(i) for i in range(n))

def main():
    return sum(Counted().each(10)) + Counted().value

if __name__ == "__main__":
    print(main(), sys.argv[1:])
"""
LIB = """
def work(n):
    def inner(k):
        return k * 2
    return inner(n)
"""


def test_functions_of_the_project_are_recorded(tmp_path: Path) -> None:
    write(tmp_path, app=APP, lib=LIB)
    done = run(tmp_path, "--modes", "time", "app.py", "--report", "-x")
    assert (done.returncode, done.stdout) == (0, "94 ['--report', '-x']\n"), done.stderr
    assert calls(tmp_path) == {
        "app.main": 1, "app.Counted.each": 1, "app.Counted.value": 1, "lib.work": 11, "lib.work.inner": 11,
    }  # fmt: skip
    assert (tmp_path / "app.py").read_text() == APP


LATER = """
import asyncio, os, lib
lib.called()
next(lib.steps(2), None)
list(lib.steps(2))
asyncio.run(lib.wait())
try:
    lib.fails()
except ValueError:
    pass
child = os.fork()
if child == 0:
    lib.first_in_the_child(), lib.called()
    raise SystemExit
os.waitpid(child, 0)
"""
OFTEN_UNCALLED = """
import asyncio
def called(): return 1
def steps(n):
    for k in range(n):
        yield k
async def wait():
    await asyncio.sleep(0)
    return await turn()
async def turn(): return 1
def fails(): raise ValueError
def first_in_the_child(): return called()
""" + "".join(f"def unused_{n}(): yield {n}\n" for n in range(40))


@pytest.mark.parametrize("modes", ["time", "ops", "time+ops+memory"])
def test_functions_are_in_the_capture_from_their_first_call_on(tmp_path: Path, modes: str) -> None:
    write(tmp_path, app=LATER, lib=OFTEN_UNCALLED)
    done = run(tmp_path, "--modes", modes, "app.py")
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path) == {
        "lib.called": 3, "lib.steps": 2, "lib.wait": 1, "lib.turn": 1, "lib.fails": 1, "lib.first_in_the_child": 1,
    }  # fmt: skip
    with open_captures(newest_run(tmp_path)[0]) as capture:
        labels = [capture.label(index) for index in range(capture.label_count)]
        assert not [label.name for label in labels if "unused" in label.name]
        assert not capture.drops


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--instrument", "lib"], {"lib.work", "lib.work.inner"}),
        (["--instrument", "!lib"], {"app.main", "app.Counted.each", "app.Counted.value"}),
        (["--project", "--instrument", "!app"], {"lib.work", "lib.work.inner"}),
        (["-t", "app:Counted"], {"app.Counted.each", "app.Counted.value"}),
        (["-t", "app:Counted.value", "-t", "lib:*.inner"], {"app.Counted.value", "lib.work.inner"}),
        (["-t", "lib"], {"lib.work", "lib.work.inner"}),
        (["-t", "lib:work", "--project", "--instrument", "!app"], {"lib.work", "lib.work.inner"}),
    ],
)  # fmt: skip
def test_what_is_recorded_can_be_chosen(tmp_path: Path, words: list[str], kept: set[str]) -> None:
    write(tmp_path, app=APP, lib=LIB)
    done = run(tmp_path, "--modes", "time", *words, "app.py")
    assert done.returncode == 0
    assert "chose nothing" not in done.stderr
    assert set(calls(tmp_path)) == kept


def test_the_standard_library_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, app="import json, os\nprint(json.dumps({'a': os.path.join('b', 'c')}))\n")
    assert run(tmp_path, "--stdlib", "--modes", "time", "app.py").stdout == '{"a": "b/c"}\n'
    found = calls(tmp_path)
    assert found["json.dumps"] == 1
    assert found["posixpath.join"] >= 1  # which was loaded before


# ---- the same as the edited source ----

# Packages, with a program that works them. What they print must not depend on the path.
PACKAGES = {
    "markdown_it": """
from markdown_it import MarkdownIt
print(len(MarkdownIt().render("# a\\n\\n* b `c` [d](e)\\n\\n> *f* **g**\\n\\n```py\\nh\\n```\\n" * 20)))
""",
    "pygments": """
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer
text = "class A:\\n    def f(self, x=1): return [y for y in 'z']\\n" * 20
print(len(highlight(text, PythonLexer(), HtmlFormatter())))
""",
    "attr": """
import attr
@attr.s(order=True)
class P:
    x = attr.ib(converter=int)
    y = attr.ib(default=2, validator=attr.validators.instance_of(int))
print(sorted([P(3), P("1")]), attr.asdict(P(5)), attr.evolve(P(1), y=7))
""",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_gives_the_figures_of_its_edited_source(tmp_path: Path, package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    found = {}
    for kind in ("run", "edited"):
        folder = tmp_path / kind
        shutil.copytree(Path(spec.origin).parent, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        write(folder, program=PACKAGES[package])
        if kind == "run":
            words = ["--instrument", f"{package}.*", "--modes", "time+ops", *QUIET, "program.py"]
            done = run(folder, *words)
        else:
            subprocess.run(
                [sys.executable, "-c", "from prof.instrument.cli import instrument_main as m; m()", package],
                cwd=folder, check=True, capture_output=True,
            )  # fmt: skip
            done = subprocess.run(
                [sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, timeout=120,
                env=environment(PROF="time+ops,,,,imports=false,collections=false", PYTHONHASHSEED="0"),
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found[kind] = (done.stdout, figures(folder))
    assert found["run"][0] == found["edited"][0]
    for what in ("functions", "files", "operations"):
        assert found["run"][1][what] == found["edited"][1][what]
    assert sum(found["run"][1]["functions"].values()) > 20


# ---- nothing of the program is different ----

SELF_AWARE = """
import inspect, json, sys, lib
def f():
    return inspect.getsource(lib.work), inspect.getsource(f), f.__code__.co_code.hex(), f.__code__.co_firstlineno
loader = lib.__loader__
seen = [
    sorted(globals()), sys.argv, sys.path[:2], __file__, type(__loader__).__name__, repr(__spec__),
    type(loader).__name__, sorted(vars(lib)), sorted(vars(loader)), lib.__spec__.loader is loader, lib.__cached__,
    f(), len(sys.path_hooks),
    sys.modules["__main__"].__dict__ is globals(), str(sys.getprofile()), str(sys.gettrace()), list(sys.flags),
    "sitecustomize" in sys.modules, sys.orig_argv[1:],
]
print(json.dumps(seen))
"""


def test_a_program_finds_no_trace_of_it(tmp_path: Path) -> None:
    write(tmp_path, app=SELF_AWARE, lib=LIB)
    assert run(tmp_path, "app.py", "a", "-b").stdout == plain(tmp_path, "app.py", "a", "-b").stdout


# Which raises behind ours.
FINDER = """
import sys, lib
class Finder:
    def find_spec(name, path, target=None):
        raise ValueError("no")
sys.meta_path.append(Finder)
import odd
"""


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def f():\n    raise ValueError('x')\nf()\n", 1),
        ("import broken\n", 1),
        ("import lib\nlib.work(1, 2)\n", 1),
        (FINDER, 1),
        ("import sys\ndef f():\n    sys.exit(7)\nf()\n", 7),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n", -2),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n", -15),
        ("def (\n", 1),
    ],
)
def test_it_ends_as_without(tmp_path: Path, source: str, status: int) -> None:
    write(tmp_path, app=source, lib=LIB, broken="def (\n")
    with_it, without = run(tmp_path, "--modes", "time", "app.py"), plain(tmp_path, "app.py")
    assert (with_it.returncode, with_it.stdout) == (without.returncode, without.stdout)
    assert with_it.returncode == status
    said = [line for line in with_it.stderr.splitlines() if not line.startswith("prof: ")]
    assert said == without.stderr.splitlines()


def test_the_report_follows_and_the_status_is_the_programs(tmp_path: Path) -> None:
    write(tmp_path, app="import sys\ndef f(): pass\nf()\nprint('out')\nsys.exit(3)\n")
    done = run(tmp_path, "--report", "--modes", "time", "app.py")
    assert done.returncode == 3
    assert done.stdout.startswith("out\nProfile of app")
    assert "app.f" in done.stdout


# ---- scripts, modules, text ----


def test_a_module_runs_by_its_name(tmp_path: Path) -> None:
    source = "import sys\nfrom .sub import g\ndef f(): return g()\nprint(f(), __name__, __spec__.name, sys.argv[1:])\n"
    write(
        tmp_path,
        pkg__slash____init__="def first(): return 1\nfirst()\n",
        pkg__slash__mod=source,
        pkg__slash__sub="def g(): return 2\n",
    )
    done = run(tmp_path, "--modes", "time", "-m", "pkg.mod", "-x", "--report")
    assert (done.returncode, done.stdout) == (0, "2 __main__ pkg.mod ['-x', '--report']\n")
    assert calls(tmp_path) == {"pkg.first": 1, "mod.f": 1, "pkg.sub.g": 1}


def test_a_program_text_runs(tmp_path: Path) -> None:
    assert run(tmp_path, "--modes", "time", "-c", "def f(): return 1\nprint(f())").stdout == "1\n"
    assert calls(tmp_path) == {"python.f": 1}


@pytest.mark.parametrize("sections", [[], ["--sections", "loops"]])
def test_sections_are_recorded(tmp_path: Path, sections: list[str]) -> None:
    source = """
import sys, lib
def f(n):
    # profile! part
    total = sum(range(n))
    # end! part
    for i in range(n):
        total += i
    return total, sys._getframe().f_lineno
# profile! whole
print((f(3), lib.g()))
# end! whole
print(__spec__, __file__.endswith("app.py"), sys.path[0] == sys.argv[1])
"""
    write(tmp_path, app=source, lib="def g():\n    # profile! inner\n    x = 1\n    # end! inner\n    return x\n")
    done = run(tmp_path, "--modes", "time", *sections, "app.py", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "((6, 9), 1)\nNone True True\n"), done.stderr
    loops = {"profile!for_i_in_range_n": 1} if sections else {}
    assert calls(tmp_path) == {
        "app.f": 1, "lib.g": 1, "profile!part": 1, "profile!inner": 1, "profile!whole": 1, **loops,
    }  # fmt: skip


def test_what_the_rules_leave_alone_is_left_alone(tmp_path: Path) -> None:
    source = """
from prof import profiled
@profiled("time", name="mine")
def by_hand(): return 1
def other(): return 2
def skipped(): return 3
print(by_hand() + other() + skipped())
"""
    write(tmp_path, app=source)
    (tmp_path / "pyproject.toml").write_text("[tool.prof.skip]\nmine = { functions = ['skipped'], reason = 'no' }\n")
    assert run(tmp_path, "--modes", "time", "app.py").stdout == "6\n"
    assert calls(tmp_path) == {"mine": 1, "app.other": 1}


# ---- how: options above PROF, PROF above pyproject.toml ----


def asked(folder: Path) -> tuple[set[str], str]:
    """The modes that were recorded, and what the capture says was asked for."""
    (path,) = folder.glob("*.capture")
    with open_captures([path]) as capture:
        return set(capture.meta["modes"]), str(capture.meta["settings"])


def test_options_count_more_than_the_environment_and_that_more_than_the_project(tmp_path: Path) -> None:
    write(tmp_path, app="def f(): pass\nf()\n")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.prof.record]\nmodes = ['memory']\noutput = 'of-project'\ndepth = 50\n"
    )
    for words, more, modes, where in (
        ([], {}, {"memory"}, "of-project"),
        (["--modes", "ops", "--out", "here"], {}, {"ops"}, "here"),
        ([], {"PROF": "time,there"}, {"time"}, "there"),
        (["--out", "mine"], {"PROF": "samples,there,,,interval=5ms"}, {"samples"}, "mine"),
        (["--modes", "time"], {"PROF": "samples,other,,,interval=5ms"}, {"time"}, "other"),
    ):
        done = subprocess.run(
            [*PROF, "run", *words, "app.py"], cwd=tmp_path, env=environment(**more), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found, text = asked(tmp_path / where)
        assert found == modes
        assert ("interval=5ms" in text) == (modes == {"samples"})


# ---- children ----

CHILDREN = """
import concurrent.futures, multiprocessing, subprocess, sys
import lib
def child(n):
    return lib.work(n)
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        print(sum(pool.map(child, range(5))))
    process = multiprocessing.Process(target=child, args=(1,))
    process.start()
    process.join()
    subprocess.run([sys.executable, "-c", "import lib; lib.work(1)"], check=True)
    subprocess.run([sys.executable, "-c", "print(1 + 1)"], check=True)
    subprocess.run([sys.executable, "-I", "-c", "print(2 + 2)"], check=True)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_are_recorded_in_one_report(tmp_path: Path, method: str) -> None:
    write(tmp_path, app=CHILDREN, lib=LIB)
    done = run(tmp_path, "--modes", "time", *QUIET, "app.py", method)
    assert (done.returncode, sorted(done.stdout.split())) == (0, ["2", "20", "4"]), done.stderr
    assert calls(tmp_path) == {"app.child": 6, "lib.work": 7, "lib.work.inner": 7}


def test_a_forked_child_records_what_it_imports_before_its_first_span(tmp_path: Path) -> None:
    source = (
        "import os\ndef f(): pass\nf()\nif os.fork() == 0:\n    import lib\n    lib.work(1)\nelse:\n    os.wait()\n"
    )
    write(tmp_path, app=source, lib=LIB)
    done = run(tmp_path, "--modes", "time", *QUIET, "app.py")
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path) == {"app.f": 1, "lib.work": 1, "lib.work.inner": 1}


def test_the_environments_own_sitecustomize_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, app="import sys, lib\nprint(lib.work(1), sys.modules['sitecustomize'].HERE)\n", lib=LIB)
    write(tmp_path / "site", sitecustomize="import sys\nHERE = 'mine'\nprint('first')\n")
    done = subprocess.run(
        [*PROF, "run", "--modes", "time", "app.py"], cwd=tmp_path, capture_output=True, text=True,
        env=environment(PYTHONPATH=str(tmp_path / "site")),
    )  # fmt: skip
    # Once of `prof run` itself, which is a Python, too.
    assert (done.returncode, done.stdout) == (0, "first\nfirst\n2 mine\n"), done.stderr
    assert calls(tmp_path) == {"lib.work": 1, "lib.work.inner": 1}


# ---- bad input ----


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 2, "which program?"),
        (["nope.py"], 3, "nope.py: no such file"),
        (["."], 3, "without __main__.py"),
        (["-m", "no_such_module"], 3, "no module named 'no_such_module'"),
        (["-m"], 2, "which module?"),
        (["--modes", "time+x", "app.py"], 2, "unknown mode 'x'"),
        (["--modes", "none", "app.py"], 2, "records nothing"),
        (["--interval", "5", "app.py"], 2, "--interval 5: "),
        (["--sections", "lops", "app.py"], 2, "'lops'"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, words: list[str], status: int, told: str) -> None:
    write(tmp_path, app="print('ran')\n")
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-t", "lib:wrok"], "prof: lib:wrok chose nothing in this process; near: lib:work"),
        (["-t", "lbi"], "prof: lbi chose nothing in this process; near: lib"),
        (["--instrument", "lbi.*", "--project"], "prof: lbi.* chose nothing in this process; near: lib"),
    ],
)
def test_what_chose_nothing_is_told_with_what_is_near(tmp_path: Path, words: list[str], told: str) -> None:
    write(tmp_path, app=APP, lib=LIB)
    done = run(tmp_path, "--modes", "time", *words, "app.py")
    assert done.returncode == 0
    assert any(line.startswith(told) for line in done.stderr.splitlines()), done.stderr


def test_an_environment_that_the_program_would_not_see_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-E", "-m", "prof", "run", "-c", "1"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "-E and -I" in done.stderr


def test_modules_of_other_loaders_have_probes(tmp_path: Path) -> None:
    """Test modules that pytest compiles itself, to rewrite their assertions, and modules in an archive."""
    import zipfile

    write(
        tmp_path,
        test_it="""
import inspect
import sys
sys.path.insert(0, "lib.zip")
import packed

class TestIt:
    def test_it(self):
        assert helper() == packed.one()
        assert "return" in inspect.getsource(helper)

def helper():
    return 1
""",
    )
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("packed.py", "def one():\n    return 1\n")
    for _ in range(2):  # the second time it is loaded from what pytest has kept of the first
        done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:randomly", "test_it.py")
        assert done.returncode == 0, done.stdout + done.stderr
        found = calls(tmp_path)
        assert found["test_it.TestIt.test_it"] == 1
        assert found["test_it.helper"] == 1
        assert found["packed.one"] == 1
        for path in tmp_path.glob("*.capture"):
            path.unlink()


def test_what_gives_the_script_its_probes_is_not_the_scripts(tmp_path: Path) -> None:
    """No sample that finds the profiler at that is charged to the script's first line."""
    functions = "".join(f"def f{n}(a):\n    return [b for b in a if b]\n" for n in range(1500))
    write(tmp_path, app=f"x = 1\n{functions}")
    run(tmp_path, "--modes", "time+samples", "--interval", "200us", "app.py")
    paths, _ = newest_run(tmp_path)
    with open_captures(paths) as capture:
        stacks = capture.stacks(capture.tree())
        names = {capture.label(stacks.label[node]).name for node in range(1, stacks.count)}
        assert not [name for name in names if name.endswith("attach_script")]
