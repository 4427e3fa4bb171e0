"""What the reports know of each mode, a file a mode. A report asks all that are registered, and names none."""

from __future__ import annotations

from prof.errors import UsageError
from prof.modes import MODES
from prof.tools.analysis.options import Sort
from prof.tools.analysis.view import TreeColumn, View
from prof.tools.modes import memory, ops, samples, time
from prof.tools.screen.colours import Families
from prof.tools.screen.output import STYLES

VIEWS: dict[str, type[View]] = {}
SORTS: dict[str, Sort] = {}
TREE_COLUMNS: dict[str, TreeColumn] = {}
THEMES: dict[str, Families] = {}
"""The colours of each measure's pictures."""


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


def families(measure: str) -> Families:
    """The colours of a measure's pictures; of what is no measure of ours, those of the first."""
    return THEMES.get(measure) or next(iter(THEMES.values()))


def comparable() -> list[type[View]]:
    """The modes that `prof diff` compares by, in the order in which their columns stand beside others."""
    return sorted(
        (view for view in VIEWS.values() if view.counted or view.by_interval), key=lambda view: view.beside_order
    )
