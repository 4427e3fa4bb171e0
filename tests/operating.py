"""Records programs' operations in this process, beside the oracle of executed instructions."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CellType, CodeType, FunctionType
from typing import Any

from executing import Comparison, Executed, compare
from prof.capture import open_capture

PROGRAMS = Path(__file__).parent / "programs"
EXACT = sorted((PROGRAMS / "exact").glob("*.py"))
NASTY = sorted((PROGRAMS / "operations").glob("*.py"))


def text(program: Path) -> str:
    """A program, with what would be tedious to write."""
    lines = [f"total += i * {k}; total = total if total < {k}000 else total - {k}" for k in range(1, 160)]
    values = ", ".join(f"n + {k}.5" for k in range(300))
    source = program.read_text().replace("LINES  #", f"\n{' ' * 12}".join(lines) + "  #")
    return source.replace("VALUES  #", f"[{values}]  #")


class Operated:
    """What a capture says of operations, read; and the comparison with what was executed, if that was counted."""

    def __init__(self, path: Path, executed: Executed | None = None, left_out: tuple[str, ...] = ()) -> None:
        self.path = path
        self.comparison = Comparison()
        with open_capture(path) as capture:
            tree = capture.tree()
            operations = tree.operations
            self.recording = capture.recording
            self.drops = {drop.key: drop.count for drop in capture.drops}
            self.codes = operations.codes()
            self.rows = {code.index: list(operations.of_code(code)) for code in self.codes}
            labels = {index: capture.label(index).name for index in range(capture.label_count)}
            self.stacks: Counter[str] = Counter()
            ops = tree.column("ops")
            for node in range(tree.count):
                names, at = [], node
                while at:
                    name = labels[tree.label[at]]
                    names.append(name.removeprefix("program.").removeprefix("profile!"))
                    at = tree.parent[at]
                if ops[node]:
                    self.stacks[";".join(reversed(names))] += ops[node]
            if executed is not None:
                by_events = capture.meta["engine"] == "monitoring"
                self.comparison = compare(operations, executed, left_out, by_events)

    @property
    def inexact(self) -> list[str]:
        return [code.name for code in self.codes if code.inexact]

    def by_line(self) -> dict[tuple[str, int], int]:
        """Operations by function and line."""
        sums: Counter[tuple[str, int]] = Counter()
        for code in self.codes:
            for row in self.rows[code.index]:
                sums[code.name, row.line] += row.count * len(row.categories)
        return {place: count for place, count in sums.items() if count}

    def of(self, name: str) -> list[Any]:
        """The instructions of the one code object of that name, without `program.`."""
        (code,) = (code for code in self.codes if code.name == f"program.{name}")
        return self.rows[code.index]

    def calls(self, name: str) -> int:
        """How often the function was called: of the first instruction that has a category."""
        return next(row.count for row in self.of(name) if row.categories)


def _within(code: CodeType, everything: bool) -> Iterator[CodeType]:
    """The code of what is defined in it, of whatever is defined in that, and so on."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if everything or (constant.co_flags & CO_OPTIMIZED and not constant.co_name.startswith("<")):
                yield constant
            yield from _within(constant, everything)


def mark_everything(code: CodeType, everything: bool) -> None:
    """Marks each `def` in the code for the recording that runs, and if `everything` is true what else has code."""
    from prof import markers

    assert markers._attach is not None
    for each in _within(code, everything):
        cells = tuple(CellType() for _ in each.co_freevars)
        markers._attach(FunctionType(each, {"__name__": "program"}, closure=cells), (), None)


def load(
    source: str, file: str, everything: bool | None = None, engine: str = "bytecode", **names: Any
) -> dict[str, Any]:
    """The namespace of a program while a recording runs, not executed yet: `code` is in it.

    `everything`: every `def` is recorded, and if true lambdas, comprehensions and classes too; None: as marked.
    """
    import prof

    code: CodeType = compile(source, file, "exec", dont_inherit=True)
    if everything is not None and engine == "monitoring":
        mark_everything(code, everything)
    elif everything is not None:
        from prof import _probes

        code = _probes.probe_code(code, "program", everything)
    return {"__name__": "program", "code": code, **{name: getattr(prof, name) for name in prof.__all__}, **names}


def operate(
    source: str,
    folder: Path,
    *,
    mode: str = "ops",
    engine: str = "bytecode",
    everything: bool | None = None,
    oracle: Any = None,
    times: int = 1,
    left_out: tuple[str, ...] = (),
    **names: Any,
) -> Operated:
    """Records `main()`; `oracle` is an `Executed`, or anything with `start` and `stop`."""
    from prof import session

    gc.collect()
    file = str(folder / "program.py")
    Path(file).write_text(source)
    first = (
        oracle is not None and engine == "monitoring"
    )  # who asks for INSTRUCTION events later takes them from the first
    session.start(f"{mode},{folder},none,,imports=false,collections=false,engine={engine}")
    try:
        if first:
            oracle.start()
        space = load(source, file, everything, engine, **names)
        if oracle is not None and not first:
            oracle.start()
        try:
            exec(space.pop("code"), space)
            for _ in range(times):
                space["main"]()
            space.clear()
            gc.collect()
        finally:
            if oracle is not None:
                oracle.stop()
    finally:
        files = session.stop()
    (path,) = (file for file in files if file.suffix == ".capture")
    return Operated(path, oracle if isinstance(oracle, Executed) else None, left_out)
