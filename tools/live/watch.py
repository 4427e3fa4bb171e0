"""Watches captures that are being written: what they grow by in each interval, and what becomes of the processes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import Factory, define, frozen
from prof.capture import captures_in
from prof.errors import InputError
from prof.runs import newest_run, origin_of
from prof.tools.analysis.fate import FATES, fate, fate_of
from prof.tools.live.readings import Amount, Reading, Row, amounts, read, rows
from prof.tools.live.threads import Look, Thread, of_process
from prof.tools.screen.units import many

# Of a run of many processes, the threads of so many are looked at.
MOST_PROCESSES = 4
# Reading takes time of a processor, which the program may want: an interval lasts so many times as long, or longer.
_SHARE = 10


@frozen
class ProcessNow:
    """A process: what became of it, and how much of a processor it had since the last interval; 0 of one that has
    ended. Its threads are not known where its memory may not be read, and `why` says so."""

    pid: int
    state: str
    """`running`, `closed`, or what `fate` has."""
    rss_bytes: int
    cpu_share: float
    threads: list[Thread]
    tasks: list[str]
    why: str = ""


@frozen
class Interval:
    """What happened between two moments."""

    unix_ns: int
    seconds: float
    """How long it was."""
    recorded_ns: int
    """How long the program has been recorded."""
    amounts: list[Amount]
    rows: list[Row]
    """Of the last `row_seconds`."""
    row_seconds: float
    processes: list[ProcessNow]
    thread_names: dict[int, str]
    """By the kernel's number, as the program names them."""
    live_bytes: int
    """What the program held of what it allocated; 0 where that was not recorded."""
    dropped: int
    news: list[str]
    running: bool
    """Whether any of the processes goes on."""


@define
class Target:
    """What is watched: the newest run in a folder, or one capture."""

    given: Path

    def paths(self) -> list[Path]:
        """The captures, as they are now. Raises InputError where there is none."""
        return newest_run(self.given)[0] if self.given.is_dir() else [self.given]

    @property
    def folder(self) -> Path:
        return self.given if self.given.is_dir() else self.given.parent


@define
class Watch:
    """One view of a target. `window` is how many seconds back rows go."""

    target: Target
    look: Look
    tasks: Callable[[int], list[str]]
    window: float = 5.0
    _past: deque[Reading] = Factory(deque)
    _cpu: dict[int, tuple[int, int]] = Factory(dict)
    _fates: dict[int, str] = Factory(dict)
    _known: set[str] = Factory(set)
    _folder_state: int = 0

    def intervals(self, interval: float, wait: Callable[[float], bool]) -> Iterator[Interval]:
        """The intervals, each once it is over, until no process goes on. `wait` waits so many seconds; False ends it.
        Raises InputError."""
        self._keep(read(self.target.paths()))
        self._fates_now(self._past[-1])
        self._children()
        for pid in self._fates:
            self._share(pid, of_process(pid).cpu_ns)
        pause = interval
        while not self._running() or wait(pause):
            begun, used = time.monotonic(), time.process_time()
            yield self._interval()
            if not self._running():
                return
            used = time.process_time() - used
            pause = max(interval - (time.monotonic() - begun), _SHARE * used, 0.02)

    def close(self) -> None:
        """Lets go of the captures."""
        while self._past:
            self._past.pop().close()

    @property
    def has_read(self) -> bool:
        """Whether anything was read, so that there is a `newest`."""
        return bool(self._past)

    @property
    def newest(self) -> Reading:
        """What was read last."""
        return self._past[-1]

    def _running(self) -> bool:
        return any(state in ("running", "recording") for state in self._fates.values())

    def _keep(self, reading: Reading) -> None:
        self._past.append(reading)
        oldest = reading.at_ns - int(self.window * 1e9)
        while len(self._past) > 2 and self._past[1].at_ns <= oldest:
            self._past.popleft().close()

    def _interval(self) -> Interval:
        before, after = self._past[-1], read(self.target.paths())
        self._keep(after)
        news = [*self._fates_now(after), *self._children()]
        first = self._past[0]
        return Interval(
            unix_ns=time.time_ns(),
            seconds=(after.at_ns - before.at_ns) / 1e9,
            recorded_ns=self._recorded_ns(after),
            amounts=list(amounts(before, after)),
            rows=rows(first, after),
            row_seconds=(after.at_ns - first.at_ns) / 1e9,
            processes=list(self._processes()),
            thread_names={thread.native_id: thread.name for thread in after.capture.threads},
            live_bytes=after.moment.live_bytes if after.moment else 0,
            dropped=after.dropped,
            news=news,
            running=self._running(),
        )

    def _recorded_ns(self, reading: Reading) -> int:
        """Since the recording began: a program that waits writes nothing meanwhile."""
        capture = reading.capture
        return max(capture.duration_ns, time.time_ns() - capture.start_unix_ns if self._running() else 0)

    def _fates_now(self, reading: Reading) -> list[str]:
        """Notes what has become of the processes since, and says it."""
        capture = reading.capture
        now = {process.pid: fate_of(process, process.host) for process in capture.processes}
        now = now or {capture.pid: fate(capture)}
        news = []
        for pid, state in now.items():
            if state != (before := self._fates.get(pid)):
                if before is None and self._fates:
                    news.append(f"process {pid} has begun to record")
                if state != "running" and before is not None:
                    news.append(f"process {pid}: {words_of(state)}")
        self._fates = now
        return news

    def _children(self) -> list[str]:
        """What began beside the captures since, and says that one of these processes began it."""
        try:
            state = os.stat(self.target.folder).st_mtime_ns
            if state == self._folder_state or self.target.given.is_dir():
                return []
            self._folder_state = state
            found = [path for _, path in captures_in(self.target.folder) if path.name not in self._known]
        except (InputError, OSError):
            return []
        first = not self._known
        self._known.update(path.name for path in found)
        return [] if first else [words for path in found if (words := self._child(path))]

    def _child(self, path: Path) -> str:
        try:
            begun = origin_of(path)
        except InputError:
            return ""
        if begun.parent not in self._fates or begun.own is None:
            return ""
        return f"process {begun.parent} began {begun.own[1]}, which records into {path.name}"

    def _processes(self) -> Iterator[ProcessNow]:
        running = [pid for pid, state in self._fates.items() if state == "running"]
        for pid, state in self._fates.items():
            if state != "running":
                yield ProcessNow(pid, state, 0, 0.0, [], [])
                continue
            now = of_process(pid)
            share = self._share(pid, now.cpu_ns)
            threads, tasks, why = self._looked(pid) if pid in running[:MOST_PROCESSES] else ([], [], "")
            yield ProcessNow(pid, state, now.rss_bytes, share, threads, tasks, why)

    def _share(self, pid: int, cpu_ns: int) -> float:
        """How much of a processor it had since it was asked before."""
        now = time.monotonic_ns()
        cpu, since = self._cpu.get(pid, (cpu_ns, now))
        self._cpu[pid] = cpu_ns, now
        return max(0, cpu_ns - cpu) / (now - since) if now > since else 0.0

    def _looked(self, pid: int) -> tuple[list[Thread], list[str], str]:
        try:
            return self.look(pid), self.tasks(pid), ""
        except InputError as error:
            return [], [], str(error)


def words_of(state: str) -> str:
    """What became of a process."""
    return "has ended" if state == "closed" else FATES.get(state, state)


def summary(fates: Sequence[ProcessNow]) -> str:
    """The processes, in a word or two."""
    if len(fates) == 1:
        return f"process {fates[0].pid}, {words_of(fates[0].state)}"
    running = sum(each.state == "running" for each in fates)
    return f"{many(len(fates), 'process', 'es')}, {running} running"
