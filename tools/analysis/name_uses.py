"""What the operations of a capture come to, by the names in the source: what is called, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field
from prof.counted import Operands, Operations, Site

VARIABLES = ("local", "global", "closure")
ATTRIBUTES = ("attribute",)
CALLS = ("call",)


def callee(site: Site) -> str:
    """How a call site names what it calls: `name`, or `.name` of an attribute; empty where it does not."""
    return f".{site.name}" if site.category in ATTRIBUTES else site.name


def working(categories: Iterable[str]) -> list[str]:
    """The categories that make an expression worth listing: not names and constants, nor what branches list."""
    return [name for name in categories if name not in (*VARIABLES, "const", "branch", "iteration", "return")]


def with_types(operands: Operands) -> str:
    """An operation with the types of its operands: `int + int`, `Cart.items`, `dict[str]`."""
    types, name = operands.types or ("…",), operands.name
    if operands.category in ATTRIBUTES:
        return f"{types[0]}.{name}"
    if operands.category == "subscript":
        return f"{types[0]}[{', '.join(types[1:])}]"
    if operands.category == "iteration":
        return f"iter({types[0]})"
    if name and len(types) == 2:
        return f"{types[0]} {name} {types[1]}"
    return f"{name or operands.category} {', '.join(types)}"


@define
class OperandTypes:
    """Operands of the same types, over all instructions: how often they were seen, of how many executions."""

    text: str
    seen: int = 0
    count: int = 0
    places: int = 0
    functions: dict[str, int] = field(factory=dict)

    def add(self, operands: Operands) -> None:
        self.seen += operands.seen
        self.count += operands.count
        self.places += 1
        name = operands.code.name
        self.functions[name] = self.functions.get(name, 0) + operands.count


def operand_types(operations: Operations) -> list[OperandTypes]:
    """Types of operands, over all functions; those of the most executed instructions first."""
    found: dict[str, OperandTypes] = {}
    for operands in operations.operands():
        if operands.count:
            text = with_types(operands)
            found.setdefault(text, OperandTypes(text)).add(operands)
    return sorted(found.values(), key=lambda types: (-types.count, types.text))


@define
class NameUse:
    """One name, over all functions that it is the same in; `functions` has each one's part."""

    name: str
    scope: str
    count: int = 0
    places: int = 0
    reads: int = 0
    writes: int = 0
    deletes: int = 0
    functions: dict[str, int] = field(factory=dict)

    def add(self, site: Site) -> None:
        self.count += site.count
        self.places += site.instructions
        self.reads += site.reads
        self.writes += site.writes
        self.deletes += site.deletes
        self.functions[site.code.name] = self.functions.get(site.code.name, 0) + site.count


def _merge(sites: Iterable[Site], name: Callable[[Site], str], apart: Callable[[Site], str]) -> list[NameUse]:
    found: dict[tuple[str, str, str], NameUse] = {}
    for site in sites:
        key = (name(site), site.category, apart(site))
        found.setdefault(key, NameUse(key[0], site.category)).add(site)
    return sorted(found.values(), key=lambda use: (-use.count, use.name, sorted(use.functions)))


def calls(operations: Operations) -> list[NameUse]:
    """Calls by what the call site names, over all functions; most calls first."""
    return _merge(operations.sites("callee", CALLS)[0], callee, lambda site: "")


def variables(operations: Operations) -> list[NameUse]:
    """Reads and writes of variables: globals by file, the others by function; most first."""
    sites = operations.sites("name", VARIABLES)[0]
    return _merge(sites, lambda site: site.name, lambda s: s.code.file if s.category == "global" else s.code.name)


def attributes(operations: Operations) -> list[NameUse]:
    """Reads and writes of attributes by name, whatever they are of; most first."""
    return _merge(operations.sites("name", ATTRIBUTES)[0], lambda site: site.name, lambda site: "")
