"""Functions that a compiler gets to see other than by a decorator of its own: by a call, under another name, through a
wrapper of the file's, or as methods of a compiled class."""

from __future__ import annotations

import ast

from .rules import Rule, dotted
from .scan import Scan, rule_of

_Rules = tuple[Rule, ...]


def apply(tree: ast.Module, found: Scan, rules: _Rules) -> None:
    """Set `rule` on the functions that are compiled so. Files that import no compiler are not walked."""
    compilers = tuple(r for r in rules if r.compiles)
    if not any(rule_of(name, found, compilers) for name in found.imported) and not _modules(found, compilers):
        return
    nodes = list(ast.walk(tree))
    while _name_aliases(nodes, found, compilers):
        pass
    by_name: dict[str, list[ast.AST]] = {}
    for definition in [*found.classes, *(f.node for f in found.functions)]:
        by_name.setdefault(definition.name, []).append(definition)
    given: dict[int, Rule] = {}
    for node in nodes:
        if isinstance(node, ast.Call) and node.args:
            rule = rule_of(dotted(node.func), found, compilers)
            if rule:
                targets = [t for a in node.args for t in by_name.get(dotted(a).rpartition(".")[2], ())]
                given.update((id(t), rule) for t in targets)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            named = (rule_of(dotted(d), found, compilers) for d in node.decorator_list)
            given.update((id(node), r) for r in named if r)
    for f in found.functions:
        around = f.parent.rule if f.parent is not None else None
        if f.rule is None:
            f.rule = around if around is not None and around.nested else given.get(id(f.node)) or given.get(id(f.owner))


def _modules(found: Scan, compilers: _Rules) -> bool:
    """Whether a module is imported that has a compiler in it: `import numba as nb`."""
    tops = {p.partition(".")[0] for r in compilers for p in r.decorators} - {"*"}
    return any(origin.lstrip(".").partition(".")[0] in tops for origin in found.imported.values())


def _name_aliases(nodes: list[ast.AST], found: Scan, compilers: _Rules) -> bool:
    """Note under what other names the file has a compiler; whether there was a new one."""
    new = False
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            origin = _origin(node.value, found, compilers)
            name = dotted(node.targets[0]) if isinstance(node.targets[0], (ast.Name, ast.Attribute)) else ""
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            origin, name = _wraps(node, found, compilers), node.name
        else:
            continue
        if origin and name and name not in found.imported and name not in found.aliases:
            found.aliases[name] = origin
            new = True
    return new


def _origin(value: ast.expr, found: Scan, compilers: _Rules) -> str:
    """The compiler that `value` is: `njit`, `njit(cache=True)`, `partial(njit, cache=True)`; empty for none."""
    if isinstance(value, ast.IfExp):
        return _origin(value.body, found, compilers) or _origin(value.orelse, found, compilers)
    if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] == "partial" and value.args:
        return _origin(value.args[0], found, compilers)
    names = {f.node.name for f in found.functions} | {c.name for c in found.classes}
    if isinstance(value, ast.Call) and any(dotted(a).rpartition(".")[2] in names for a in value.args):
        return ""  # what has been compiled, not what compiles
    name = dotted(value)
    return name if name and rule_of(name, found, compilers) else ""


def _wraps(function: ast.FunctionDef | ast.AsyncFunctionDef, found: Scan, compilers: _Rules) -> str:
    """The compiler that a function of the file gives its argument to, or returns; empty for none."""
    a = function.args
    parameters = {p.arg for p in [*a.posonlyargs, *a.args, *a.kwonlyargs]}
    for node in ast.walk(function):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)) and node is not function:
            parameters.update(p.arg for p in node.args.args)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and any(isinstance(x, ast.Name) and x.id in parameters for x in node.args):
            name = dotted(node.func)
        elif isinstance(node, ast.Return) and node.value is not None:
            name = _origin(node.value, found, compilers)
        else:
            continue
        if name and rule_of(name, found, compilers):
            return name
    return ""
