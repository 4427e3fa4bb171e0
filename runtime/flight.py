"""The flight recorder: a copy of the running capture, with its last spans, when something happened; the program goes
on.

What may make it write one is said by `dump=`: a function or section that took long, an exception that left a function,
a signal; and the program may ask, by `prof.dump()`. Nothing here raises into the program, or ends it.
"""

from __future__ import annotations

import os
import sys
import time
from fnmatch import fnmatchcase

from prof._core import ffi, lib
from prof.messages import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prof.session import Session

LEAST_BETWEEN = 10.0
"""Seconds from one that the program has not asked for to the next."""
MOST = 100
"""Captures that one recording writes at most."""


class Flight:
    """Of one recording: what makes it write, and what it has written."""

    def __init__(self, session: Session, probes: Any) -> None:
        self._session = session
        self._probes = probes
        self._settings = session.settings
        self.written = 0
        self.left_out = 0
        self._writing = False
        self._next = 0.0
        self._handler: Any = None
        self._signal = 0

    def begin(self) -> None:
        asked = dict(self._settings.dump)
        if "longer" in asked or "exception" in asked:
            self._probes.tell_with(self._told, "exception" in asked)
        if "signal" in asked:
            self._listen(asked["signal"])

    def end(self) -> None:
        """Takes out what `begin` put in, and says what was not written."""
        self._probes.tell_with(None, False)
        if self._signal:
            signal = sys.modules["signal"]
            if signal.getsignal(self._signal) is self._handler:
                try:
                    signal.signal(self._signal, signal.SIG_DFL)
                except ValueError:
                    pass  # this is another thread than the main one
        if self.left_out:
            n = self.left_out
            least = f"one in {LEAST_BETWEEN:.0f} s and {MOST} in all are written at most"
            say(f"{n} more dump{'s were' if n > 1 else ' was'} asked for and not written: {least}")

    def _listen(self, number: int) -> None:
        import signal

        name = signal.Signals(number).name

        def handler(number: int, frame: object) -> None:
            self._write(name, asked=False)

        try:
            if signal.getsignal(number) is not signal.SIG_DFL:
                say(f"dump=signal: the program handles {name} itself, which is left alone")
                return
            signal.signal(number, handler)
        except ValueError:
            say(f"dump=signal: {name} cannot be waited for from another thread than the main one")
            return
        self._signal, self._handler = number, handler

    def _told(self, name: str, raised: int) -> None:
        """A span took long, or an exception left it."""
        glob = self._settings.dump_function
        if glob and not fnmatchcase(name, glob) and not fnmatchcase(name.removeprefix("profile!"), glob):
            return
        longer = dict(self._settings.dump).get("longer", 0) / 1e6
        self._write(f"an exception left {name}" if raised else f"{name} took longer than {longer:g} ms", asked=False)

    def _write(self, reason: str, asked: bool) -> str | None:
        """Writes one, unless there have been enough. Its path, or None."""
        if self._session.pid != os.getpid():
            return None  # a forked child, which has a flight recorder of its own when it records
        now = time.monotonic()
        if self._writing or self.written >= MOST or (not asked and now < self._next):
            self.left_out += 1
            return None
        self._writing = True
        try:
            return self._copied(reason)
        finally:
            self._writing = False
            self._next = time.monotonic() + LEAST_BETWEEN

    def _copied(self, reason: str) -> str | None:
        from prof import plain_json

        session = self._session
        number = self.written + 1
        own = ("lineage", "family")  # it is of no run: all of it is in the capture that goes on
        said = {key: value for key, value in session.meta.items() if key not in own}
        path = f"{session.base}-dump-{number}.capture"
        about = {"reason": reason, "number": number, "left_out": self.left_out}
        meta = plain_json.dumps(said | {"dump": about}).encode()
        why = ffi.new("char[512]")
        if lib.prof_py_dump(os.fsencode(path), self._settings.mode, meta, len(meta), why, len(why)):
            say(f"dump ({reason}): {ffi.string(why).decode(errors='replace')}")
            return None
        self.written = number
        from prof.session import shown

        say(f"wrote {shown(path)}: {reason}; look at it with: prof report {shown(path)}")
        return path

    def dump(self, reason: str) -> str | None:
        """One that the program asks for."""
        return self._write(reason, asked=True)
