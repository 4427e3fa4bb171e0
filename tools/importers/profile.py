"""What another tool recorded, as a capture: contexts with their calls, times, bytes and samples."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

from attrs import Factory, define
from prof._core import ffi, lib
from prof.capture import Capture
from prof.made import made
from prof.modes import MODES

# What a sample is taken to stand for, where a file does not say it.
_INTERVAL = 1_000_000
# `work (app.py:12)`, as py-spy and viztracer name a function with a place of it.
_PLACED = re.compile(r"(?P<name>.+) \((?P<file>[^()]*[^()\d:]):(?P<line>\d+)\)")
_COLUMNS = ("calls", "self_ns", "alloc_count", "alloc_bytes", "samples", "sampled_ns")
_MOST = 2**63 - 1


def placed(name: str) -> tuple[str, str, int]:
    """A function's name, file and line, of a name that has all three; else the name alone."""
    found = _PLACED.fullmatch(name)
    return (found["name"], found["file"], int(found["line"])) if found else (name, "", 0)


@define
class Profile:
    """A profile that is being read. Contexts are numbers from 1, 0 is the root."""

    tool: str
    """What it was written by or as, in words: `cProfile`."""
    notes: list[str] = Factory(list)
    """What is to be said of it."""
    labels: dict[tuple[int, str, str, int], int] = Factory(dict)
    children: dict[tuple[int, int], int] = Factory(dict)
    rows: list[list[int]] = Factory(list)
    modes: set[str] = Factory(set)

    def label(self, kind: int, name: str, file: str = "", line: int = 0) -> int:
        """The number of a label, of a kind such as `lib.PROF_FUNCTION`."""
        return self.labels.setdefault((kind, name, file, line), len(self.labels))

    def child(self, parent: int, label: int) -> int:
        """The context of a label in another."""
        found = self.children.get((parent, label))
        if found is None:
            self.rows.append([parent, label, *([0] * len(_COLUMNS))])
            found = self.children[parent, label] = len(self.rows)
        return found

    def of_line(self, parent: int, file: str, line: int) -> int:
        """The context of a line in a function."""
        return self.child(parent, self.label(lib.PROF_LINE, f"{PurePath(file).name}:{line}", file, line))

    def stack(self, frames: Iterable[tuple[str, str, int]]) -> int:
        """The context of functions, the outermost first: names, files, lines."""
        node = 0
        for name, file, line in frames:
            node = self.child(node, self.label(lib.PROF_FUNCTION, name, file, line))
        return node

    def add(self, node: int, mode: str, **amounts: int) -> None:
        """Adds amounts to a context, by column; they are of a mode."""
        self.modes.add(mode)
        for column, amount in amounts.items():
            at = 2 + _COLUMNS.index(column)
            self.rows[node - 1][at] = min(_MOST, self.rows[node - 1][at] + max(0, amount))

    def capture(self, path: Path) -> Capture:
        """All of it, to be read as any capture. Raises InputError."""
        merger = ffi.gc(lib.prof_merger_new(), lib.prof_merger_free)
        texts: dict[str, Any] = {}

        def text(words: str) -> Any:
            if words not in texts:
                texts[words] = ffi.new("char[]", words.replace("\0", "\ufffd").encode("utf-8", "replace"))
            return texts[words]

        labels = ffi.new("prof_foreign_label[]", max(1, len(self.labels)))
        for (kind, name, file, line), at in self.labels.items():
            labels[at] = kind, min(line, 2**32 - 1), text(name), text(_module(kind, name, file)), text(file)
        if "samples" in self.modes:
            for row in self.rows:
                row[-1] = min(_MOST, row[-2] * _INTERVAL)
            self.notes.append("it does not say how long a sample stands for: times by samples are of 1 ms each")
        nodes = ffi.new("prof_foreign_node[]", [tuple(row) for row in self.rows] or 1)
        bits = sum(MODES[mode].bit for mode in self.modes)
        rest = labels, len(self.labels), nodes, len(self.rows), bits, _INTERVAL
        if lib.prof_merger_add_foreign(merger, *rest):
            raise MemoryError
        meta = json.dumps({"name": path.name, "modes": sorted(self.modes)}).encode()
        total = min(_MOST, sum(row[2 + _COLUMNS.index("self_ns")] for row in self.rows))
        made_of = merger, os.stat(path).st_mtime_ns, total, 0, meta, len(meta)
        capture = Capture(path, made(path, lib.prof_reader_close, lib.prof_merger_finish, *made_of))
        capture.foreign = True
        capture.notes += [f"read from a file of {self.tool}: it has {self._has()}", *self.notes]
        return capture

    def _has(self) -> str:
        """What the file knows, and what it does not."""
        missing = [name for name in MODES if name not in self.modes]
        if "time" in self.modes and not any(row[2] for row in self.rows):
            missing.insert(0, "calls")
        return f"{' and '.join(name for name in MODES if name in self.modes)}, no {', no '.join(missing)}"


def _module(kind: int, name: str, file: str) -> str:
    if kind == lib.PROF_LINE:
        return ""
    return name.rpartition(".")[0] or (PurePath(file).stem if file.endswith(".py") else "")


def shared(total: int, shares: Sequence[float]) -> list[int]:
    """A number in parts that are whole, in proportion to `shares`, which sum to it exactly."""
    whole = sum(shares)
    found, done, given = [], 0.0, 0
    for share in shares:
        done += share
        until = round(total * (done / whole)) if whole else 0
        found.append(until - given)
        given = until
    if found:
        found[-1] += total - given
    return found
