"""Feeds damaged captures to all commands of `prof`: none may crash, hang, show a traceback, or eat the memory.

    python -m tests.attack.fuzz COUNT [SEED] [--reader]

makes COUNT mutants and gives each to all commands, or, with --reader, to the C reader alone, which is much faster. What
goes wrong is printed, and the mutants are kept. Exit status 1 if anything did.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, field
from prof.capture import Capture, open_capture
from prof.errors import ProfError
from prof.modes import MEASURES
from prof.tools.cli import main

from tests.attack.mutants import mutants

SECONDS = 10
MEMORY = 1 << 30
PROGRAM = Path(__file__).parent / "program.py"
COMMANDS = (
    ["report"],
    ["report", "--tree", "--lines", "--sort", "samples"],
    ["report", "--sort", "ops", "--limit", "0"],
    ["report", "--callers", "leaf"],
    ["report", "--source", "program.py"],
    ["report", "--format", "json", "--limit", "0"],
    ["report", "--format", "html"],
    ["folded"],
    ["folded", "--mode", "ops", "--category", "call"],
    ["flamegraph"],
    ["flamechart"],
    ["export", "--format", "chrome"],
    ["export", "--format", "perfetto"],
    ["flamegraph", "--mode", "memory-summary"],
    ["inspect", "--chunks"],
    ["report", "GOOD"],
    ["report", "GOOD", "--format", "json"],
    ["folded", "GOOD"],
    ["diff", "GOOD"],
    ["diff", "GOOD", "--format", "json"],
)
STATUSES = (0, 1, 2, 3)


def record(folder: Path) -> list[Path]:
    """Real captures of a small program: each mode apart, all together, and killed."""
    for number, modes in enumerate(
        (
            "time",
            "memory,,,true",
            "ops",
            "samples",
            "all,,,true",
            "all,,,true,depth=8,nodes=40",
            "time,trace=64kB,keep=last",
        )
    ):
        parts = modes.split(",", 1)
        target = folder / str(number)
        settings = ",".join([parts[0], str(target), *parts[1:]]).replace(",,,true", ",,true")
        environment = os.environ | {"PROF": settings}
        for end in ("", "kill"):
            subprocess.run(
                [sys.executable, str(PROGRAM), end], env=environment, capture_output=True, timeout=60, check=False
            )
    found = sorted(folder.rglob("*.capture"))
    assert len(found) >= 12, found
    return found


def read_all(capture: Capture) -> None:
    """All that the C reader can be asked."""
    for thread in (-1, *range(min(4, len(capture.threads)))):
        tree = capture.tree(thread)
        functions = capture.functions(tree)
        capture.edges(tree)
        capture.lines(tree)
        capture.lines_in_spans(tree, "alloc_bytes", 1000)
        for measure in MEASURES.values():
            tree.select(measure.column, 1)
        with open(os.devnull, "wb") as null:
            capture.write_folded(tree, "self_ns", null.fileno())
        for stacks in (capture.stacks(tree), capture.stacks(tree, lines=True)):
            stacks.inclusive("samples")
        if tree.operations is not None:
            for by in ("line", "expression", "branch", "name", "callee", "call"):
                tree.operations.sites(by, apart=by in ("line", "expression"))
            tree.operations.operands()
        assert functions is not None
    capture.events()
    assert (
        capture.types is not None
        and capture.series is not None
        and capture.process is not None
        and capture.sources is not None
    )


@define
class Campaign:
    """What became of the mutants."""

    folder: Path
    good: Path
    reader: bool = False
    statuses: Counter[str] = field(factory=Counter)
    findings: list[str] = field(factory=list)
    slowest: float = 0.0

    def attack(self, raw: bytes, number: int) -> None:
        """One mutant through all of it."""
        path = self.folder / "mutant.capture"
        path.write_bytes(raw)
        if self.reader:
            self._guarded("reader", number, raw, lambda: self._read(path))
            return
        for command in COMMANDS:
            words = [str(self.good) if word == "GOOD" else word for word in command]
            output = [] if words[0] in ("inspect",) else ["-o", str(self.folder / "out")]
            self._guarded(" ".join(words), number, raw, lambda w=words, o=output: _run([*w, str(path), *o]))  # type: ignore[misc]

    def _read(self, path: Path) -> str:
        try:
            with open_capture(path) as capture:
                read_all(capture)
        except ProfError as error:
            assert "\n" not in str(error)
            return "refused"
        return "read"

    def _guarded(self, name: str, number: int, raw: bytes, work: Callable[[], str]) -> None:
        begin = time.monotonic()
        signal.alarm(SECONDS)
        try:
            status = work()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            status = type(error).__name__
            kept = self.folder / f"found-{number}.capture"
            kept.write_bytes(raw)
            self.findings.append(f"{name}: {kept}\n{''.join(traceback.format_exception(error)[-4:])}")
        finally:
            signal.alarm(0)
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.statuses[f"{name.split()[0]} {status}"] += 1


def _run(words: list[str]) -> str:
    err, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        try:
            status: Any = main(words)
        except SystemExit as end:
            status = end.code
    assert status in STATUSES, f"status {status}: {err.getvalue()[-300:]}"
    assert status != 3 or err.getvalue().count("\n") == 1, err.getvalue()
    return str(status)


class Slow(Exception):
    """It took longer than it may."""


def _alarm(*_: object) -> None:
    raise Slow(f"longer than {SECONDS} s")


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Within these a hang is an exception, and so is memory without end."""
    before, memory = signal.signal(signal.SIGALRM, _alarm), resource.getrlimit(resource.RLIMIT_AS)
    if memory[1] == resource.RLIM_INFINITY or memory[1] >= MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, memory[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, memory)
        signal.signal(signal.SIGALRM, before)


def run(count: int, seed: int, folder: Path, reader: bool = False) -> Campaign:
    """The campaign."""
    paths = record(folder / "good")
    work = folder / "work"
    work.mkdir()
    campaign = Campaign(work, paths[0], reader)
    captures = [path.read_bytes() for path in paths]
    with limits():
        for number, raw in enumerate(mutants(captures, count, seed)):
            (work / "number").write_text(f"{seed} {number}\n")  # for who finds this process dead
            campaign.attack(raw, number)
    return campaign


def _main(arguments: list[str]) -> int:
    reader = "--reader" in arguments
    numbers = [int(word) for word in arguments if word != "--reader"]
    count, seed = [*numbers, 300, 1][:2] if len(numbers) < 2 else numbers[:2]
    if len(numbers) == 1:
        count, seed = numbers[0], 1
    folder = Path(tempfile.mkdtemp(prefix="prof-fuzz-"))
    begin = time.monotonic()
    campaign = run(count, seed, folder, reader)
    for finding in campaign.findings:
        print(finding)
    print(f"{count:,} mutants in {time.monotonic() - begin:.0f} s, slowest {campaign.slowest:.2f} s")
    print(", ".join(f"{name}: {number:,}" for name, number in sorted(campaign.statuses.items())))
    print(f"{len(campaign.findings)} findings, seed {seed}, in {folder}")
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
