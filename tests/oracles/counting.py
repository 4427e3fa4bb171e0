"""Counts the entries of every code object with the interpreter's own hooks: what call counts are compared with.

Two ways: `sys.setprofile`, on every version, which knows of each entry where in the code it happened; and
`sys.monitoring` (3.12 and later) with a C method as its callback, which is fast and runs no Python code of ours.
"""

from __future__ import annotations

import dis
import gc
import inspect
import sys
import threading
from collections import Counter
from queue import SimpleQueue
from types import CodeType, FrameType

import quirks


class Entries:
    """`calls`: bodies started; `resumes`: re-entered after a yield; `throws`: entered by an exception, of which those
    into a generator that never started run no instruction of it. Keyed by id; `codes` keeps the ids valid.

    On 3.11 no hook tells that a generator goes on because what it delegates to caught a throw and returned; but each
    entry has its `exits`, where they are counted."""

    def __init__(self) -> None:
        self.codes: dict[int, CodeType] = {}
        self.calls: Counter[int] = Counter()
        self.resumes: Counter[int] = Counter()
        self.throws: Counter[int] = Counter()
        self.exits: Counter[int] = Counter()

    def of_file(self, file: str) -> dict[str, tuple[int, int]]:
        """Calls and resumes of the functions of one file, by their names without `<locals>`; of class bodies none."""
        found: dict[str, tuple[int, int]] = {}
        for key, code in self.codes.items():
            if code.co_filename == file and code.co_flags & inspect.CO_OPTIMIZED:
                name = code.co_qualname.replace("<locals>.", "")
                calls, resumes = found.get(name, (0, 0))
                again = self.exits[key] - self.calls[key] - self.throws[key]
                found[name] = (calls + self.calls[key], resumes + again)
        return found


def _first_resume(code: CodeType) -> int:
    return next((i.offset for i in dis.get_instructions(code) if i.opname == "RESUME"), 0)


EXIT = -2  # no offset of an instruction


class HookCounter:
    """`sys.setprofile`, between `start` and `stop`: entries on this thread and on those that begin meanwhile.

    The interpreter takes the hook away when it cannot call it, at the end of the stack: then `lost` is true.
    """

    def __init__(self) -> None:
        self.lost = False
        # By thread: another one may run in the middle of adding to a count.
        self.threads: dict[int, dict[int, tuple[CodeType, dict[int, int]]]] = {}

    def start(self) -> None:
        threads, thread = self.threads, threading.get_ident

        def profile(frame: FrameType, event: str, arg: object) -> None:
            if event == "call" or event == "return":
                code = frame.f_code
                seen = threads.get(thread())
                if seen is None or id(code) not in seen:
                    # What a collection in here calls, the hook would not be told of.
                    collects = gc.isenabled()
                    gc.disable()
                    seen = threads.setdefault(thread(), {})
                    seen[id(code)] = (code, {})
                    if collects:
                        gc.enable()
                # Plain dicts: the library's own classes may be what is counted.
                offset, counts = frame.f_lasti if event == "call" else EXIT, seen[id(code)][1]
                counts[offset] = counts.get(offset, 0) + 1

        threading._profile_hook = profile  # type: ignore[attr-defined]  # setprofile() would be a call that is recorded
        sys.setprofile(profile)

    def stop(self) -> None:
        self.lost = sys.getprofile() is None
        sys.setprofile(None)
        threading._profile_hook = None  # type: ignore[attr-defined]

    def entries(self) -> Entries:
        """What was counted; to be asked for when nothing records any more, for it runs code of the library."""
        entries = Entries()
        for key, (code, offsets) in (row for seen in self.threads.values() for row in seen.items()):
            entries.codes[key] = code
            first = _first_resume(code)
            entries.exits[key] += offsets.pop(EXIT, 0)
            for offset, count in offsets.items():
                # Before its first RESUME a generator has not started, behind it it goes on.
                kind = entries.calls if offset == first else entries.resumes
                (entries.throws if offset < first else kind)[key] += count
        return entries


class EventCounter:
    """`sys.monitoring`, between `start` and `stop`: entries of all code, on all threads."""

    lost = False

    def __init__(self, tool: int = 3) -> None:
        self.tool = tool
        self.queues: dict[str, SimpleQueue[CodeType]] = {}

    def start(self) -> None:
        events = sys.monitoring.events
        sys.monitoring.use_tool_id(self.tool, "counting")
        for name in ("PY_START", "PY_RESUME", "PY_THROW"):
            # put(item, block, timeout) takes the event's (code, offset[, exception]) as they come and keeps the first.
            self.queues[name] = SimpleQueue()
            sys.monitoring.register_callback(self.tool, getattr(events, name), self.queues[name].put)
        sys.monitoring.set_events(self.tool, events.PY_START | events.PY_RESUME | events.PY_THROW)

    def stop(self) -> None:
        sys.monitoring.set_events(self.tool, 0)
        for name in self.queues:
            sys.monitoring.register_callback(self.tool, getattr(sys.monitoring.events, name), None)
        sys.monitoring.free_tool_id(self.tool)

    def entries(self) -> Entries:
        """As of HookCounter; a throw into what never started is among the throws."""
        entries = Entries()
        counters = {"PY_START": entries.calls, "PY_RESUME": entries.resumes, "PY_THROW": entries.throws}
        for name, counts in counters.items():
            while not self.queues[name].empty():
                code = self.queues[name].get()
                entries.codes[id(code)] = code
                counts[id(code)] += 1
        return entries


def fastest_counter() -> HookCounter | EventCounter:
    """The one that costs and disturbs least on this version."""
    return EventCounter() if quirks.HAS_MONITORING else HookCounter()
