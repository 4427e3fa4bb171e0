"""What the file itself calls `profiled`, `profile` and `end`, and what we therefore call ours."""

from __future__ import annotations

import ast
import re
import unicodedata

from attrs import frozen

from .refusal import Refusal
from .source import text_of
from .tags import alias

# A file that asks which names it has, say to hold them against `__all__`.
LISTING = re.compile(rb"\b(?:dir|globals|locals|vars)[ \t]*\([ \t]*\)")


@frozen
class Names:
    """`bound`: what the file calls each name needed. `missing`: those the header must import."""

    bound: dict[str, str]
    missing: dict[str, str]


def settle(tree: ast.Module, source: bytes, wanted: tuple[str, ...], first: int, star: bool) -> Names:
    """Decide what each of `wanted` is called, for edits from line `first` on.

    A name is taken as soon as the file uses it for anything: even only reading it means that somebody else
    provides it (kernprof puts `profile` into the builtins). After a star import none is safe, and where the file
    lists its own names, they are none of its public ones. Where the user's own top-level `from prof import …`
    binds it above `first`, and nothing else does, it serves. Raises `Refusal` when even the alias is taken.
    """
    hidden = star or LISTING.search(source) is not None
    if not _mentions(source, [*wanted, *map(alias, wanted)]):
        plain = {n: alias(n) if hidden else n for n in wanted}
        return Names(plain, plain)
    served = _served(tree, first)
    bound_in_file, reads = occurrences(tree, served)
    bound: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in wanted:
        if name in served and not star and name not in bound_in_file:
            bound[name] = name
            continue
        taken = hidden or name in bound_in_file or name in reads
        bound[name] = missing[name] = alias(name) if taken else name
        if taken and (alias(name) in bound_in_file or alias(name) in reads):
            raise Refusal(0, f"both {name} and {alias(name)} are names of the file's own")
    return Names(bound, missing)


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
