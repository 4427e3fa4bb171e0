"""What a recording adds to a program that does nothing: its start, the first mark, its end and the files."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from benchmarks.contenders import environment
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave

PROGRAM = "from prof import profiled\n@profiled\ndef f(): pass\nf()\n"
UNMARKED = "def f(): pass\nf()\n"
HELP = "from prof.tools.cli import main; main(['--help'])"


def package(directory: Path) -> Path:
    """A folder in which `prof` lies as in an installed wheel: an editable install's import hook, and what it imports
    itself, would be measured otherwise."""
    import prof
    import prof.tools

    folder = directory / "lib" / "prof"
    folder.mkdir(parents=True)
    for part in Path(prof.__file__).parent.iterdir():
        (folder / part.name).symlink_to(part)
    if not (folder / "tools").exists():
        (folder / "tools").symlink_to(Path(prof.tools.__file__).parent)
    return folder.parent


def starting(command: list[str], directory: Path, **variables: str) -> Callable[[], float]:
    """Seconds that a fresh interpreter takes, from its start to its end. `site` is left out, with other people's .pth
    files: what they import, we would not have to."""
    installed = sysconfig.get_path("purelib")
    # With compiled files, as after the first run of any installed program.
    settings = environment() | {"PYTHONPYCACHEPREFIX": f"{directory}/cache", "PYTHONDONTWRITEBYTECODE": ""}
    settings |= {"PYTHONPATH": f"{directory}/lib:{installed}"} | variables

    def run() -> float:
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            start = perf_counter()
            subprocess.run([sys.executable, "-S", *command], env=settings, cwd=folder, check=True, capture_output=True)
            return perf_counter() - start

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        directory = Path(name)
        package(directory)
        marked, unmarked = directory / "marked.py", directory / "unmarked.py"
        marked.write_text(PROGRAM)
        unmarked.write_text(UNMARKED)
        runs = {
            "pass": starting(["-c", "pass"], directory),
            "unmarked": starting([str(unmarked)], directory),
            "off": starting([str(marked)], directory),
            "time": starting([str(marked)], directory, PROF="time"),
            "all": starting([str(marked)], directory, PROF="all"),
            "help": starting(["-c", HELP], directory),
        }
        times = interleave(runs, 3 if quick else 40)
    base = f"`python -S -c pass` takes {times.best('pass') * 1e3:.1f} ms"
    yield times.result("start-time", lambda t: added(t, "time"), base)
    yield times.result("start-all", lambda t: added(t, "all"))
    yield times.result("start-off", lambda t: added(t, "off"))
    yield times.result("start-help", lambda t: t.best("help") * 1e3, "the whole process")


def added(times: Times, name: str) -> float:
    """Milliseconds more than the program takes without marks."""
    return (times.best(name) - times.best("unmarked")) * 1e3
