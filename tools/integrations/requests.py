"""One request of a web server, recorded when it is asked for: who may ask, what is recorded, and where it is kept.

Nothing of this is on unless the program names a secret, says that all may ask, or asks for one request in so many: the
servers that know none of these run the application itself. `wsgi.py` and `asgi.py` are the two ways in.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import random
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from prof import engine as engines
from prof.configuration import ProfilerConfig, config_of
from prof.errors import InputError, OutputError, ProfError, UsageError
from prof.messages import say
from prof.own_imports import own_imports, own_work
from prof.plain_json import dumps
from prof.profiler import BLOCK, Profiler
from prof.tools.integrations.chosen import Chosen, choice_of

T = TypeVar("T")
VARIABLE = "PROF_SECRET"
HEADER = "X-Prof"
QUERY = "prof"
SHORTEST_SECRET = 16
LONGEST_NAME = 200
KIND = "request"
ABOUT = "about.json"
CAPTURE = "request.capture"
BUSY = "other requests have been recorded together for long: ask again when they have ended"
RUNNING = ".running"
FORGOTTEN = 86_400.0
"""Seconds after which what has not ended is taken to be left by a process that was killed."""
MOST_SHARING = 100
"""Requests that one recording has at most, where they run beside each other."""
PATIENCE = 3.0
"""Seconds that a page waits for the end of its request: browsers ask for it as soon as they have the response."""


class Options(TypedDict, total=False):
    """What `prof.wsgi` and `prof.asgi` may be told."""

    secret: str | None
    """Who knows it may have requests recorded, and see their pages. PROF_SECRET of the environment unless given."""
    open_to_all: bool
    """Everybody may, as on a developer's machine: `open_to_all=app.debug`."""
    every: int
    """Records one request in so many, whoever sends it; 0: none."""
    config: ProfilerConfig | str
    """What is recorded, as for a `Profiler`: times and samples unless given."""
    instrument: Sequence[str]
    """Modules whose functions get probes, as of `prof run --instrument`; the project's unless given."""
    project: str
    """A folder of the project; the working directory unless given."""
    directory: str
    """Where records are kept: a folder that is this user's alone, made if need be."""
    keep: int
    """How many records are kept."""
    prefix: str
    """Where the pages are."""
    longest: float
    """Seconds after which the recording of a request ends, though the request goes on."""


class Requests:
    """What the two middlewares share. Raises UsageError for options that make no sense."""

    def __init__(
        self,
        *,
        secret: str | None = None,
        open_to_all: bool = False,
        every: int = 0,
        config: ProfilerConfig | str = BLOCK,
        instrument: Sequence[str] = (),
        project: str = "",
        directory: str = "",
        keep: int = 50,
        prefix: str = "/__prof__/",
        longest: float = 60.0,
    ) -> None:
        self._secret = (os.environ.get(VARIABLE, "") if secret is None else secret).encode()
        if self._secret and len(self._secret) < SHORTEST_SECRET:
            raise UsageError(f"a secret of {SHORTEST_SECRET} characters at least is expected: a shorter one is guessed")
        if not prefix.startswith("/") or not prefix.endswith("/") or len(prefix) < 3:
            raise UsageError(f"prefix={prefix!r}: the pages are below a path such as /__prof__/")
        if every < 0 or keep < 1:
            raise UsageError(f"every={every}, keep={keep}: one request in so many, and some are kept")
        self.open_to_all, self.every, self.prefix = open_to_all, every, prefix
        self.config = config_of(config)
        self._chosen = choice_of([instrument] if isinstance(instrument, str) else instrument, folder=project)
        self._directory, self._keep, self._longest = directory, keep, longest
        self._begin_afresh()
        itself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: None if (kept := itself()) is None else kept._begin_afresh())

    def _begin_afresh(self) -> None:
        """Of a process, and of a worker that it forks: its parent's requests are not its own."""
        self._random = random.Random()
        self._lock = threading.Lock()
        self._running = 0
        self._records: set[Record] = set()
        self._recording: Recording | None = None
        self._recordings = threading.Lock()  # begins and ends them

    @property
    def enabled(self) -> bool:
        """Whether anybody can have a request recorded. Where nobody can, there is no middleware."""
        return bool(self._secret or self.open_to_all or self.every)

    # ---- who may ----

    def knows(self, given: str | None) -> bool:
        """Whether that is the secret, or all may."""
        found = (given or "").encode()
        return self.open_to_all or bool(self._secret and hmac.compare_digest(found, self._secret))

    def key(self, of: str) -> str:
        """What opens one record's page, or stands for the secret in a cookie: nobody can make it who has no secret."""
        return hmac.new(self._secret, of.encode(), "sha256").hexdigest()[:32] if self._secret else ""

    def opens(self, of: str, key: str | None) -> bool:
        """Whether that is the key of a record."""
        return self.open_to_all or bool(
            self._secret and hmac.compare_digest((key or "").encode(), self.key(of).encode())
        )

    def concerns(self, path: str, query: str, header: str | None) -> bool:
        """Whether a request may be for us, at a first look: of nearly all there is no second one."""
        return header is not None or QUERY in query or path.startswith(self.prefix)

    def chance(self) -> bool:
        """Whether it is one in so many."""
        return self.every > 0 and self._random.random() * self.every < 1

    def why(self, asked: bool, header: str | None, cookie: str | None, chance: bool) -> str:
        """Why this request is recorded: `header`, `query` or `every`; empty where it is not. `asked`: by `?prof`."""
        if header is not None and self.knows(header):
            return "header"
        if asked and self.opens("cookie", cookie):
            return "query"
        return "every" if chance else ""

    # ---- one request ----

    def enter(self) -> None:
        """A request begins, recorded or not."""
        with self._lock:
            self._running += 1
            for record in self._records:
                record.others += 1

    def leave(self) -> None:
        """It has ended."""
        with self._lock:
            self._running -= 1

    def begin(self, method: str, path: str, why: str) -> Record:
        """Begins the record of a request that has entered. One that cannot be begun says why in `note`."""
        record = Record(self, _name(method, path), why)
        with self._lock:
            self._records.add(record)
            record.others = self._running - 1
        try:
            record.begin()
        except Exception as error:
            record.end()
            record.note = f"not recorded: {error if isinstance(error, ProfError) else type(error).__name__}"
            say(f"request {record.name} is {record.note}")
        return record

    def let_go(self, record: Record) -> None:
        """The record has ended."""
        with self._lock:
            self._records.discard(record)

    def join(self, name: str) -> tuple[Recording | None, str]:
        """The recording of a request that begins, and what its span is called there: the one that others go on in, or a
        new one. Without one: why not."""
        with self._recordings:
            if self._recording is None:
                running = engines.running()
                if running is not None and running.pid == os.getpid():
                    return None, f"the process is recorded as a whole, into {running.base}.capture"
                self._recording = Recording(self, name)
            span = self._recording.join(name)
            return (self._recording, span) if span else (None, BUSY)

    def part(self, recording: Recording, folder: Path) -> None:
        """A request of the recording has ended, and its capture goes into the folder. The last one ends it."""
        with self._recordings:
            if recording.part(folder):
                self._recording = None

    def chosen(self) -> Chosen:
        """What gets probes while a request is recorded."""
        return Chosen(self._chosen)

    @property
    def longest_ns(self) -> int:
        return int(self._longest * 1e9)

    # ---- records on disk ----

    def folder(self) -> Path:
        """Where records are. Raises OutputError where others could write there."""
        path = Path(self._directory or os.path.join(tempfile.gettempdir(), f"prof-requests-{os.getuid()}"))
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = path.lstat()
        except OSError as error:
            raise OutputError(f"cannot make directory {path}: {error.strerror}") from None
        if path.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise OutputError(f"{path} is not this user's alone: others could put records there")
        return path

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        """What has been recorded by all workers: name and what is said of it, the newest first."""
        from json import loads

        found = []
        for each in self.folder().iterdir():
            try:
                found.append((each.name, dict(loads((each / ABOUT).read_text("utf-8")))))
            except (OSError, ValueError):
                continue  # not ended, or just being removed
        return sorted(found, key=lambda row: -row[1].get("began", 0))

    def tidy(self) -> None:
        """Removes what is more than is kept, the oldest first."""
        ages, left = [], []
        for each in self.folder().iterdir():
            try:
                ages.append(((each / ABOUT).stat().st_mtime, each))
            except OSError:
                left.append(each)
        for each in left:
            with contextlib.suppress(OSError):  # it has ended, or been removed
                if each.stat().st_mtime < time.time() - FORGOTTEN:  # its process was killed
                    shutil.rmtree(each, ignore_errors=True)
        for _, old in sorted(ages)[: -self._keep]:
            shutil.rmtree(old, ignore_errors=True)

    def is_record(self, name: str) -> bool:
        """Whether a part of an address can be a record's name: no path leads out of the folder."""
        return len(name) == 16 and all(each in "0123456789abcdef" for each in name)

    def page(self, name: str, render: Callable[[Path], str]) -> str:
        """The page of a record, which `render` makes of its folder. Waits a moment for a record that is being made;
        raises InputError where there is none."""
        folder = self.folder() / name
        until = time.monotonic() + PATIENCE
        while folder.exists() and not (folder / ABOUT).exists() and time.monotonic() < until:
            time.sleep(0.02)
        if not (folder / ABOUT).exists():
            raise InputError("it is still being recorded: ask again" if folder.exists() else "there is no such record")
        return render(folder)


class Recording:
    """What runs while requests are recorded: one at least. Each has a span of its own name in it."""

    def __init__(self, requests: Requests, name: str) -> None:
        self._requests = requests
        self._folder = requests.folder() / f"{secrets.token_hex(8)}{RUNNING}"
        self._folder.mkdir(mode=0o700)
        given = requests.config.given() | {"output": str(self._folder)}
        try:
            self.profiler = Profiler(ProfilerConfig(**given)).start(name, quiet=True)
            self._code = requests.chosen()
            with own_work(), own_imports():
                self._code.attach(engines.running().engine)
        except BaseException:
            self._close()
            raise
        self._began = time.monotonic_ns()
        self._running = 0
        self._names: dict[str, int] = {}

    def join(self, name: str) -> str:
        """A request begins in it: what its span is called; empty where the recording has to end first."""
        old = time.monotonic_ns() - self._began > self._requests.longest_ns
        if self._names and (old or sum(self._names.values()) >= MOST_SHARING):
            return ""
        self._names[name] = number = self._names.get(name, 0) + 1
        self._running += 1
        return name if number == 1 else f"{name} ({number})"

    def part(self, folder: Path) -> bool:
        """A request of it has ended: writes what was recorded so far into the folder. True when it was the last one."""
        self._running -= 1
        if self._running:
            with own_imports():
                from prof import reporting
            reporting.copy_to(folder / CAPTURE)
            return False
        try:
            for path in self.profiler.stop():
                if path.suffix == ".capture":
                    path.rename(folder / CAPTURE)
        finally:
            self._close()
        return True

    def _close(self) -> None:
        if hasattr(self, "profiler"):
            self.profiler.stop()
        if hasattr(self, "_code"):
            self._code.detach()
        shutil.rmtree(self._folder, ignore_errors=True)


class Record:
    """One request: `run` is around each stretch of the application that is its own, and `end` at its end."""

    def __init__(self, requests: Requests, name: str, why: str) -> None:
        self.name = name
        self.why = why
        self.id = secrets.token_hex(8)
        self.note = ""
        """Why there is no page of it, for whoever asked."""
        self.others = 0
        """Requests that ran beside it."""
        self.status = ""
        self._requests = requests
        self._pid = os.getpid()
        self._profiler: Profiler | None = None
        self._recording: Recording | None = None
        self._span = name
        self._folder: Path | None = None
        self._ending = threading.Lock()
        self._cut = False

    def begin(self) -> None:
        """Begins the recording, or joins the one that runs: then it is a span in that."""
        folder = self._requests.folder() / self.id
        self._recording, found = self._requests.join(self.name)
        if self._recording is None:
            self.note = found
            if found != BUSY and self.wanted:  # each address is a name of its own, and such a recording may be long
                self._profiler = Profiler().start()
            return
        self._span, self._profiler, self._folder = found, self._recording.profiler, folder
        folder.mkdir(mode=0o700)
        self._began, self._clock = time.time(), time.monotonic_ns()

    @property
    def wanted(self) -> bool:
        """Whether whoever sent it asked for its page, and may see it."""
        return self.why != "every"

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Calls the function, in which the application works for this request and for no other, in the request's span.
        All its spans are opened here: so they are one in reports."""
        if self._folder is not None and time.monotonic_ns() - self._clock > self._requests.longest_ns:
            self._cut = self._profiler is not None
            self.end()
        profiler = self._profiler
        if profiler is None:
            return function(*arguments)
        with profiler.span(self._span, KIND):
            return function(*arguments)

    def end(self) -> None:
        """Ends the recording and keeps it. Never raises; a second time does nothing."""
        with self._ending:
            profiler, self._profiler = self._profiler, None
            recording, self._recording = self._recording, None
        if self._pid != os.getpid():  # the application has forked, and the child comes by here as well
            return
        try:
            if recording is not None:
                self._keep(recording)
            elif profiler is not None:
                profiler.stop()
        except Exception as error:
            say(f"request {self.name}: {type(error).__name__}: {error}")
        finally:
            self._requests.let_go(self)
            if self._folder is not None and not (self._folder / ABOUT).exists():
                shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, recording: Recording) -> None:
        assert self._folder is not None
        self._requests.part(recording, self._folder)
        about = {
            "name": self.name,
            "span": f"{KIND}!{self._span}",
            "status": self.status,
            "why": self.why,
            "began": self._began,
            "ns": time.monotonic_ns() - self._clock,
            "others": self.others,
            "cut": self._cut,
        }
        part = self._folder / f"{ABOUT}.part"
        part.write_text(dumps(about), "utf-8")
        part.rename(self._folder / ABOUT)  # from here on it is there
        self._requests.tidy()


def _name(method: str, path: str) -> str:
    text = f"{method} {path}"
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"
