"""What the reports may ask of a mode. A mode answers what it has something to say to; the rest is empty here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen
from prof.capture import Capture, Edge, Function, Label, Line, Tree
from prof.counted import Code, Site
from prof.modes import MODES
from prof.tools.analysis.calling_lines import In, Place, Totals
from prof.tools.analysis.compared import Counted, Side
from prof.tools.analysis.options import Options, Sort
from prof.tools.analysis.owners import Charges, owners
from prof.tools.analysis.sections import Fact, Note, Section, Verdict
from prof.tools.analysis.source_lines import Names, SourceLine
from prof.tools.analysis.whose import Whose
from prof.tools.screen.colours import Families
from prof.tools.screen.tables import Column

if TYPE_CHECKING:
    from prof.tools.analysis.findings.evidence import Evidence
    from prof.tools.analysis.summary import Summary


# Columns of a mode, before those of others and behind them.
Around = tuple[list[Column], list[Column]]


@frozen
class TreeColumn:
    """What a call tree can be by: a column of `Tree`."""

    title: str
    """Of the column."""
    words: str
    """Behind an amount: `3.1 MiB allocated`."""
    format: Callable[[int], str]
    lines: bool = False
    """Whether lines have some of it, so that they can be shown below their functions."""
    time: bool = False
    title_beside: str = ""
    """The title beside another column, where that differs."""


@frozen
class Margin:
    """A column beside the source: it is there when the capture has `column`. `words` say what it is."""

    title: str
    column: str
    style: str
    format: Callable[[int], str]
    words: str
    largest: bool = False
    """Whether parts of a line have a figure each, of which the largest is the line's; they are summed up otherwise."""


@frozen
class Fields:
    """Fields of `Function` that the page shows where the capture has the column `needs`, in a group of that title."""

    needs: str
    group: str
    columns: tuple[tuple[str, str, str], ...]
    """(field, its title, its unit)."""


@frozen
class Charge:
    """What own functions are charged with, with what libraries took for them: a column of the tree."""

    column: str
    title: str
    """Above a column."""
    words: str
    """Behind `by`, in a heading."""
    total: str
    """The field of `Function` with the same of a function and all that it called."""
    format: Callable[[int], str]


class View:
    """A mode in one capture. What is said of all captures is asked of the class."""

    name: ClassVar[str]
    """The mode's, which is also its style in tables."""
    terminal: ClassVar[str] = "bold"
    """That style, in rich's words."""
    facts_order: ClassVar[int] = 50
    """Where its facts stand in the header."""
    beside_order: ClassVar[int] = 50
    """Where its columns stand beside those of others."""
    line_order: ClassVar[int] = 50
    """Where what it says of a line stands in the JSON report: what the tree holds comes first."""
    sorts: ClassVar[dict[str, Sort]] = {}
    """By what `prof report --sort` can order, the first unless something is asked for."""
    tree_columns: ClassVar[dict[str, TreeColumn]] = {}
    """What the call tree can be by, the first unless something is asked for."""
    counted: ClassVar[tuple[Counted, ...]] = ()
    """What `prof diff` compares, exact counts only."""
    by_interval: ClassVar[tuple[Counted, ...]] = ()
    """What `prof diff` compares by interval, since no two runs have it alike: of functions, by `timings`."""
    line_keys: ClassVar[tuple[str, ...]] = ()
    """What it counts of lines and calls beside that."""
    margins: ClassVar[dict[str, Margin]] = {}
    """Columns of `prof report --source`."""
    fields: ClassVar[tuple[Fields, ...]] = ()
    """Of functions in the page, beside the measures."""
    themes: ClassVar[dict[str, Families]] = {}
    """Colours of the frames, by measure."""
    has_sections: ClassVar[bool] = True
    """Whether the report has tables of its own."""
    wide: ClassVar[bool] = False
    """Whether its columns take so much room that less of the other modes fits."""
    counting: ClassVar[str] = ""
    """What it counts, where that took time while spans were measured."""
    line_column: ClassVar[str] = ""
    """The column by which lines have most of it; empty where lines have nothing of it."""
    beside_rank: ClassVar[int] = 1
    """The rank of other modes' columns beside its own in a table that it leads."""
    moved_by_jit: ClassVar[str] = ""
    """Whose lines are those where compiled code begins: it finds them by where the interpreter says that it is."""
    answers: ClassVar[str] = ""
    """What its verdict is about. Of modes that answer the same, the first with something to say does."""
    verdict_order: ClassVar[int] = 50
    """Where its verdict stands."""
    running: ClassVar[Mapping[str, str]] = {}
    """Of columns of the tree, the column that has what of them was not spent waiting."""
    estimates: ClassVar[bool] = False
    """Whether its figures are estimates, so that others' are to be called exact beside them."""

    def __init__(self, capture: Capture, tree: Tree, functions: Sequence[Function], whose: Whose) -> None:
        self.capture, self.tree, self.functions, self.whose = capture, tree, functions, whose
        self._charges: dict[tuple[str, bool], Charges] = {}

    @classmethod
    def recorded(cls, capture: Capture) -> bool:
        """Whether a capture has this mode."""
        return MODES[cls.name].recorded(capture)

    # ---- for people ----

    def facts(self, summary: Summary) -> Iterator[Fact]:
        """What the header says of it."""
        yield from ()

    def verdict(self, most: int = 0) -> Iterator[Verdict]:
        """Where most of what it measures went: the user's own functions, most first; `most` of each kind, or, with 0,
        as many as a report begins with."""
        yield from ()

    def findings(self, summary: Summary) -> Iterator[Evidence]:
        """What it has found at single lines: see `prof.tools.analysis.findings`."""
        yield from ()

    def in_short(self, summary: Summary) -> Iterator[str]:
        """What it recorded, in a few words."""
        yield from ()

    @property
    def charge(self) -> Charge | None:
        """What of it own functions are charged with, if anything."""
        return None

    def charged(self, column: str, idle: bool = False) -> Charges:
        """What own functions are to be charged with of a column of the tree; `whole` is what shares are of. `idle` is
        with what threads waited for work, where it is known. The verdict and several tables ask: it is worked out once.
        """
        if (column, idle) not in self._charges:
            self._charges[column, idle] = self._charged(column, idle)
        return self._charges[column, idle]

    def _charged(self, column: str, idle: bool) -> Charges:
        return owners(self.capture, self.tree, column, self.whose)

    def warnings(self) -> Iterator[str]:
        """Reasons to doubt its figures."""
        yield from ()

    def columns(self, shown: Sequence[Function], options: Options, summary: Summary) -> Around:
        """The columns of a table of functions that it leads: those before other modes' columns, and those behind."""
        return [Column("calls", [f"{f.calls:,}" if f.calls else "-" for f in shown])], []

    def columns_beside(self, shown: Sequence[Function], lead: View, placed: Sequence[Column]) -> list[Column]:
        """Its columns in a table that another mode leads; `placed` are those of other modes before them."""
        return []

    def notes_below(self, shown: Sequence[Function]) -> Iterator[Note]:
        """What is said below a table of functions."""
        yield from ()

    def section_order(self, options: Options) -> int:
        """Where its sections stand in the report."""
        return self.facts_order

    def sections(self, summary: Summary, options: Options) -> Iterator[Section]:
        """Its part of the report."""
        yield from ()

    import_sort: ClassVar[tuple[str, str] | None] = None
    """What imports are sorted by, a field of `Function` and its words; None: it says nothing of imports."""

    def import_columns(self, shown: Sequence[Function]) -> list[Column]:
        return []

    def collection_columns(self, rows: Sequence[Function], summary: Summary) -> Around:
        """Of garbage collections: columns before their number, and behind it."""
        return [], []

    def functions_beyond(self) -> Iterable[Function]:
        """Functions that it met outside of all that the tree has."""
        return ()

    def lines_inclusive(self) -> Mapping[Place, Totals]:
        """Lines with all that they called."""
        return {}

    def edge_sections(self, function: Function, callers: bool, options: Options) -> Iterator[Section]:
        """What is said of a function's callers, or of what it called, beside who they are."""
        yield from ()

    def edge_facts(self, function: Function) -> str:
        """What is said of a function above its callers."""
        return ""

    def edge_columns(self, function: Function, shown: Sequence[Edge]) -> list[Column]:
        return []

    def tree_whole(self, column: str, summary: Summary) -> int:
        """What percentages of the call tree are of."""
        return int(self.tree.inclusive(column)[0])

    def tree_columns_beside(self, column: str) -> list[tuple[str, int]]:
        """Its columns in a call tree by another column, each with its rank."""
        return []

    def listing_facts(self, values: dict[str, dict[int, int]]) -> Iterator[Fact]:
        """What is said of a file above its source, of the figures of its lines by margin."""
        yield from ()

    # ---- for other tools ----

    json_sort: ClassVar[str | None] = None
    """The field of `Function` that functions are sorted by where this mode is the first; None: as the tree is."""

    def session_values(self, summary: Summary) -> dict[str, Any]:
        """Keys of "session"."""
        return {}

    def function_values(self, function: Function) -> dict[str, Any]:
        """Keys of an entry of "functions"."""
        return {}

    def line_values(self, line: SourceLine) -> dict[str, Any]:
        """Keys of an entry of "lines"."""
        return {}

    def edge_values(self, edge: Edge) -> dict[str, Any]:
        """Keys of an entry of "edges"."""
        return {}

    def node_values(self, label: Label | None, node: int) -> dict[str, Any]:
        """Keys of an entry of "call_tree"; the root has no label."""
        return {}

    def documents(self, summary: Summary, limit: int) -> Iterator[tuple[int, str, Any]]:
        """Keys of its own: where they stand, the key, and what `prof.tools.screen.json_text.value` takes."""
        yield from ()

    # ---- lines, of any capture ----

    @classmethod
    def codes(cls, tree: Tree) -> Iterable[Code]:
        """The code objects that it knows of."""
        return ()

    @classmethod
    def sites(cls, tree: Tree, apart: bool) -> Iterable[Site]:
        """The lines that it saw executed."""
        return ()

    @classmethod
    def call_sites(cls, tree: Tree) -> Iterable[Site]:
        """The calls that it saw, by line and by the name that the source has for what is called."""
        return ()

    @classmethod
    def line_records(cls, capture: Capture, tree: Tree) -> Iterable[Line]:
        """The lines of the tree that have something of it, most first."""
        return ()

    @classmethod
    def line_totals(cls, capture: Capture, tree: Tree) -> Mapping[In, Mapping[str, int]]:
        """What it knows of lines and all that they called, by column of the tree."""
        return {}

    @classmethod
    def line_margins(cls, capture: Capture, tree: Tree, file: str) -> Iterator[tuple[str, int, int]]:
        """What it adds to margins of a file's lines as a whole: the margin, the line, and the number."""
        yield from ()

    @classmethod
    def line_amount(cls, line: SourceLine, column: str) -> int:
        """What a line has in a column of the tree."""
        return getattr(line.record, column, None) or 0

    @classmethod
    def line_counts(cls, lines: Sequence[SourceLine]) -> Iterator[tuple[str, Sequence[int]]]:
        """What lines have beside the measures: the key and title, and a number a line."""
        yield from ()

    @classmethod
    def margin_figures(cls, line: SourceLine) -> Iterator[tuple[str, int | None]]:
        """What a line adds to margins."""
        yield from ()

    @classmethod
    def function_figures(cls, function: Function) -> Iterator[tuple[str, int]]:
        """What a function adds to margins of the line that it begins on."""
        yield from ()

    # ---- captures beside each other ----

    @classmethod
    def check(cls, before: Capture, after: Capture) -> None:
        """Raises InputError where its counts of two captures say nothing beside each other."""

    @classmethod
    def inexact(cls, functions: Sequence[Function]) -> Iterable[str]:
        """The names of functions whose counts are not exact."""
        return ()

    @classmethod
    def timings(cls, capture: Capture, tree: Tree, functions: Sequence[Function]) -> Iterable[tuple[Function, int]]:
        """What each function has of `by_interval`, of its own."""
        return ()

    @classmethod
    def add_lines(cls, side: Side, tree: Tree, names: Names) -> None:
        """Adds its lines and calls to a side of a comparison."""
