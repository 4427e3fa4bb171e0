"""What the reports know of each mode, a file a mode. A report asks all that are registered, and names none."""

from __future__ import annotations

from collections.abc import Sequence

from prof.capture import Capture, Function, Tree
from prof.errors import UsageError
from prof.modes import MODES
from prof.tools.colours import THEMES
from prof.tools.compared import Counted
from prof.tools.modes import memory, ops, samples, time
from prof.tools.modes.view import Margin, TreeColumn, View
from prof.tools.output import STYLES
from prof.tools.wish import Sort

VIEWS: dict[str, type[View]] = {}
SORTS: dict[str, Sort] = {}
TREE_COLUMNS: dict[str, TreeColumn] = {}

CALLS = Counted("calls", "calls", "", "calls")


def register(view: type[View]) -> None:
    """Adds what the reports know of a mode that `prof.modes` has, before anything is read. UsageError where it has
    not, or where a name to sort by is another mode's."""
    if view.name not in MODES or view.name in VIEWS:
        raise UsageError(f"mode {view.name!r} is not registered with prof.modes, or is here already")
    if taken := SORTS.keys() & view.sorts.keys():
        raise UsageError(f"mode {view.name!r}: --sort {min(taken)} is another mode's")
    VIEWS[view.name] = view
    SORTS.update(view.sorts)
    TREE_COLUMNS.update(view.tree_columns)
    THEMES.update(view.themes)
    STYLES[view.name] = view.terminal


for _module in (time, memory, ops, samples):
    register(_module.VIEW)


def views_of(capture: Capture, tree: Tree, functions: Sequence[Function]) -> tuple[View, ...]:
    """The modes that a capture has, in the order of the modes."""
    return tuple(view(capture, tree, functions) for view in VIEWS.values() if view.recorded(capture))


def _beside() -> list[type[View]]:
    """The modes in the order in which their columns stand beside others."""
    return sorted(VIEWS.values(), key=lambda view: view.beside_order)


def margins() -> dict[str, Margin]:
    """The columns of `prof report --source`."""
    return {key: margin for view in _beside() for key, margin in view.margins.items()}


def comparable() -> list[type[View]]:
    """The modes that `prof diff` compares by."""
    return [view for view in _beside() if view.counted]


def counted(views: Sequence[type[View]]) -> tuple[Counted, ...]:
    """What is compared by these modes, and by the calls that every capture has."""
    return (*(each for view in views for each in view.counted), CALLS)
