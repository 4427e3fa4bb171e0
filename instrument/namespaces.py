"""Class bodies whose namespace may make names up, and the `global` line that keeps ours out of it.

A class body looks a name up in its own namespace first, and a metaclass decides what that is (`__prepare__`). Declared
`global` in that body, the name is looked up in the module and the builtins, whatever the namespace is.
"""

from __future__ import annotations

import ast
import builtins
import sys

from .rules import dotted
from .scan import Scan

_BUILTINS = frozenset(dir(builtins))


def unknown(found: Scan) -> set[int]:
    """The `id`s of the classes of which the file does not say that their namespace is a plain one."""
    by_name: dict[str, list[ast.ClassDef]] = {}
    for node in found.classes:
        by_name.setdefault(node.name, []).append(node)
    plain: dict[int, bool] = {}

    def is_plain(node: ast.ClassDef) -> bool:
        if id(node) not in plain:
            plain[id(node)] = True  # a base of its own name, imported or defined above, is looked at once
            metaclass = [k.value for k in node.keywords if k.arg in (None, "metaclass")]
            plain[id(node)] = all(known(x) for x in metaclass) and all(known(b, bases=True) for b in node.bases)
        return plain[id(node)]

    def known(node: ast.expr, bases: bool = False) -> bool:
        name = dotted(node)
        root = name.partition(".")[0]
        if root in found.imported:
            return found.imported[root].partition(".")[0] in sys.stdlib_module_names
        if name in by_name:
            return bases and all(map(is_plain, by_name[name]))
        return name in _BUILTINS

    return {id(node) for node in found.classes if not is_plain(node)}
