"""Which functions are left alone, and why: one table, which `[tool.prof.skip]` in pyproject.toml extends.

A row names decorators by the dotted name they were imported under (`nb.njit` after `import numba as nb` is
`numba.njit`), or functions by their qualified name in the module (`Class.method`); both as `fnmatch`
patterns.
"""

from __future__ import annotations

import ast
import re
from fnmatch import translate
from functools import lru_cache

from attrs import frozen


@frozen
class Rule:
    """A reason to skip a function. With `nested`, the functions defined inside it are skipped as well. `compiles`: the
    decorators are compilers, which may also be called with a function, or wrapped."""

    name: str
    reason: str
    decorators: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    nested: bool = False
    compiles: bool = False


def _compiled(name: str, by: str, *decorators: str) -> Rule:
    # They read or translate the function's source or bytecode, and that of whatever is nested in it.
    return Rule(name, f"compiled by {by}", decorators, nested=True, compiles=True)


# Not found by name: the scan knows it from where the function stands.
TYPE_CHECKING = Rule("type-checking", "under `if TYPE_CHECKING`, never runs")
# Nor this: `line_numbers` looks for it.
LINE_NUMBERS = Rule("line-numbers", "computes with its own line numbers", nested=True)

# Only in projects that it compiles.
MYPYC = Rule("mypyc", "mypyc takes no decorator on `__init__`", functions=("*.__init__",))

RULES: tuple[Rule, ...] = (
    Rule("already", "decorated with profiled by hand", ("prof.profiled",)),
    Rule(
        "overload",
        "a signature for type checkers, never called",
        ("typing.overload", "typing_extensions.overload"),
    ),
    TYPE_CHECKING,
    LINE_NUMBERS,
    _compiled("numba", "numba", "numba.*", "*.njit", "*.guvectorize", "*.cuda.jit", "*.jitclass"),
    _compiled("cython", "Cython", "cython.cfunc", "cython.ccall", "cython.inline", "cython.compile"),
    _compiled("torch", "PyTorch", "torch.jit.*", "torch.compile"),
    _compiled("triton", "Triton", "triton.jit", "triton.autotune", "triton.heuristics"),
    _compiled("taichi", "Taichi", "taichi.*"),
    _compiled("cupy", "CuPy", "cupy.fuse", "cupyx.jit.*"),
    _compiled("warp", "Warp", "warp.kernel", "warp.func"),
    _compiled("tvm", "TVM", "tvm.script.*"),
)


def dotted(node: ast.expr) -> str:
    """`a.b` of the decorators `@a.b`, `@a.b(...)` and `@a.b[...]`; empty for anything else."""
    parts: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return ""
    return ".".join([node.id, *reversed(parts)])


@lru_cache(maxsize=4096)
def rule_for_decorator(rules: tuple[Rule, ...], name: str) -> Rule | None:
    """The first rule that names the decorator `name`, a dotted name as imported."""
    return next((r for r in rules if any(_matches(p, name) for p in r.decorators)), None)


@lru_cache(maxsize=4096)
def rule_for_bare_name(rules: tuple[Rule, ...], name: str) -> Rule | None:
    """The first rule with a decorator that ends in `.name`, for names a star import may have brought."""
    return next((r for r in rules if any(p.endswith("." + name) for p in r.decorators)), None)


@lru_cache(maxsize=64)
def function_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules that name functions; usually none, and then no qualified name is ever looked at."""
    return tuple(r for r in rules if r.functions)


def rule_for_function(rules: tuple[Rule, ...], qualname: str) -> Rule | None:
    """The first rule that names the function `qualname`."""
    return next((r for r in function_rules(rules) if any(_matches(p, qualname) for p in r.functions)), None)


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))


def _matches(glob: str, name: str) -> bool:
    return _pattern(glob).match(name) is not None
