"""The commands as users meet them: own processes, real files, every kind of bad input."""

from __future__ import annotations

import importlib.machinery
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Run

SOURCE = b"import os\n\ndef f():\n    return 1\n"
DONE = b"@profiled  # prof:auto\ndef f"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder `src` with three modules, one without functions, and things that are not edited."""
    src = tmp_path / "src"
    for name, data in {
        "a.py": SOURCE,
        "pkg/__init__.py": b"",
        "pkg/b.py": b"from typing import overload\n@overload\ndef f(): ...\ndef f(): ...\n",
        "pkg/stub.pyi": b"def f(): ...\n",
        "pkg/data.txt": b"def f(): ...\n",
        ".venv/lib/c.py": SOURCE,
        "other/pyvenv.cfg": b"",
        "other/d.py": SOURCE,
        "node_modules/e.py": SOURCE,
        "build/lib/f.py": SOURCE,
        "venv/lib/g.py": SOURCE,
    }.items():
        path = src / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return src


def content(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_there_and_back(tree: Path, run: Run) -> None:
    before = content(tree)
    done = run("instrument", "src")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == b"3 files: 2 functions instrumented, 1 skipped (overload 1), 1 file left out (.pyi 1), 0 refused\n"
    )
    assert done.stderr == b""
    after = content(tree)
    assert {name for name in before if before[name] != after[name]} == {"a.py", "pkg/b.py"}
    again = run("instrument", "src")
    assert again.returncode == 0
    assert b": 0 functions instrumented, 2 files instrumented already, " in again.stdout
    assert content(tree) == after
    undone = run("uninstrument", "src")
    assert undone.returncode == 0
    assert undone.stdout == b"3 files: 2 restored, 1 file left out (.pyi 1), 0 refused\n"
    assert content(tree) == before


def test_check(tree: Path, run: Run) -> None:
    before = content(tree)
    done = run("instrument", "--check", "src")
    assert done.returncode == 1
    assert done.stdout == f"src{os.sep}a.py\nsrc{os.sep}pkg{os.sep}b.py\n".encode()
    assert b"2 functions would be instrumented" in done.stderr
    assert content(tree) == before
    assert run("uninstrument", "--check", "src").returncode == 0
    run("instrument", "src")
    assert run("instrument", "--check", "src").returncode == 0
    assert run("uninstrument", "--check", "src").returncode == 1


def test_diff_can_be_applied(tree: Path, run: Run) -> None:
    (tree / "crlf.py").write_bytes(SOURCE.replace(b"\n", b"\r\n"))
    (tree / "no_eol.py").write_bytes(b"# coding: latin-1\ndef f(): return '\xe9'")
    before = content(tree)
    done = run("instrument", "--diff", "src")
    assert done.returncode == 0
    assert content(tree) == before
    run("instrument", "src")
    after = content(tree)
    run("uninstrument", "src")
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], input=done.stdout, cwd=tree.parent, check=True)
    assert content(tree) == after


def test_stdin_to_stdout(run: Run) -> None:
    done = run("instrument", "-", stdin=SOURCE)
    assert done.returncode == 0
    assert DONE in done.stdout
    assert done.stderr == b""
    assert run("uninstrument", "-", stdin=done.stdout).stdout == SOURCE
    assert run("instrument", "-", "--check", stdin=SOURCE).returncode == 1
    assert b"+@profiled" in run("instrument", "-", "--diff", stdin=SOURCE).stdout


def test_stdin_refused(run: Run) -> None:
    done = run("instrument", "-", stdin=b"def f(:\n")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"<stdin>:1: does not compile")


def test_include_exclude(tree: Path, run: Run) -> None:
    for i in range(3):
        (tree / f"test_{i}.py").write_bytes(SOURCE)
    done = run("instrument", "src", "--exclude", "pkg", "--exclude", "test_*.py")
    assert done.stdout.startswith(b"1 file: 1 function instrumented")
    assert b"excluded 5" in done.stdout
    run("uninstrument", "src")
    done = run("instrument", "src", "--include", "pkg/*")
    assert done.stdout.startswith(b"2 files: 1 function ")


def test_naming_a_skipped_folder_walks_it(tree: Path, run: Run) -> None:
    assert run("instrument", "src/.venv", "src/build").stdout.startswith(b"2 files: 2 functions")


def test_a_package_may_be_called_build_or_venv(tree: Path, run: Run) -> None:
    for name in ("build", "venv"):
        (tree / name / "__init__.py").write_bytes(b"")
    assert run("instrument", "src").stdout.startswith(b"7 files: 4 functions")


def test_the_same_file_twice(tree: Path, run: Run) -> None:
    assert run("instrument", "src/a.py", "src", "./src/../src/a.py").stdout.startswith(b"3 files: 2 functions")


def test_explicit_file_of_any_name(tmp_path: Path, run: Run) -> None:
    (tmp_path / "script").write_bytes(b"#!/usr/bin/env python\n" + SOURCE)
    assert run("instrument", "script").returncode == 0
    assert DONE in (tmp_path / "script").read_bytes()


def test_refusals_are_lines_on_stderr_and_the_rest_is_done(tree: Path, run: Run) -> None:
    bad = {
        "syntax.py": (b"def f():\n  x = (\n", b"src/syntax.py:2: does not compile: "),
        "cookie.py": (b"# coding: nonsense\ndef f(): pass\n", b"src/cookie.py: does not compile: "),
        "bytes.py": (b"def f(): return '\xff'\n", b"src/bytes.py"),
        "nul.py": (b"def f(): pass\n\0\n", b"src/nul.py"),
        "marker.py": (b"# profile! a\ndef f(): pass\n", b"src/marker.py:1: profile! a: unpaired"),
    }
    for name, (data, _) in bad.items():
        (tree / name).write_bytes(data)
    done = run("instrument", "src")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == len(bad)
    for name, (data, said) in bad.items():
        assert sum(line.startswith(said) for line in lines) == 1, (name, lines)
        assert name == "marker.py" or (tree / name).read_bytes() == data
    assert b"5 refused" in done.stdout
    assert DONE in (tree / "a.py").read_bytes()


def test_warnings_and_quiet(tmp_path: Path, run: Run) -> None:
    source = b"def f():\n    # profile! a\n    return 1\n    # end! a\n"
    (tmp_path / "a.py").write_bytes(source)
    assert run("instrument", "a.py").stderr == b"a.py:3: warning: return can skip end! a\n"
    run("uninstrument", "a.py")
    quiet = run("instrument", "-q", "a.py")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, b"", b"")
    run("uninstrument", "-q", "a.py")
    assert b"a.py: 1 function, 1 section" in run("instrument", "-v", "a.py").stderr


def test_edited_since(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.py").write_bytes(SOURCE)
    run("instrument", "a.py")
    (tmp_path / "a.py").write_bytes((tmp_path / "a.py").read_bytes() + b"x = 1\n")
    done = run("uninstrument", "a.py")
    assert done.returncode == 0
    assert done.stderr.startswith(b"a.py: note: edited since")
    assert (tmp_path / "a.py").read_bytes() == SOURCE + b"x = 1\n"


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        ((), 2, b"PATH"),
        (("missing.py",), 3, b"missing.py: no such file or folder"),
        (("empty",), 3, b"no Python file"),
        (("a.py", "--jobs", "0"), 2, b"number of processes"),
        (("a.py", "--jobs", "x"), 2, b"number of processes"),
        (("a.py", "--sections", "lops"), 2, b"known: loops, paragraphs"),
        (("a.py", "--nonsense"), 2, b"--nonsense"),
        (("-", "a.py"), 2, b"stands alone"),
        (("a.py", "--exclude", "a.py"), 3, b"excluded 1"),
        (("fifo",), 1, b"fifo: is not a regular file"),
        (("loop",), 3, b"loop: no such file"),
    ],
)
def test_bad_calls(args: tuple[str, ...], status: int, said: bytes, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.py").write_bytes(SOURCE)
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    done = run("instrument", *args)
    assert done.returncode == status
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "a.py").read_bytes() == SOURCE


def test_the_standard_library_and_the_profiler_are_left_out(run: Run) -> None:
    import json

    import prof.instrument.tags

    done = run("instrument", "--check", json.__file__, prof.instrument.tags.__file__)
    assert done.returncode == 3
    assert b"standard library 1" in done.stderr
    assert b"profiler 1" in done.stderr
    assert run("instrument", "--check", "--with-stdlib", json.__file__).returncode == 1


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_jobs(jobs: str, tmp_path: Path, run: Run) -> None:
    for i in range(40):
        (tmp_path / f"m{i:02}.py").write_bytes(b"x = %d\n" % i + SOURCE if i % 7 else b"def (\n")
    before = content(tmp_path)
    done = run("instrument", "--jobs", jobs, ".")
    assert done.returncode == 1
    assert done.stdout == b"40 files: 34 functions instrumented, 6 refused\n"
    # In order, whichever process was first.
    assert [line.partition(b":")[0] for line in done.stderr.splitlines()] == [
        f".{os.sep}m{i:02}.py".encode() for i in range(0, 40, 7)
    ]
    assert run("uninstrument", "--jobs", jobs, ".").returncode == 0
    assert content(tmp_path) == before


def test_the_workers_of_a_killed_run_end(tmp_path: Path) -> None:
    for i in range(300):
        (tmp_path / f"m{i}.py").write_bytes(SOURCE * 50)
    code = "from prof.instrument.cli import instrument_main as main; main()"
    process = subprocess.Popen([sys.executable, "-P", "-c", code, "-j", "2", "."], cwd=tmp_path)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not any(DONE in (tmp_path / f"m{i}.py").read_bytes() for i in range(2)):
        assert process.poll() is None
    workers = children.read_text().split()
    process.kill()
    process.wait()
    assert len(workers) == 2
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/status").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_settings_from_pyproject(tree: Path, run: Run) -> None:
    (tree.parent / "pyproject.toml").write_text(
        '[tool.prof]\nexclude = ["src/pkg"]\nsections = ["loops"]\n[tool.prof.skip]\nregistered = ["registry.add"]\n'
    )
    (tree / "r.py").write_bytes(b"import registry\n@registry.add\ndef f(): ...\ndef g():\n    for x in y: pass\n")
    done = run("instrument", "src")
    assert done.stdout == (
        b"2 files: 2 functions instrumented, 1 section, 1 skipped (registered 1), 3 files left out "
        b"(excluded 2, .pyi 1), 0 refused\n"
    )


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("[tool.prof]\nexclud = ['x']\n", 2, b"no key 'exclud'; known: include, exclude"),
        ("[tool.prof]\nexclude = 'x'\n", 2, b"exclude must be a list of strings"),
        ("[tool.prof]\nsections = ['x']\n", 2, b"is not one of loops, paragraphs"),
        ("[tool.prof]\nskip = 1\n", 2, b"must be a table"),
        ("[tool.prof.skip]\nx = 1\n", 2, b"expected a list of decorators"),
        ("[tool.prof.skip]\nx = {reason = 1}\n", 2, b"reason is a string"),
        ("[tool.prof.other]\nx = 1\n", 0, b""),
        ("[tool]\nprof = 1\n", 2, b"must be a table"),
        ("[tool.prof\n", 3, b"not valid TOML"),
    ],
)
def test_mistakes_in_pyproject(text: str, status: int, said: bytes, tree: Path, run: Run) -> None:
    (tree.parent / "pyproject.toml").write_text(text)
    done = run("instrument", "src")
    assert done.returncode == status
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_help(run: Run) -> None:
    for action in ("instrument", "uninstrument"):
        done = run(action, "--help")
        assert done.returncode == 0
        assert b"examples:" in done.stdout
        assert b"exit status:" in done.stdout


def test_a_reader_that_leaves_early(tmp_path: Path) -> None:
    for i in range(200):
        (tmp_path / f"m{i}.py").write_bytes(SOURCE)
    code = "import sys; from prof.instrument.cli import instrument_main as main; sys.exit(main())"
    command = [sys.executable, "-c", code, "--diff", "."]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()


def test_a_terminal_that_cannot_show_a_name(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (tmp_path / "naïve.py").write_bytes(SOURCE)
    done = run("instrument", "--check", "naïve.py")
    assert (done.returncode, done.stdout) == (1, b"na?ve.py\n"), done.stderr
    assert run("instrument", "--help").returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("args", [("--diff", "a.py"), ("--check", "a.py"), ("a.py",)])
def test_a_full_disk_below_standard_output(args: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(SOURCE)
    code = "import sys; from prof.instrument.cli import instrument_main; sys.exit(instrument_main())"
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", code, *args], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4
    last = done.stderr.splitlines()[-1]
    assert last == b"prof-instrument: standard output cannot be written: No space left on device"
    assert b"Traceback" not in done.stderr


def test_libcst_is_not_imported(run: Run, tmp_path: Path) -> None:
    code = (
        "import sys; import prof.instrument.cli as c; c.instrument_main(['-q', 'a.py']);"
        "print([m for m in ('libcst', 'rich') if m in sys.modules])"
    )
    (tmp_path / "a.py").write_bytes(SOURCE)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_the_bar_leaves_a_piped_stdout_alone(tmp_path: Path) -> None:
    """stderr is a terminal, stdout a pipe: the bar is on the one, the answer of --check on the other."""
    (tmp_path / "a.py").write_bytes(SOURCE)
    (tmp_path / "b.py").write_bytes(SOURCE)
    code = (
        "import sys; from prof.instrument import cli, report; report.PATIENCE = report.TICK = 0;"
        "sys.exit(cli.instrument_main(['--check', '.']))"
    )
    ours, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert done.returncode == 1
    assert done.stdout.split() == [f".{os.sep}{name}".encode() for name in ("a.py", "b.py")]
    assert b"files" in shown
    assert b"b.py" not in shown


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("app.py", "prof.py"),
        ("app.py", "prof/__init__.py"),
        ("scripts/app.py", "scripts/prof.py"),
        ("pkg/__init__.py pkg/sub/__init__.py pkg/sub/app.py", "prof.py"),
        ("lib/pkg/__init__.py lib/pkg/app.py", "lib/prof/__init__.py"),
        ("tests/app.py", "src/prof.py"),
        ("prof/__init__.py prof/app.py", "prof/__init__.py"),
        ("app.py", "prof.cpython-311-x86_64-linux-gnu.so"),
    ],
)
@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_module_prof_of_the_projects_own_is_told(
    file: str, module: str, named: str, tmp_path: Path, run: Run
) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    files = file.split()
    for name in [*files, module.replace(".cpython-311-x86_64-linux-gnu.so", suffix)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SOURCE)
    before = content(tmp_path)
    paths = files if named == "file" else ["."]
    done = run("instrument", *paths)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert b"is a module prof of the project's own and would hide the profiler's; nothing was edited" in line
    assert content(tmp_path) == before
    assert run("instrument", "--check", *paths).returncode == 2
    assert run("uninstrument", *paths).returncode == 0


@pytest.mark.parametrize("module", ["pkg/prof.py", "prof.txt", "prof_x.py", "other/prof.py"])
def test_a_prof_that_hides_nothing_is_no_matter(module: str, tmp_path: Path, run: Run) -> None:
    for name in ("pkg/__init__.py", "pkg/app.py", module):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SOURCE)
    assert run("instrument", "pkg").returncode == 0
    code = [sys.executable, "-c", "import pkg.app; import prof; print(prof.__version__)"]
    assert subprocess.run(code, cwd=tmp_path, capture_output=True, check=True).stdout


def test_the_profiler_of_another_environment_is_ours(tmp_path: Path, run: Run) -> None:
    import prof

    site = tmp_path / "lib" / "site-packages"
    site.mkdir(parents=True)
    (site / "prof").symlink_to(os.path.dirname(str(prof.__file__)))
    (site / "app.py").write_bytes(SOURCE)
    assert run("instrument", str(site / "app.py")).returncode == 0


def test_source_for_mypyc_binds_the_name_and_leaves_init_alone(tmp_path: Path, run: Run) -> None:
    (tmp_path / "setup.py").write_text("from mypyc.build import mypycify\n")
    source = b"class A:\n    def __init__(self): pass\n    def f(self): pass\n"
    (tmp_path / "a.py").write_bytes(source)
    assert b"1 function instrumented, 1 skipped (mypyc 1)" in run("instrument", "a.py").stdout
    data = (tmp_path / "a.py").read_bytes()
    assert data.startswith(b"from prof.auto import profiled as __profiled__  # prof:auto n=1 b=")
    assert b"    def __init__(self): pass\n    @__profiled__  # prof:auto\n    def f" in data
    assert run("uninstrument", "a.py").returncode == 0
    assert (tmp_path / "a.py").read_bytes() == source


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("setup.py", "from mypyc.build import mypycify\nsetup(ext_modules=mypycify(['src/a.py']))", b"mypyc"),
        ("pyproject.toml", "[tool.hatch.build.targets.wheel.hooks.mypyc]\n", b"mypyc"),
        ("setup.py", "setup(ext_modules=cythonize('src/*.py'))", b"Cython"),
        ("setup.py", "setup(ext_modules=cythonize('src/*.pyx'))", b""),
        ("setup.py", "setup()", b""),
    ],
)
def test_a_project_that_is_compiled_is_told_so_once(name: str, text: str, said: bytes, tree: Path, run: Run) -> None:
    (tree.parent / name).write_text(text)
    done = run("instrument", "src")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == bool(said)
    assert all(name.encode() + b" has " + said + b" compile this project" in line for line in lines)
    assert run("instrument", "-q", "src").stderr == b""
