"""The Profiler object: sessions, spans, metrics, collectors and reports, asked for by the program itself.

It is a thin face over the one recording of the process. Where one runs already, because PROF asked for it or another
Profiler has begun it, a Profiler joins that: its spans and metrics are recorded there, and its `stop` ends nothing.
"""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from prof import engine as engines
from prof import session as recordings
from prof.configuration import ProfilerConfig, config_of
from prof.errors import UsageError
from prof.messages import say
from prof.modes import known
from prof.own_imports import own_imports, own_work

if TYPE_CHECKING:
    from types import TracebackType

    from prof.reporting import Report

T = TypeVar("T")
Number = int | float
DEFAULT_MODES = "time"
TEXT = "text"
BLOCK = "time+samples"
"""What a block records unless told otherwise: samples show where its time went even where nothing is marked."""


class Span(Protocol):
    """What `Profiler.span` returns. It begins with its `with` block, or with `begin()`."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def duration_ns(self) -> int | None:
        """What it took, without the time that it was suspended; None until it has ended."""

    def begin(self) -> Span: ...
    def end(self) -> None: ...
    def record(self, name: str, value: Number) -> None:
        """Adds a value of a metric to the span. A metric is its count, sum, least and most; sums of integers are
        exact."""

    def __enter__(self) -> Span: ...
    def __exit__(self, *exception: object) -> None: ...


class Collector:
    """Something that measures what no mode does. Any object with some of these methods is one.

    What it measures, it records as metrics. One that raises is told of, and left out from then on.
    """

    def start(self, profiler: Profiler) -> None:
        """A session begins."""

    def start_span(self, span: Span) -> None:
        """A span of the profiler begins."""

    def end_span(self, span: Span) -> None:
        """It ends: `span.duration_ns` is known, and `span.record` still adds to it."""

    def totals(self) -> dict[str, Number]:
        """Metrics of the whole session, asked for as it ends."""
        return {}

    def reset(self) -> None:
        """What was collected is to be forgotten."""


class _NoSpan:
    """What `span` returns while the profiler does not record."""

    __slots__ = ("kind", "name")
    duration_ns = None

    def __init__(self, name: str, kind: str | None) -> None:
        self.name, self.kind = name, kind or "profile"

    def begin(self) -> _NoSpan:
        return self

    def end(self) -> None:
        return None

    def record(self, name: str, value: Number) -> None:
        return None

    __enter__ = begin

    def __exit__(self, *exception: object) -> None:
        return None


class Profiler:
    """Records from `start` to `stop`, or in a `with` block; again and again, each time a session of its own.

    `config` is a `ProfilerConfig`, or what PROF would hold (`"time+memory,out"`). What it does not say, pyproject.toml
    says; without modes, times are recorded. Methods may be called from any thread. Raises UsageError for a mistake, and
    OutputError where the capture cannot be written.
    """

    def __init__(self, config: ProfilerConfig | str | None = None) -> None:
        self.config = config_of(config)
        self.sessions: dict[str, Path] = {}
        """The captures of its sessions, by name; of several of one name, the last one's. Those that it joined, too."""
        self.files: list[Path] = []
        """What its last session has written; nothing where it had joined another's."""
        self._running: Any = None
        self._owns = False
        self._name = ""
        self._collectors: list[Any] = []
        self._started: list[Callable[[Profiler], object]] = []
        self._stopped: list[Callable[[Profiler], object]] = []
        self._ended: list[Callable[[Span], object]] = []

    # ---- sessions ----

    @property
    def running(self) -> bool:
        """Whether it records."""
        return self._running is not None

    @property
    def joined(self) -> bool:
        """Whether it records into a session that another one has begun."""
        return self._running is not None and not self._owns

    def start(self, name: str = "", quiet: bool = False) -> Profiler:
        """Begins a session; `name` is what reports and its files are called, the program's unless it is given. At its
        end it says what it has written, unless it is `quiet`.

        Where a recording runs, it joins that. UsageError where this profiler has a session that runs.
        """
        if self._running is not None:
            raise UsageError(f"this profiler records already: stop its session {self._name!r} first")
        current = engines.running()
        if current is None or current.pid != os.getpid():
            settings = self.config.settings(DEFAULT_MODES)
            if not settings.modes:
                raise UsageError(f"modes=none: there is nothing to record; known: {known()}")
            self._owns = recordings.begin(settings, self._described(), title=name) is not None
            _end_with_the_program()
        self._running = engines.running()
        self._running.quiet |= quiet and self._owns
        self._name = name or self._running.name
        self._note()
        self._arm()
        self._tell("start", self._started, self)
        return self

    def _described(self) -> str:
        """The settings as the capture says them."""
        return ", ".join(f"{name}={value}" for name, value in self.config.given().items())

    def _note(self) -> None:
        self.sessions[self._name] = Path(f"{self._running.base}.capture")

    def stop(self) -> list[Path]:
        """Ends the session and returns the files that it has written. Without one, or where it has joined another's, it
        ends nothing and returns an empty list."""
        if self._running is None:
            return []
        self._record_totals()
        running, owns = self._running, self._owns
        self._disarm()
        self._running, self._owns = None, False
        if owns:
            # In a forked child, the session that goes on there with what was begun in its parent.
            self.files = running.stop() if running.pid == os.getpid() else recordings.stop()
        else:
            self.files = []
        self._tell("", self._stopped, self)
        return self.files

    def reset(self) -> None:
        """Forgets what the running session has recorded, and goes on; the capture that it wrote is gone. Collectors are
        told. Without a session, forgets the earlier ones' names. UsageError where it has joined another's session."""
        if self.joined:
            raise UsageError("reset: the recording was begun elsewhere, and is not this profiler's to forget")
        if self._running is None:
            self.sessions.clear()
            self.files = []
        else:
            running = self._running
            running.discard()
            recordings.begin(running.settings, running.text, title=running.title)
            self._running = engines.running()
            self._note()
        self._tell("reset", ())

    def __enter__(self) -> Profiler:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- spans and metrics ----

    def span(self, name: str, kind: str | None = None) -> Span:
        """A span of that name, for a `with` block. It is recorded and reported as a section is, as `kind!name` where a
        kind is given. While the profiler does not record, it does nothing."""
        return _NoSpan(name, kind)

    def record(self, name: str, value: Number) -> None:
        """Adds a value of a metric to the innermost span that is open in this thread: of this profiler, a section, or a
        marked function; outside all, to the session. Metrics whose names end in `_ns` and `_bytes` are shown as times
        and sizes."""

    def _arm(self) -> None:
        """While it records, `span` and `record` are the C core's: no Python frame is between the program and them."""
        begins = any(hasattr(each, "start_span") for each in self._collectors)
        ends = self._ended or any(hasattr(each, "end_span") for each in self._collectors)
        spans = engines.probes().spans(self._begun if begins else None, self._end_of if ends else None)
        self._spans = spans
        vars(self).update(span=spans, record=spans.record)

    def _disarm(self) -> None:
        for name in ("span", "record"):
            vars(self).pop(name, None)

    def _begun(self, span: Span) -> None:
        self._tell("start_span", (), span)

    def _end_of(self, span: Span) -> None:
        self._tell("end_span", self._ended, span)

    # ---- collectors and hooks ----

    def add(self, collector: T) -> T:
        """Adds a collector, from now on; see `Collector`. Returns it. UsageError for what has none of its methods."""
        names = ("start", "start_span", "end_span", "totals", "reset")
        if not any(callable(getattr(collector, name, None)) for name in names):
            raise UsageError(f"a collector has one of the methods {', '.join(names)}: {collector!r} has none")
        self._collectors.append(collector)
        if self._running is not None:
            self._arm()
            self._tell_one(collector, "start", self)
        return collector

    def on_start(self, hook: Callable[[Profiler], object]) -> Callable[[Profiler], object]:
        """Calls `hook` with the profiler as each session begins. Returns it: may be used as a decorator, like the next
        two."""
        self._started.append(hook)
        return hook

    def on_stop(self, hook: Callable[[Profiler], object]) -> Callable[[Profiler], object]:
        """Calls `hook` with the profiler when a session has ended, and `files` are written."""
        self._stopped.append(hook)
        return hook

    def on_span_end(self, hook: Callable[[Span], object]) -> Callable[[Span], object]:
        """Calls `hook` with each span of this profiler as it ends."""
        self._ended.append(hook)
        if self._running is not None:
            self._arm()
        return hook

    def _tell(self, method: str, hooks: Any, *arguments: Any) -> None:
        """Calls a method of each collector that has it, and the hooks."""
        for collector in list(self._collectors) if method else ():
            self._tell_one(collector, method, *arguments)
        for hook in list(hooks):
            self._guarded(hook, hook, *arguments)

    def _tell_one(self, collector: Any, method: str, *arguments: Any) -> Any:
        found = getattr(collector, method, None)
        return self._guarded(collector, found, *arguments) if found is not None else None

    def _guarded(self, whose: Any, function: Any, *arguments: Any) -> Any:
        """Calls it. The program goes on without one that raises."""
        try:
            return function(*arguments)
        except Exception as error:
            name = getattr(whose, "__qualname__", type(whose).__qualname__)
            say(f"{name} is left out from now on: {type(error).__name__}: {' '.join(str(error).split())}")
            lists: tuple[list[Any], ...] = (self._collectors, self._started, self._stopped, self._ended)
            for where in lists:
                where[:] = [each for each in where if each is not whose]
        return None

    def _record_totals(self) -> None:
        for collector in list(self._collectors):
            found = self._tell_one(collector, "totals")
            for name, value in dict(found or {}).items():
                self._guarded(collector, self._spans.total, name, value)

    # ---- reports ----

    def snapshot(self, session: str | None = None) -> Report:
        """What was recorded so far, without ending the session; or of an earlier session, by its name.

        The report is that of a copy, and stays as it is: `report.functions`, `report.tree`, `report.summary`,
        `report.capture`. UsageError where nothing was recorded.
        """
        with own_work(), own_imports():
            from prof import reporting

        name = self._known(session)
        running = self._running
        # A forked child's own session begins with its first span.
        if running is not None and name == self._name and (current := engines.running()) is not None:
            return reporting.snapshot(Path(f"{current.base}.capture"))
        return reporting.finished(self.sessions[name])

    def _known(self, name: str | None) -> str:
        if name is None and self.sessions:
            return self._name if self._name in self.sessions else next(reversed(self.sessions))
        if name is None:
            raise UsageError("nothing was recorded yet: start the profiler first")
        if name not in self.sessions:
            raise UsageError(f"no session {name!r}; known: {', '.join(map(repr, self.sessions)) or 'none yet'}")
        return name

    def generate_report(self, format: str = TEXT, session: str | None = None, **wanted: Any) -> str:
        """The report of the session, or of an earlier one: as `text`, `json`, `html`, `markdown`, or another.

        `wanted` is what `prof report` has options for: `sort`, `limit`, `depth`, `min_percent`, `lines`, `width`, and
        `part` with a `name`. UsageError for a format that there is not.
        """
        with own_work(), own_imports():
            from prof import reporting

        report = self.snapshot(session)
        with report.capture:
            return reporting.rendered(report, format, **wanted)


@functools.cache
def _end_with_the_program() -> None:
    """A session that is still open when the program ends is written as if it had been stopped."""
    atexit.register(recordings.end)


class _Block:
    """A block that is measured, and leaves a report."""

    def __init__(self, name: str, config: ProfilerConfig | str, format: str) -> None:
        self.name = name
        self.format = format
        self.profiler = Profiler(config)
        self.files: list[Path] = []
        """What it has written, the report among it; nothing where a recording ran already."""

    def __enter__(self) -> _Block:
        self.profiler.start(self.name)
        self._span = self.profiler._spans(self.name, "block", 1).begin()  # of the caller: so samples find its frame
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._span.end()
        self.files = self.profiler.stop()
        if not self.files:
            return
        with own_work(), own_imports():
            from prof import reporting

        try:
            report = reporting.written(self.files[-1], self.format)
        except Exception as problem:  # of the report: the block's own outcome is the program's
            say(f"no report of {self.name}: {type(problem).__name__}: {problem}")
        else:
            self.files.append(Path(report))
            say(f"wrote {report}")

    def record(self, name: str, value: Number) -> None:
        """Adds a value of a metric to the block."""
        self._span.record(name, value)

    def __call__(self, function: T) -> T:
        """The function, each of whose calls is such a block."""
        from prof import enabled

        wrapper: T = enabled.enabled(function, lambda: _Block(self.name, self.profiler.config, self.format))
        return wrapper


@overload
def block(name: str = "block", config: ProfilerConfig | str = BLOCK, *, format: str = TEXT) -> _Block: ...
@overload
def block(name: T) -> T: ...


def block(name: Any = "block", config: ProfilerConfig | str = BLOCK, *, format: str = TEXT) -> Any:
    """`with prof.block("task"):` or `@prof.block`: measures one block, or each call of a function, and leaves a report.

    Beside the capture `task-….capture` there is `task-….txt`, or what else `format` says. `config` is what a `Profiler`
    takes: times and samples unless it is given. Where a recording runs already, the block is a span in that.
    """
    if format != TEXT:
        with own_work(), own_imports():
            from prof.reporting import check_format

        check_format(format)
    if isinstance(name, str):
        return _Block(name, config, format)
    return _Block(getattr(name, "__name__", "block"), config, format)(name)
