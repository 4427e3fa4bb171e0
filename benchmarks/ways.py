"""Ways in: a program that is not edited beside the same one edited, and a process that is recorded while it runs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from benchmarks.contenders import environment
from benchmarks.figures import Result
from benchmarks.rounds import Times, interleave

# Calls of own functions, and some that do more; it says how long it took, without its start and end.
WORK = """
import sys, time
def leaf(n): return n + 1
def loop(n):
    total = 0
    for i in range(n):
        total += leaf(i)
    return total
def text(n): return len(" ".join(str(i) for i in range(n)))
def main():
    for _ in range(TURNS):
        loop(2000)
        text(500)
start = time.perf_counter()
main()
print(time.perf_counter() - start)
"""
IMPORT = "import time\nstart = time.perf_counter()\nimport libcst\nprint(time.perf_counter() - start)\n"
# Says how long each tenth of a second's work took, until it is ended.
SERVER = (
    WORK.partition("start =")[0]
    + "while True:\n    start = time.perf_counter()\n    main()\n    print(time.perf_counter() - start, flush=True)\n"
)


def said(command: list[str], folder: Path, **variables: str) -> Callable[[], float]:
    """What the program says that it took, in seconds."""

    def run() -> float:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=environment() | variables,
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout.splitlines()[-1])

    return run


def measure(quick: bool) -> Iterator[Result]:
    """Results of the group."""
    with tempfile.TemporaryDirectory(prefix="prof-bench-") as name:
        folder = Path(name)
        (folder / "edited").mkdir()
        text = WORK.replace("TURNS", "20" if quick else "200")
        for path in (folder / "app.py", folder / "edited" / "app.py"):
            path.write_text(text)
        (folder / "imports.py").write_text(IMPORT)
        edit = "from prof.instrument.cli import instrument_main as main; main()"
        subprocess.run([sys.executable, "-c", edit, "edited"], cwd=folder, check=True, capture_output=True)
        run = ["-m", "prof", "run", "--modes", "time"]
        runs = {
            "run": said([*run, "app.py"], folder),
            "edited": said(["edited/app.py"], folder, PROF="time"),
            "import": said(["imports.py"], folder, PYTHONDONTWRITEBYTECODE=""),
            "import-run": said([*run, "--instrument", "libcst.*", "imports.py"], folder, PYTHONDONTWRITEBYTECODE=""),
        }
        times = interleave(runs, 2 if quick else 12)
        yield times.result("run-program", lambda t: t.best("run") / t.best("edited"))
        yield from standing_by(folder, quick)
        yield times.result("run-import", lambda t: t.best("import-run") / t.best("import"), "libcst, all of it")
        yield from attaching(folder, quick)


def standing_by(folder: Path, quick: bool) -> Iterator[Result]:
    """In one process, before and after it is on standby: what else a process has imported moves a tight loop by some
    5 %, whatever that was."""
    (folder / "standby.py").write_text(
        WORK.partition("start =")[0].replace("TURNS", "1")
        + """
def best():
    found = 1e9
    for _ in range(ROUNDS):
        start = time.perf_counter()
        main()
        found = min(found, time.perf_counter() - start)
    return found
import prof._core
from prof import standby
best()
before = best()
standby.begin()
print(best() / before)
""".replace("ROUNDS", "50" if quick else "2000")
    )
    run = said(["standby.py"], folder)
    times = Times({"standby": [run() for _ in range(1 if quick else 7)]})
    yield times.result("standby", lambda t: sorted(t.seconds["standby"])[len(t.seconds["standby"]) // 2])


def attaching(folder: Path, quick: bool) -> Iterator[Result]:
    """Of a process that runs already."""
    (folder / "server.py").write_text(SERVER.replace("TURNS", "2" if quick else "20"))
    rounds = [attached(folder, quick) for _ in range(1 if quick else 5)]
    times = Times({name: [each[name] for each in rounds] for name in rounds[0]})
    yield times.result("attach", lambda t: t.best("attach") * 1e3, "with the import of the recorder, which comes once")
    yield times.result("detach", lambda t: t.best("after") / t.best("before"))


def attached(folder: Path, quick: bool) -> dict[str, float]:
    """Seconds of a turn before and after, and of what `prof attach` waits for."""
    from prof.tools.commands.choosing import choice
    from prof.tools.commands.remote import ask

    chosen = choice(_Options(), [str(folder)], first=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "prof", "run", "--standby", "server.py"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        turns = 3 if quick else 20
        before = [float(process.stdout.readline()) for _ in range(turns)]
        start = perf_counter()
        ask(process.pid, "begin", settings=f"time,{folder}", choice=chosen)
        took = perf_counter() - start
        sleep(0.2)
        ask(process.pid, "end")
        process.stdout.readline()
        for _ in range(turns):  # what it has said meanwhile
            process.stdout.readline()
        after = [float(process.stdout.readline()) for _ in range(turns)]
    finally:
        process.kill()
        process.communicate()
    return {"attach": took, "before": min(before), "after": min(after)}


class _Options:
    """The command line's, with nothing said."""

    sections: Any = None
    instrument: Any = ()
    target: Any = ()
    all = stdlib = project = False
