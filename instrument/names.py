"""What a file's edits call `profiled`, and what its header has to do for that."""

from __future__ import annotations

import ast
import re
import unicodedata
from enum import Enum

from attrs import frozen

from .refusal import Refusal
from .source import text_of
from .tags import PRIVATE, PROFILED


class Header(Enum):
    """How the name comes to be known: it is in the builtins, the header binds it, or the user's import does."""

    LOADS = 1
    BINDS = 2
    SERVED = 3


@frozen
class Name:
    """What the edits call `profiled`, and what provides it."""

    used: str
    header: Header


def settle(tree: ast.Module, source: bytes, first: int, star: bool, binds: bool) -> Name:
    """Decide what `profiled` is called, for edits from line `first` on.

    A name is taken as soon as the file uses it for anything: even only reading it means that somebody else
    provides it. After a star import it is not safe either. Where the user's own top-level `from prof import …` binds
    it above `first`, and nothing else does, it serves. `binds`: it must be a name of the module's own, to be taken
    along by functions that travel by value, or for a compiler that does not look into the builtins. Raises `Refusal`
    when even the private name is taken.
    """
    bound: set[str] = set()
    reads: dict[str, int] = {}
    if _mentions(source, [PROFILED, PRIVATE, "__import__"]):
        served = _served(tree, first)
        bound, reads = occurrences(tree, served)
        if PROFILED in served and not star and PROFILED not in bound:
            return Name(PROFILED, Header.SERVED)
    binds = binds or "__import__" in bound
    used = PRIVATE if star or binds or PROFILED in bound or PROFILED in reads else PROFILED
    if used == PRIVATE and (PRIVATE in bound or PRIVATE in reads):
        raise Refusal(0, f"both {PROFILED} and {PRIVATE} are names of the file's own")
    return Name(used, Header.BINDS if binds else Header.LOADS)


def _mentions(source: bytes, names: list[str]) -> bool:
    """Whether any of `names` is a word in the file. Spares most files the walk over their whole tree."""
    words = rf"\b(?:{'|'.join(names)})\b"
    if source.isascii() and b"utf" not in source[:200].lower():
        return re.search(words.encode(), source) is not None
    # Identifiers are normalised (ᵉnd is end), and utf-7 spells letters as +AGU-.
    return re.search(words, unicodedata.normalize("NFKC", text_of(source))) is not None


def _served(tree: ast.Module, first: int) -> dict[str, int]:
    """The names a top-level `from prof import` above line `first` binds unchanged, with its node's id."""
    return {
        a.name: id(s)
        for s in tree.body
        if isinstance(s, ast.ImportFrom) and s.module == "prof" and not s.level and s.lineno < first
        for a in s.names
        if a.asname in (None, a.name)
    }


def occurrences(tree: ast.Module, served: dict[str, int] | None = None) -> tuple[set[str], dict[str, int]]:
    """The names bound or deleted anywhere, in any scope, and those read, with the line of one reading.

    Bindings listed in `served` (name, id of the import statement) are left out.
    """
    bound: set[str] = set()
    reads: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                reads.setdefault(node.id, node.lineno)
            else:
                bound.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for a in node.names:
                name = a.asname or a.name.partition(".")[0]
                if not served or served.get(name) != id(node):
                    bound.add(name)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            bound.update(node.names)
        elif not isinstance(node, (ast.keyword, ast.alias)):
            # Every other binder keeps its name in one of these: def, class, except, arguments, match
            # captures, type parameters.
            for attribute in ("name", "arg", "rest"):
                value = getattr(node, attribute, None)
                if isinstance(value, str):
                    bound.add(value)
    return bound, reads
