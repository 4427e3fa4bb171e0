"""One walk over a tree's statements: the functions in it, and what its imports call things."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from attrs import define, field

from .rules import TYPE_CHECKING, Rule, dotted, rule_for_bare_name, rule_for_decorator, rule_for_function

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

# The statement lists of every node that has some. Expressions cannot hold a `def`, so they are never entered:
# this is five times faster than `ast.walk`.
BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.FunctionDef: ("body",),
    ast.AsyncFunctionDef: ("body",),
    ast.ClassDef: ("body",),
    ast.If: ("body", "orelse"),
    ast.For: ("body", "orelse"),
    ast.AsyncFor: ("body", "orelse"),
    ast.While: ("body", "orelse"),
    ast.With: ("body",),
    ast.AsyncWith: ("body",),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.TryStar: ("body", "handlers", "orelse", "finalbody"),
    ast.ExceptHandler: ("body",),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
}


@define
class Function:
    """A function of the file; `parent` is the function around it, `checking` says `if TYPE_CHECKING` is, `owner` is
    the class in whose body it stands."""

    node: FunctionNode
    qualname: str
    parent: Function | None
    checking: bool
    owner: ast.ClassDef | None = None
    rule: Rule | None = None


@define
class Scan:
    """What one walk found. Parents come before the functions inside them."""

    functions: list[Function] = field(factory=list)
    classes: list[ast.ClassDef] = field(factory=list)
    imported: dict[str, str] = field(factory=dict)  # local name -> dotted name
    aliases: dict[str, str] = field(factory=dict)  # other names of what was imported -> the name they stand for
    star: bool = False


# Statements, the qualified name before them, the function around them, whether TYPE_CHECKING guards them, and the class
# whose body they belong to.
_Todo = tuple[Sequence[ast.AST], str, Function | None, bool, ast.ClassDef | None]


def _is_type_checking(test: ast.expr) -> bool:
    return dotted(test).rpartition(".")[2] == "TYPE_CHECKING" and not isinstance(test, ast.Call)


def scan(tree: ast.Module) -> Scan:
    """Walk `tree` once. An explicit stack: nesting may be deeper than Python's own recursion limit."""
    found = Scan()
    stack: list[_Todo] = [(tree.body, "", None, False, None)]
    while stack:
        nodes, prefix, parent, checking, owner = stack.pop()
        for node in nodes:
            names = BLOCKS.get(type(node))
            if names is None:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    _note_import(node, found)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                qualname = prefix + node.name
                function = Function(node, qualname, parent, checking, owner)
                found.functions.append(function)
                stack.append((node.body, qualname + ".", function, checking, None))
            elif isinstance(node, ast.ClassDef):
                found.classes.append(node)
                stack.append((node.body, f"{prefix}{node.name}.", parent, checking, node))
            elif isinstance(node, ast.If):
                body, orelse = _guards(node.test, checking)
                stack += [(node.body, prefix, parent, body, owner), (node.orelse, prefix, parent, orelse, owner)]
            else:
                stack += [(getattr(node, name), prefix, parent, checking, owner) for name in names]
    return found


def _guards(test: ast.expr, checking: bool) -> tuple[bool, bool]:
    """Whether TYPE_CHECKING guards the two branches of an `if`."""
    if _is_type_checking(test):
        return True, checking
    negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and _is_type_checking(test.operand)
    return checking, checking or negated


def _note_import(node: ast.Import | ast.ImportFrom, found: Scan) -> None:
    if isinstance(node, ast.Import):
        for a in node.names:
            top = a.name if a.asname else a.name.partition(".")[0]
            found.imported[a.asname or top] = top
        return
    module = "." * node.level + (node.module or "")
    for a in node.names:
        if a.name == "*":
            found.star = True
        else:
            found.imported[a.asname or a.name] = f"{module}.{a.name}"


def apply_rules(found: Scan, rules: tuple[Rule, ...]) -> None:
    """Set `rule` on every function that is to be skipped."""
    for f in found.functions:
        if f.parent is not None and f.parent.rule is not None and f.parent.rule.nested:
            f.rule = f.parent.rule
        elif f.checking:
            f.rule = TYPE_CHECKING
        else:
            f.rule = _decorator_rule(f.node, found, rules) or rule_for_function(rules, f.qualname)


def _decorator_rule(node: FunctionNode, found: Scan, rules: tuple[Rule, ...]) -> Rule | None:
    return next((r for d in node.decorator_list if (r := rule_of(dotted(d), found, rules))), None)


def rule_of(name: str, found: Scan, rules: tuple[Rule, ...]) -> Rule | None:
    """The rule for what the file calls `name`, dotted."""
    name = found.aliases.get(name, name)
    if not name:
        return None
    root, dot, rest = name.partition(".")
    origin = found.imported.get(root)
    rule = rule_for_decorator(rules, origin + dot + rest if origin else name)
    if rule is None and origin is None and not dot and found.star:
        rule = rule_for_bare_name(rules, name)
    return rule
