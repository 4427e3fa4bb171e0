"""`prof-baseline.json`: what each test did when somebody last accepted it, by interpreter.

The file is JSON with a line for each function of a test, sorted, so that a change of code is a small difference:

    "app.cart.total": "ops=608 calls=1 | 1 ops=8 | 3 ops=600 alloc_bytes=4216"

A function's own counts come first, then those of its lines, by their distance from its beginning.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from prof.errors import InputError, OutputError
from prof.tools.integrations.pytest.counts import MEASURES, Counts, Row

FILE = "prof-baseline.json"
FORMAT = 1
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")


@define
class Known:
    """A test in the baseline."""

    totals: dict[str, int]
    functions: dict[str, Row]
    varies: dict[str, str] = field(factory=dict)
    """By measure that is not reproducible, what was seen of it: it is not compared."""
    left_out: str = ""
    """Why nothing of the test is compared; empty where it is."""

    @classmethod
    def of(cls, counts: Counts, keys: Iterable[str]) -> Known:
        varies = {"ops": f"not exact in {counts.inexact}"} if counts.inexact else {}
        return cls(counts.totals(keys), counts.functions, varies)


@define
class Baseline:
    """A file, read; the tests are by interpreter."""

    path: Path
    interpreters: dict[str, dict[str, Any]] = field(factory=dict)

    def has(self, interpreter: str) -> bool:
        return interpreter in self.interpreters

    def test(self, interpreter: str, nodeid: str) -> Known | None:
        """What is known of a test. Raises InputError for what cannot be read."""
        entry = self.interpreters.get(interpreter, {}).get(nodeid)
        try:
            return None if entry is None else from_json(entry)
        except (ValueError, TypeError, AttributeError, KeyError):
            raise InputError(f"{self.path}: what it holds of {nodeid} cannot be read") from None

    def compared(self, interpreter: str) -> set[str]:
        """The tests that are held to it."""
        rows = self.interpreters.get(interpreter, {}).items()
        return {name for name, entry in rows if "left_out" not in entry}

    def put(self, interpreter: str, tests: Mapping[str, Known], keep: bool) -> None:
        """Takes in what tests did; `keep` leaves the other tests of this interpreter as they are."""
        before = self.interpreters.get(interpreter, {}) if keep else {}
        self.interpreters[interpreter] = {**before, **{name: as_json(known) for name, known in tests.items()}}

    def write(self) -> None:
        """Writes the file beside, and renames it. Raises OutputError."""
        text = json.dumps({"format": FORMAT, **self.interpreters}, indent=1, sort_keys=True, ensure_ascii=False)
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            part.write_text(text + "\n", "utf-8")
            part.replace(self.path)
        except (OSError, UnicodeError) as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"cannot write {self.path}: {error}") from None


def read(path: Path) -> Baseline:
    """The file. Raises InputError for one that cannot be read, or is none."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError(f"there is no baseline {path}: pytest --prof-save writes it") from None
    except (OSError, UnicodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_CONFLICT):
            raise InputError(
                f"{path}:{number}: a merge conflict; take either side, then accept with pytest --prof-update"
            )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise InputError(f"{path} is no baseline of this version (format {FORMAT}); pytest --prof-save writes it anew")
    if not all(isinstance(tests, dict) for tests in found.values()):
        raise InputError(f"{path} is no baseline: by interpreter it must hold tests")
    return Baseline(path, found)


def as_json(known: Known) -> dict[str, Any]:
    """A test as the file has it."""
    if known.left_out:
        return {"left_out": known.left_out}
    entry: dict[str, Any] = {
        **known.totals,
        "functions": {name: _text(row) for name, row in known.functions.items() if any(row.counts.values())},
    }
    if known.varies:
        entry["varies"] = known.varies
    return entry


def from_json(entry: dict[str, Any]) -> Known:
    """A test that the file has."""
    if entry.get("left_out"):
        return Known({}, {}, left_out=str(entry["left_out"]))
    functions = {name: _row(text) for name, text in entry["functions"].items()}
    totals = {key: int(entry[key]) for key in MEASURES if key in entry}
    return Known(totals, functions, {str(key): str(text) for key, text in entry.get("varies", {}).items()})


def _text(row: Row) -> str:
    lines = (f"{offset} {_counts(counts)}" for offset, counts in sorted(row.lines.items()))
    return " | ".join((_counts(row.counts), *lines))


def _counts(counts: dict[str, int]) -> str:
    return " ".join(f"{key}={counts[key]}" for key in MEASURES if counts.get(key))


def _row(text: str) -> Row:
    own, *lines = text.split(" | ")
    row = Row(_read_counts(own.split()))
    for line in lines:
        offset, *counts = line.split()
        row.lines[int(offset)] = _read_counts(counts)
    return row


def _read_counts(words: list[str]) -> dict[str, int]:
    return {key: int(number) for key, number in (word.split("=") for word in words)}
