"""Records programs' operations in this process, beside the oracle of executed instructions."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path
from types import CodeType
from typing import Any

from executing import Comparison, Executed, compare
from prof.capture import open_capture


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
                self.comparison = compare(operations, executed, left_out)

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


def load(source: str, file: str, everything: bool | None = None, **names: Any) -> dict[str, Any]:
    """The namespace of a program while a recording runs, not executed yet: `code` is in it.

    `everything`: every `def` has probes, and if true lambdas, comprehensions and classes too; None: as marked.
    """
    import prof

    code: CodeType = compile(source, file, "exec", dont_inherit=True)
    if everything is not None:
        from prof import _probes

        code = _probes.probe_code(code, "program", everything)
    return {"__name__": "program", "code": code, **{name: getattr(prof, name) for name in prof.__all__}, **names}


def operate(
    source: str,
    folder: Path,
    *,
    mode: str = "ops",
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
    session.start(f"{mode},{folder},none,,imports=false,collections=false")
    try:
        space = load(source, file, everything, **names)
        if oracle is not None:
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
