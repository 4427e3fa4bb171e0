"""The C API, from programs without Python, extensions, ctypes and cffi: each says what it did, and captures agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prof import config
from prof.capture import open_capture
from recording import Recorded
from running import environment

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
C = ROOT / "tests" / "c"
PAGE = (ROOT / "docs" / "c.md").read_text("utf-8")
CASES = re.findall(r'\{"(\w+)", \w+\}', (C / "test_api.c").read_text())
# Of what each case prints, the calls by path of spans.
COUNTED = ("spans", "threads", "calls", "profilers", "forking", "leaving")
STRICT = ("-O1", "-g", "-Wall", "-Wextra", "-Werror")

# As tests/test_core.py has it.
DOCUMENTED = "race:prof_pending_count\nrace:new_node\nrace:thread_of_caller\n"


def compiler(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip("no C compiler")


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = environment(**variables)
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def build(*command: str | Path) -> None:
    done = run(*command)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip("the compiler has no library for this sanitizer")
    assert done.returncode == 0, done.stderr


def printed(text: str) -> dict[str, int]:
    """`a;b 3` a line."""
    return {path: int(count) for path, count in (line.rsplit(" ", 1) for line in text.splitlines())}


def only(folder: Path) -> Recorded:
    (path,) = folder.glob("**/*.capture")
    return Recorded(path)


def of_column(folder: Path, column: str) -> dict[str, int]:
    """What the only capture there has in a column, by path of spans and frames; lines are what they are in."""
    (path,) = folder.glob("**/*.capture")
    found: dict[str, int] = {}
    with open_capture(path) as capture:
        tree = capture.tree()
        for node in range(1, tree.count):
            names, at = [], node
            while at:
                label = capture.label(tree.label[at])
                names += [] if label.kind == "line" else [label.name.removeprefix("profile!")]
                at = tree.parent[at]
            if value := tree.column(column)[node]:
                way = ";".join(reversed(names))
                found[way] = found.get(way, 0) + value
    return found


# ---- programs without Python ---------------------------------------------------------------------------------------


def sanitized(sanitizers: str) -> list[str]:
    rooms = [*(CSRC / room for room in ("api", "recorder", "core", "modes/memory"))]
    sources = [str(path) for room in rooms for path in sorted(room.glob("*.c"))]
    flags = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-std=gnu11", f"-I{CSRC}"]
    return [*flags, *sources, str(CSRC / "format.c"), "-lm"]


@pytest.fixture(scope="module", params=["shared", "static", "address,undefined", "thread"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/c/test_api.c, with the library as users link it, or with its sources under a sanitizer."""
    built: Path = tmp_path_factory.mktemp("api") / "test_api"
    linked = request.param in ("shared", "static")
    library = [*config.cflags(), *config.libs(request.param == "static")] if linked else sanitized(request.param)
    build(compiler("gcc", "clang"), *STRICT, C / "test_api.c", "-o", built, "-pthread", *library)
    return built


@pytest.mark.parametrize("case", CASES)
def test_a_program_in_c(program: Path, case: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    suppressions = tmp_path / "suppressions"
    suppressions.write_text(DOCUMENTED)
    folder = tmp_path / "out"
    folder.mkdir()
    done = run(program, case, folder, TSAN_OPTIONS=f"halt_on_error=1:suppressions={suppressions}")
    assert (done.returncode, done.stderr) == (0, "")
    if case in COUNTED:
        assert Recorded(next(folder.glob("test.capture"))).stacks("calls") == printed(done.stdout)
    CHECKS.get(case, lambda folder, output: None)(folder, done.stdout)


def of_threads(folder: Path, output: str) -> None:
    assert {t.name for t in only(folder).threads if t.name.startswith("walker")} == {f"walker {i}" for i in range(6)}


def of_calls(folder: Path, output: str) -> None:
    """Ten calls took 5 ms, three of another caller 4, one 1: the time is theirs and not the span's around them."""
    times = only(folder).times("native")
    assert times["b"][1] == pytest.approx(10e6, rel=0.01)
    assert times["a"][0] >= 20e6
    assert times["a"][1] == pytest.approx(times["a"][0] - 10e6, rel=0.01)


def of_samples(folder: Path, output: str) -> None:
    assert of_column(folder, "samples") == printed(output)
    assert of_column(folder, "sampled_ns") == {"a;b;d": 1_000_000, "c": 1_000_000, "c;a;b": 10_000_000}
    assert of_column(folder, "cpu_samples") == {"a;b;d": 1}


def of_blocks(folder: Path, output: str) -> None:
    with open_capture(folder / "test.capture") as capture:
        tree = capture.tree()
        totals = capture.memory(tree)
        (lines,) = ([line for line in capture.lines(tree) if line.alloc_count > 1],)
    assert totals is not None and totals.detail
    assert (totals.alloc_count, totals.alloc_bytes, totals.free_count, totals.unknown_frees) == (1001, 140_000, 600, 1)
    assert (totals.live_bytes, totals.peak_bytes) == (116_000, 116_000)
    assert [(line.alloc_count, line.alloc_bytes, line.free_count) for line in lines] == [(1000, 40_000, 600)]


def of_metrics(folder: Path, output: str) -> None:
    with open_capture(folder / "test.capture") as capture:
        found = {m.name: (m.label and m.label.name, m.count, m.sum) for m in capture.metrics(capture.tree())}
    assert found == {"outside": (None, 1, 1), "rows": ("a", 10, 55), "share": ("a", 2, 0.75)}


def of_profilers(folder: Path, output: str) -> None:
    assert only(folder).meta["name"] == 'two "profilers"'


def of_ending(folder: Path, output: str) -> None:
    """Whatever the other threads were about, each capture is whole, and each span of theirs is in one of them."""
    found = [Recorded(path) for path in folder.glob("*.capture")]
    assert len(found) == 10 and not any(each.recording for each in found)
    assert sum(each.calls("native").get("a", 0) for each in found) == int(output)


def of_forking(folder: Path, output: str) -> None:
    assert Recorded(folder / "child.capture").stacks("calls") == {"a;b": 1}


def of_leaving(folder: Path, output: str) -> None:
    """A program that ends has its capture ended in order; its open span is in it."""
    found = only(folder)
    assert not found.recording
    assert found.drops == {"open_at_end": 1}


def of_naming(folder: Path, output: str) -> None:
    assert sorted(output.split()) == sorted(str(path) for path in folder.glob("test_api-*.capture"))
    assert len(output.split()) == 3


CHECKS: dict[str, Callable[[Path, str], None]] = {
    name.removeprefix("of_"): value
    for name, value in list(globals().items())
    if name.startswith("of_") and name != "of_column"
}


def test_every_check_is_of_a_case() -> None:
    assert set(CHECKS) | set(COUNTED) | {"misuse"} == set(CASES)


@pytest.mark.parametrize("standard", ["c89", "c99", "c11"])
def test_the_header_is_clean_c(standard: str) -> None:
    flags = ("-pedantic-errors", "-Wstrict-prototypes", "-Wmissing-prototypes", "-fsyntax-only")
    build(compiler("gcc", "clang"), f"-std={standard}", *STRICT, *flags, *config.cflags(), C / "header.c")


@pytest.mark.parametrize("standard", ["c++98", "c++11", "c++17"])
def test_the_header_is_clean_cpp_and_spans_end_with_their_blocks(standard: str, tmp_path: Path) -> None:
    built = tmp_path / "scopes"
    flags = (f"-std={standard}", *STRICT, "-pedantic-errors", "-Wold-style-cast", "-Wconversion")
    build(compiler("g++", "clang++"), *flags, *config.cflags(), C / "scopes.cpp", "-o", built, *config.libs())
    done = run(built, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tree = only(tmp_path).stacks("calls")
    assert tree == printed(done.stdout)


def test_the_library_has_no_name_of_python_and_none_but_those_of_the_header() -> None:
    compiler("gcc", "clang")
    header = set(re.findall(r"\b(prof_\w+)\(", (CSRC / "prof.h").read_text())) - {"prof_scope"}
    for options in ("-D", "--defined-only"), ("-g", "--defined-only"):
        file = (
            config.library() if options[0] == "-D" else os.path.join(os.path.dirname(config.library()), config.ARCHIVE)
        )
        names = {
            line.split()[-1] for line in run("nm", *options, file).stdout.splitlines() if " T " in line or " B " in line
        }
        assert names - {"prof_client_v1"} == header, file
    undefined = run("nm", "-D", "--undefined-only", config.library()).stdout
    assert not re.search(r"\b_?Py", undefined)


def test_the_installed_header_is_the_one_of_the_source() -> None:
    """Else the extension must be built again."""
    assert (Path(config.include()) / "prof.h").read_text() == (CSRC / "prof.h").read_text()
    abi = re.search(r"#define PROF_ABI (\d+)", (CSRC / "prof.h").read_text())
    assert abi and config.library().endswith(f".so.{abi[1]}")


# ---- extension modules ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["shared", "static"])
def native(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the module `native`, which is tests/c/native.c."""
    folder = tmp_path_factory.mktemp("native")
    python = sysconfig.get_path("include")
    flags = (
        "-shared",
        "-fPIC",
        *STRICT,
        "-Wno-unused-parameter",
        "-Wno-missing-field-initializers",
        f"-isystem{python}",
    )
    built = folder / f"native{sysconfig.get_config_var('EXT_SUFFIX')}"
    libraries = (*config.cflags(), *config.libs(request.param == "static"))
    build(compiler("gcc", "clang"), *flags, C / "native.c", "-o", built, *libraries)
    return folder


def python(native: Path, folder: Path, source: str, *options: str, **variables: str) -> Any:
    (folder / "app.py").write_text(source)
    command = [sys.executable, *options, "app.py"] if "prof" not in options else [sys.executable, *options]
    done = run(*command, cwd=folder, PYTHONPATH=str(native), **variables)
    assert done.returncode == 0, done.stderr
    return done


MARKED = "from prof import profiled\n"
PROGRAM = """
@profiled
def callback(): return sum(range(3))
@profiled
def main():
    native.work(4, callback)
main()
native.work(1, callback)
"""
NESTED = {
    "app.main": 1,
    "app.main;native.outer": 1,
    "app.main;native.outer;native.inner": 4,
    "app.main;native.outer;native.inner;app.callback": 4,
    "native.outer": 1,
    "native.outer;native.inner": 1,
    "native.outer;native.inner;app.callback": 1,
}


@pytest.mark.parametrize("imports", [f"import native\n{MARKED}", f"{MARKED}import native\n"], ids=["before", "after"])
def test_spans_of_an_extension_are_below_the_python_function_that_runs(
    native: Path, imports: str, tmp_path: Path
) -> None:
    """Whether it is loaded before the recording begins or after."""
    python(native, tmp_path, imports + PROGRAM, PROF="time,imports=false,collections=false")
    found = only(tmp_path)
    assert found.stacks("calls") == NESTED
    assert found.drops == {}


def test_in_all_modes_and_by_prof_run_they_are_as_well(native: Path, tmp_path: Path) -> None:
    source = "import native\n" + PROGRAM.replace("@profiled\n", "")
    options = ("-m", "prof", "run", "--modes", "all", "app.py")
    python(native, tmp_path, source, *options)
    stacks = {path: n for path, n in of_column(tmp_path, "calls").items() if "native." in path}
    assert stacks == {path: n for path, n in NESTED.items() if "native." in path}


def test_without_a_recording_an_extension_does_nothing_and_leaves_nothing(native: Path, tmp_path: Path) -> None:
    source = "import native\nprofiled = lambda f: f\n" + PROGRAM
    source += "native.thread()\nprint(native.running(), native.allocate(20, 0), native.sample(), native.careless())\n"
    source += "import sys; assert 'prof' not in sys.modules\n"
    done = python(native, tmp_path, source)
    assert done.stdout.split() == ["False", "1", "1", "1"]
    assert not list(tmp_path.glob("*.capture"))


def test_threads_of_c_record_themselves_beside_those_of_python(native: Path, tmp_path: Path) -> None:
    source = f"import native\n{MARKED}import threading\n@profiled\ndef main():\n    native.thread()\n"
    source += "    native.work(2, int)\neach = [threading.Thread(target=main) for _ in range(4)]\n"
    source += "[t.start() for t in each], [t.join() for t in each]\n"
    python(native, tmp_path, source, PROF="time,imports=false,collections=false")
    found = only(tmp_path)
    assert found.stacks("calls") == {
        "app.main": 4,
        "app.main;native.outer": 4,
        "app.main;native.outer;native.inner": 8,
        "native.outer": 4000,
        "native.outer;native.part": 4000,
    }
    assert [t.name for t in found.threads].count("worker in C") == 4


def test_a_span_that_c_leaves_open_is_closed_by_the_python_function_around_it(native: Path, tmp_path: Path) -> None:
    source = f"import native\n{MARKED}@profiled\ndef main():\n    print(native.careless())\nmain()\nmain()\n"
    done = python(native, tmp_path, source, PROF="time,imports=false,collections=false")
    assert done.stdout.split() == ["4", "4"]  # PROF_NOT_OPEN
    found = only(tmp_path)
    assert found.stacks("calls") == {"app.main": 2, "app.main;native.outer": 2}
    assert found.drops == {"healed": 2, "unmatched_leave": 2}


@pytest.mark.parametrize("release", ["0", "1"], ids=["with the lock", "without it"])
def test_blocks_that_an_extension_tells_of_are_at_its_line(native: Path, tmp_path: Path, release: str) -> None:
    source = (
        f"import native\n{MARKED}@profiled\ndef main():\n    print(native.allocate(500, {release}))\nmain()\nmain()\n"
    )
    done = python(native, tmp_path, source, PROF="memory,,,true")
    assert done.stdout.split() == ["0", "0"]
    (path,) = tmp_path.glob("*.capture")
    with open_capture(path) as capture:
        tree = capture.tree()
        (line,) = (each for each in capture.lines(tree) if each.label.file.endswith("native.c"))
        totals = capture.memory(tree)
    # The second time, the ten that were not freed are told of again: their end was not told.
    assert (line.alloc_count, line.alloc_bytes, line.free_count, line.live_bytes) == (1000, 48_000, 990, 480)
    assert totals is not None and totals.alloc_count > 1000


def test_a_mode_that_the_recording_leaves_out_is_off(native: Path, tmp_path: Path) -> None:
    source = (
        f"import native\n{MARKED}@profiled\ndef main():\n    print(native.allocate(20, 0), native.sample())\nmain()\n"
    )
    assert python(native, tmp_path, source, PROF="time").stdout.split() == ["1", "1"]
    assert python(native, tmp_path, source, PROF="memory+samples").stdout.split() == ["0", "0"]


def test_samples_that_an_extension_tells_of_are_below_the_function(native: Path, tmp_path: Path) -> None:
    source = f"import native\n{MARKED}@profiled\ndef main():\n    [native.sample() for _ in range(50)]\nmain()\n"
    python(native, tmp_path, source, PROF="samples,imports=false,collections=false,interval=1s")
    assert of_column(tmp_path, "samples").get("app.main;native.outer;native.inner") == 50


def test_a_profiler_of_an_extension_joins_what_records_and_else_records_itself(native: Path, tmp_path: Path) -> None:
    source = f"import native\n{MARKED}@profiled\ndef main():\n    print(native.start('own.capture'))\n"
    source += "    native.work(2, int)\n    print(native.stop(), native.running())\nmain()\n"
    done = python(native, tmp_path, source, PROF="time,imports=false,collections=false")
    assert done.stdout.splitlines() == ["(0, 1)", "0 True"]
    assert only(tmp_path).stacks("calls") == {
        "app.main": 1, "app.main;native.outer": 1, "app.main;native.outer;native.inner": 2,
    }  # fmt: skip
    (capture,) = tmp_path.glob("*.capture")
    capture.unlink()
    done = python(native, tmp_path, source)
    assert done.stdout.splitlines() == ["(0, 0)", "0 False"]
    assert Recorded(tmp_path / "own.capture").stacks("calls") == {"native.outer": 1, "native.outer;native.inner": 2}


def test_a_forked_child_goes_on_with_spans_of_c(native: Path, tmp_path: Path) -> None:
    source = f"import native, os\n{MARKED}@profiled\ndef main():\n    pid = os.fork()\n    native.work(3, int)\n"
    source += "    if pid: os.waitpid(pid, 0)\nmain()\n"
    python(native, tmp_path, source, PROF="time,imports=false,collections=false")
    found = sorted(
        Recorded(path).stacks("calls")["app.main;native.outer;native.inner"] for path in tmp_path.glob("*.capture")
    )
    assert found == [3, 3]


def test_a_recording_may_end_while_threads_of_c_go_on(native: Path, tmp_path: Path) -> None:
    source = "import native, threading, prof\nstopping = False\n"
    source += "def spin():\n    while not stopping: native.thread()\n"
    source += "each = [threading.Thread(target=spin) for _ in range(3)]\n[t.start() for t in each]\n"
    source += "for i in range(10):\n    with prof.Profiler('time,out'): native.thread()\n"
    source += "stopping = True\n[t.join() for t in each]\n"
    python(native, tmp_path, source)
    found = [Recorded(path) for path in tmp_path.glob("out/*.capture")]
    assert len(found) == 10
    assert all(each.calls("native")["native.outer"] >= 1000 for each in found)


# ---- the command, and the page -------------------------------------------------------------------------------------


def test_config_prints_what_a_compiler_needs(tmp_path: Path) -> None:
    asked = (sys.executable, "-m", "prof.config")
    done = run(*asked, "--cflags", "--libs", cwd=tmp_path)
    assert done.stdout.split() == [*config.cflags(), *config.libs()]
    assert run(*asked, "--libs", "--static").stdout.split() == config.libs(static=True)
    assert run(*asked, "--include").stdout.strip() == config.include()
    assert run(*asked, "--library").stdout.strip() == config.library()
    assert "example: cc main.c $(python -m prof.config --cflags --libs)" in run(*asked, "--help").stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--ldflags",), "unknown option '--ldflags'; known: --cflags, --libs, --include, --library, --static, --help"),
        ((), "nothing is asked for; as in: python -m prof.config --cflags --libs"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(options: tuple[str, ...], says: str) -> None:
    done = run(sys.executable, "-m", "prof.config", *options)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"python -m prof.config: {says}\n")


def blocks(language: str) -> list[str]:
    """The blocks of the page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_program_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(blocks("c")[0])
    flags = [*config.cflags(), *config.libs()]
    build(compiler("gcc", "clang"), *STRICT, tmp_path / "main.c", *flags, "-o", tmp_path / "main")
    assert run(tmp_path / "main", cwd=tmp_path).returncode == 0
    assert only(tmp_path).stacks("calls") == {"load": 1, "load;parse": 1000}
    for command in ("report", "folded", "flamegraph"):
        done = run(sys.executable, "-m", "prof", command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    report = run(sys.executable, "-m", "prof", "report", cwd=tmp_path).stdout
    assert re.search(r"^ *\S+ \S+ +\S+% .* 1,000 .* parse +main.c:\d+$", report, re.MULTILINE)
    assert run(sys.executable, "-m", "prof", "diff", *2 * list(tmp_path.glob("*.capture"))).returncode == 0


@pytest.mark.parametrize("name", ["ctypes", "cffi"])
def test_the_program_of_the_page_in_python(name: str, tmp_path: Path) -> None:
    (source,) = (each for each in blocks("python") if re.search(rf"^(import|from) {name}\b", each, re.MULTILINE))
    (tmp_path / "app.py").write_text(source)
    done = run(sys.executable, "app.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = only(tmp_path)
    assert found.stacks("calls") == {"query": 1, "query;row": 3}
    # In a recorded program the same lines go to its capture.
    marked = "from prof import profiled\n@profiled\ndef main():\n" + re.sub("^", "    ", source, flags=re.MULTILINE)
    folder = tmp_path / "recorded"
    folder.mkdir()
    (folder / "app.py").write_text(f"{marked}\nmain()\n")
    done = run(sys.executable, "app.py", cwd=folder, PROF="time,imports=false,collections=false")
    assert done.returncode == 0, done.stderr
    assert only(folder).stacks("calls") == {"app.main": 1, "app.main;query": 1, "app.main;query;row": 3}
