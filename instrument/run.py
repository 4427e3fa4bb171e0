"""From one file to its outcome, and from many files to a stream of outcomes, in one process or several."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from threading import Thread

from attrs import Factory, frozen
from prof.errors import OutputError

from .codemod import Result, instrument, uninstrument
from .files import Target
from .plan import Options
from .refusal import Refusal
from .replace import read, replace
from .rules import MYPYC
from .shadow import compiler

# Below this many files for each process, starting the process costs more than it saves.
FILES_PER_JOB = 60
INSTRUMENT, UNINSTRUMENT = "instrument", "uninstrument"


@frozen
class Task:
    """What to do with each file: `write` it, unless for --check or --diff; `keep` its bytes for a diff."""

    action: str
    sections: frozenset[str] = frozenset()
    write: bool = True
    keep: bool = False


@frozen
class Outcome:
    """What became of one file. `refused` holds (line, reason), line 0 for the whole file; `failed` says that
    the output, not the input, was the trouble."""

    path: str
    changed: bool = False
    functions: int = 0
    sections: int = 0
    skipped: Counter[str] = Factory(Counter)
    refused: tuple[tuple[int, str], ...] = ()
    warnings: tuple[tuple[int, str], ...] = ()
    edited: bool = False
    failed: bool = False
    before: bytes = b""
    after: bytes = b""


def transform(data: bytes, task: Task, options: Options) -> Result:
    """The file's new bytes. Raises `Refusal`."""
    return instrument(data, options) if task.action == INSTRUMENT else uninstrument(data)


def process(target: Target, task: Task) -> Outcome:
    """Edit one file, or find out what editing it would do. Never raises for what a file may be."""
    mypyc = compiler(os.path.dirname(target.real))[1] == "mypyc"
    rules = (*target.settings.rules, MYPYC) if mypyc else target.settings.rules
    options = Options(task.sections or target.settings.sections, rules, binds=mypyc)
    try:
        seen = read(target.real)
        result = transform(seen.data, task, options)
        changed = result.data != seen.data
        if changed and task.write:
            replace(target.real, seen, result.data)
    except Refusal as e:
        return Outcome(target.path, refused=((e.line, e.reason),))
    except OutputError as e:
        return Outcome(target.path, refused=((0, str(e)),), failed=True)
    kept = (seen.data, result.data) if changed and task.keep else (b"", b"")
    return outcome(target.path, result, changed, *kept)


def outcome(path: str, result: Result, changed: bool, before: bytes = b"", after: bytes = b"") -> Outcome:
    """The outcome of a transformation that succeeded."""
    return Outcome(
        path,
        changed,
        result.functions,
        result.sections,
        result.skipped,
        result.refused,
        result.warnings,
        result.edited,
        False,
        before,
        after,
    )


def process_many(targets: Sequence[Target], task: Task, jobs: int | None) -> Iterator[Outcome]:
    """The outcomes in the order of `targets`. `jobs=None`: as many processes as there are processors and
    files to keep them busy. Raises `OutputError` if a process dies; every file is then whole, old or new."""
    if jobs is None:
        jobs = min(len(os.sched_getaffinity(0)), len(targets) // FILES_PER_JOB)
    if jobs <= 1:
        with _without_collector():
            yield from map(partial(process, task=task), targets)
        return
    try:
        with ProcessPoolExecutor(jobs, initializer=_begin_worker) as pool:
            chunk = max(1, min(16, len(targets) // (jobs * 4)))
            yield from pool.map(partial(process, task=task), targets, chunksize=chunk)
    except BrokenProcessPool:
        raise OutputError("a worker process died; no file is damaged: run again, with --jobs 1 if it repeats") from None


def _begin_worker() -> None:
    gc.disable()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Who is killed cannot end its workers: they would wait for files for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _without_collector() -> Iterator[None]:
    # Trees have no cycles; looking for some takes a quarter of the time of parsing.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
