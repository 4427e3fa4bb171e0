"""The standard library of the running interpreter, as source to edit."""

from __future__ import annotations

import sysconfig
from pathlib import Path

# Installed beside the standard library, or broken on purpose.
LEFT_OUT = {"site-packages", "lib2to3", "bad_syntax", "__pycache__"}


def files(tests: bool = False) -> list[Path]:
    """Its modules, sorted; with its test suite if `tests`."""
    root = Path(sysconfig.get_path("stdlib"))
    left_out = LEFT_OUT if tests else LEFT_OUT | {"test", "tests", "idle_test"}
    found = (path for path in sorted(root.rglob("*.py")) if path.is_file())  # no link to what is not installed
    return [path for path in found if not left_out & set(path.relative_to(root).parts)]


def sample(count: int) -> list[bytes]:
    """`count` modules, spread evenly, none of them empty."""
    paths = [path for path in files() if path.stat().st_size > 1000]
    return [paths[i * len(paths) // count].read_bytes() for i in range(min(count, len(paths)))]


def tree(root: Path, count: int) -> None:
    """A tree below `root` of `count` files of the standard library and its tests; over again where it has fewer."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    paths = files(tests=True)
    for i in range(count):
        path = paths[i % len(paths)]
        target = root / f"lap{i // len(paths)}" / path.relative_to(stdlib)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
