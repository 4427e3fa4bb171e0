"""Counts executed instructions by calling context, with a callback in Python: small programs only."""

from __future__ import annotations

import dis
import re
import sys
from collections import Counter
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any

import quirks
from executing import show_probes

SECTION = re.compile(r"(profile|end)\(\"(\w+)\"\)")


TOOL = 2


def _is_def(code: CodeType) -> bool:
    return bool(code.co_flags & CO_OPTIMIZED) and not code.co_name.startswith("<")


class Contexts:
    """Executions by context, `outer;inner`, code object and unit: of each `def` of the file, and of sections, those of
    calls that a source line names.

    A line with `profile("s")` or `end("s")` may have no other call on it. `with profile("s"):` calls on its line once
    more, when it ends.
    """

    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.lines = source.splitlines()
        self.counts: Counter[tuple[str, CodeType, int]] = Counter()
        self.open: dict[int, list[str]] = {}  # of frames, by id
        self.pending: dict[int, tuple[str, str]] = {}
        self.frames: list[FrameType] = []  # which keeps the ids valid
        self.names: dict[int, dict[int, str]] = {}

    def start(self) -> None:
        show_probes()
        if not quirks.HAS_MONITORING:
            sys.settrace(self._trace)
            return
        event = sys.monitoring.events.INSTRUCTION
        sys.monitoring.use_tool_id(TOOL, "contexts")
        sys.monitoring.register_callback(TOOL, event, self._event)
        sys.monitoring.set_events(TOOL, event)

    def stop(self) -> None:
        if not quirks.HAS_MONITORING:
            sys.settrace(None)
            return
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.INSTRUCTION, None)
        sys.monitoring.free_tool_id(TOOL)

    def _event(self, code: CodeType, offset: int) -> None:
        if code.co_filename == self.file:
            self._opcode(sys._getframe(1), offset)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "call":
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
            return self._trace
        if event == "opcode" and frame.f_code.co_filename == self.file:
            self._opcode(frame, frame.f_lasti)
        return self._trace

    def _opcode(self, frame: FrameType, offset: int) -> None:
        code = frame.f_code
        names = self.names.get(id(code))
        if names is None:
            names = self.names[id(code)] = {i.offset: i.opname for i in dis.get_instructions(code)}
            for at, before in zip([*names][1:], [*names.values()], strict=False):
                if quirks.WITH_CALLS_ENTER and names[at] == "CALL" and before == "LOAD_SPECIAL":
                    names[at] = "CALL of __enter__"  # where no section begins
        key = id(frame)
        if key not in self.open:
            self.open[key] = []
            self.frames.append(frame)
        if key in self.pending:
            self._section(self.open[key], *self.pending.pop(key))
        self.counts[self._context(frame), code, offset // 2] += 1
        found = SECTION.search(self.lines[(frame.f_lineno or 1) - 1])
        if found is not None and names[offset] in ("CALL", "WITH_EXCEPT_START"):
            self.pending[key] = (found[1], found[2])

    @staticmethod
    def _section(opened: list[str], what: str, name: str) -> None:
        if what == "profile" and name not in opened:
            opened.append(name)
            return
        while name in opened:  # an end, or that of a `with`
            opened.pop()

    def _context(self, frame: FrameType | None) -> str:
        names: list[str] = []
        while frame is not None:
            code = frame.f_code
            names += reversed(self.open.get(id(frame), []))
            if code.co_filename == self.file and _is_def(code):
                names.append(code.co_qualname.replace("<locals>.", ""))
            frame = frame.f_back
        return ";".join(reversed(names))

    def operations(self, categories: dict[tuple[str, int, int], int]) -> dict[str, int]:
        """Executions of what has categories, as often as it has: `categories` by name, line and unit."""
        sums: Counter[str] = Counter()
        for (context, code, unit), count in self.counts.items():
            name = code.co_qualname.replace("<locals>.", "")
            raw = code.co_code
            while raw[2 * unit] == dis.EXTENDED_ARG:  # on 3.11 the event comes for this alone
                unit += 1
            sums[context] += count * categories.get((name, code.co_firstlineno, unit), 0)
        return {context: count for context, count in sums.items() if count}
