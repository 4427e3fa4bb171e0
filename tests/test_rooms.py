"""Who may import whom: data flows from what records to what reads it, and nothing flows back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# ---- Python ----

# The folders at the top are packages of these names: pyproject.toml has the same.
PACKAGES = {"runtime": "prof", "instrument": "prof.instrument", "tools": "prof.tools"}
# Each folder of `tools/` may import of those before it and of itself; of those beside it in a row, nothing.
TIERS = (
    ("screen",),
    ("analysis",),
    ("modes",),
    ("reports", "exporters", "importers"),
    ("integrations", "live", "tui", "editor", "serve"),
    ("commands",),
)
# What stands in `tools/` itself starts the commands.
TOP = "commands"
# `python -m prof` is the `prof` command: it stands in the package that the runtime is, and is no part of the runtime.
COMMAND = ROOT / "runtime" / "__main__.py"
# The doors from the runtime to the tools, for what a program asks for: the reports of its own recording; and, in the
# package itself, names of what meets other tools, such as `prof.wsgi`, which are loaded when they are used.
DOORS = {"prof.reporting": "tools/", "prof": "tools/integrations"}
# What gives probes to code that is chosen in the middle of a program; and the words of options, which magics have too.
CHOOSING = "prof.tools.integrations.chosen"
WORDS = ("tools/integrations", "prof.tools.commands.choosing.")


def module_of(path: Path) -> str:
    """The dotted name of a Python file; of a package, its `__init__`."""
    room, *rest = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([PACKAGES[room], *(part for part in rest if part != "__init__")])


def imports(path: Path, module: str) -> Iterator[tuple[str, bool]]:
    """The modules that a file may import, and whether only when a function of it is called, or for types alone.

    `from x import y` counts as `x.y`, whatever `y` is: a name in a module belongs to the module's room.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text("utf-8")), False)]
    while waiting:
        node, called = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, called) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*above, node.module]))
            yield from ((f"{base}.{alias.name}", called) for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            first = node.args[0] if node.args else None
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value), called
        called = called or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _is_for_types(node)
        waiting.extend((child, called) for child in ast.iter_child_nodes(node))


def _is_for_types(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:`, of which nothing runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def room_of(module: str) -> str:
    """`runtime`, `instrument`, `tools/analysis` and the like; empty for what is not ours."""
    parts = module.split(".")
    if parts[0] != "prof":
        return ""
    if parts[1:2] == ["instrument"]:
        return "instrument"
    if parts[1:2] != ["tools"]:
        return "runtime"
    known = {folder for tier in TIERS for folder in tier}
    return f"tools/{parts[2]}" if len(parts) > 2 and parts[2] in known else f"tools/{TOP}"


def tier_of(room: str) -> int:
    return next(number for number, tier in enumerate(TIERS) if room.removeprefix("tools/") in tier)


def refusal(module: str, imported: str, called: bool) -> str:
    """Why a module must not import another; empty where it may. `called`: only when it is called."""
    room, other = room_of(module), room_of(imported)
    if module in DOORS and other.startswith(DOORS[module]):
        return "" if called else "a program that asks for no report does without what makes them"
    if room == other or not other or other == "runtime":
        return ""
    if room == "runtime":
        return "the runtime is in the profiled program, which needs nothing of what edits source or reads captures"
    if room == "instrument":
        return "what edits source does not read captures"
    if other == "instrument":
        allowed = (room == "tools/commands" or module == CHOOSING) and called
        return "" if allowed else "only a command may import what edits source, and only when it is called"
    if room == WORDS[0] and imported.startswith(WORDS[1]):
        return "" if called else "they are loaded with the first option"
    return "" if tier_of(other) < tier_of(room) else "it lies above, or beside: see TIERS"


def wrong_imports(path: Path, module: str) -> list[str]:
    """What a file imports and must not."""
    found = []
    for imported, called in imports(path, module):
        if why := refusal(module, imported, called):
            found.append(f"{module} imports {imported}: {why}")
    return found


def python_files() -> list[Path]:
    files = [path for room in PACKAGES for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in files if path != COMMAND]


def test_python_imports_only_what_lies_below() -> None:
    assert [words for path in python_files() for words in wrong_imports(path, module_of(path))] == []


def test_every_folder_of_tools_has_its_place() -> None:
    folders = {path.relative_to(ROOT / "tools").parts[0] for path in (ROOT / "tools").rglob("*.py")} - {
        path.name for path in (ROOT / "tools").glob("*.py")
    }
    assert folders <= {folder for tier in TIERS for folder in tier}


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("prof.markers", "import prof.errors", False),
        ("prof.markers", "def f():\n    from prof.tools import cli", True),
        ("prof.markers", "import prof.instrument.plan", True),
        ("prof.markers", "from .instrument import plan", True),
        ("prof.modes.time", "from ..tools.screen import units", True),
        ("prof.reporting", "from prof.tools.screen import units", True),
        ("prof.reporting", "def f():\n    from prof.tools.screen import units", False),
        ("prof.reporting", "def f():\n    from prof.instrument import plan", True),
        ("prof.instrument.plan", "from prof.errors import InputError", False),
        ("prof.instrument.plan", "from prof.tools.screen import units", True),
        ("prof.tools.screen.units", "import prof.text", False),
        ("prof.tools.screen.units", "from prof.tools.analysis.frames import Frames", True),
        ("prof.tools.analysis.view", "if TYPE_CHECKING:\n    from prof.tools.modes import VIEWS", True),
        ("prof.tools.analysis.view", "from prof.tools import reports", True),
        ("prof.tools.modes.time", "from prof.tools.analysis.view import View", False),
        ("prof.tools.reports.text", "from prof.tools.exporters import flamegraph", True),
        ("prof.tools.reports.text", "import importlib\nimportlib.import_module('prof.tools.cli')", True),
        ("prof.tools.reports.text", "def f():\n    import prof.instrument", True),
        ("prof", "def __getattr__(name):\n    from prof.tools.integrations.wsgi import wsgi", False),
        ("prof", "from prof.tools.integrations.wsgi import wsgi", True),
        ("prof", "def f():\n    from prof.tools.screen import units", True),
        ("prof.tools.integrations.chosen", "def f():\n    from prof.instrument import choice", False),
        ("prof.tools.integrations.wsgi", "def f():\n    from prof.instrument import choice", True),
        ("prof.tools.integrations.ipython", "def f():\n    from prof.tools.commands.choosing import choice", False),
        ("prof.tools.integrations.ipython", "def f():\n    from prof.tools.commands import run", True),
        ("prof.tools.commands.run", "import prof.instrument", True),
        ("prof.tools.commands.run", "def run(args):\n    import prof.instrument", False),
        ("prof.tools.commands.run", "from prof.tools.reports import FORMATS", False),
        ("prof.tools.cli", "from prof.tools.commands import report", False),
    ],
)
def test_the_search_finds_wrong_imports(module: str, source: str, wrong: bool, tmp_path: Path) -> None:
    path = tmp_path / "file.py"
    path.write_text(source)
    assert bool(wrong_imports(path, module)) is wrong
