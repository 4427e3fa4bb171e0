"""The table of rules: what is skipped, under whatever name it was imported."""

from __future__ import annotations

import pytest
from prof.instrument.codemod import instrument
from prof.instrument.plan import Options
from prof.instrument.rules import RULES, Rule


@pytest.mark.parametrize(
    ("source", "skipped"),
    [
        ("from typing import overload\n@overload\ndef f(): ...\ndef f(): ...\n", {"overload": 1}),
        ("import typing as t\n@t.overload\ndef f(): ...\n", {"overload": 1}),
        ("from typing_extensions import overload as o\n@o\ndef f(): ...\n", {"overload": 1}),
        ("from typing import *\n@overload\ndef f(): ...\n", {"overload": 1}),
        ("def overload(f): return f\n@overload\ndef g(): ...\n", {}),
        ("import numba\n@numba.njit\ndef f(): ...\n", {"numba": 1}),
        ("import numba as nb\n@nb.jit(nopython=True)\ndef f():\n    def g(): ...\n", {"numba": 2}),
        ("from numba import cuda\n@cuda.jit\ndef f(): ...\n", {"numba": 1}),
        ("from numba import vectorize\n@vectorize(['f8(f8)'])\ndef f(x): ...\n", {"numba": 1}),
        (
            "try:\n    from numba import njit\nexcept ImportError: njit = str\n@njit\ndef f(): ...\n",
            {"numba": 1},
        ),
        ("from .compiled import njit\n@njit\ndef f(): ...\n", {"numba": 1}),
        (
            "import cython\n@cython.cfunc\ndef f(): ...\n@cython.boundscheck(False)\ndef g(): ...\n",
            {"cython": 1},
        ),
        ("import torch\n@torch.jit.script\ndef f(): ...\n", {"torch": 1}),
        ("import triton\n@triton.jit\ndef f(): ...\n", {"triton": 1}),
        ("import taichi as ti\n@ti.kernel\ndef f(): ...\n@ti.func\ndef g(): ...\n", {"taichi": 2}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  def f(): ...\nelse:\n  def g(): ...\n",
            {"type-checking": 1},
        ),
        (
            "import typing\nif not typing.TYPE_CHECKING:\n    def f(): ...\nelse:\n    def g(): ...\n",
            {"type-checking": 1},
        ),
        ("import prof\n@prof.profiled('ops')\ndef f():\n    def g(): ...\n", {"already": 1}),
        ("import numpy as np\n@np.vectorize\ndef f(): ...\n", {}),
        ("@registry['x'].add\n@(lambda f: f)\ndef f(): ...\n", {}),
    ],
)
def test_skipped(source: str, skipped: dict[str, int]) -> None:
    assert instrument(source.encode()).skipped == skipped


HELPER = "def helper(x): return x\ndef main(): pass\n"


@pytest.mark.parametrize(
    ("source", "skipped"),
    [
        (f"import numba\n{HELPER}fast = numba.njit(helper)\n", {"numba": 1}),
        (f"import numba as nb\n{HELPER}fast = nb.njit(cache=True)(helper)\n", {"numba": 1}),
        (f"from numba import jit\n{HELPER}fast = jit(nopython=True)(helper)\n", {"numba": 1}),
        (f"from numba import njit as J\n{HELPER}fast = J(helper)\n", {"numba": 1}),
        (f"from numba import njit\nJ = njit\n{HELPER}fast = J(helper)\n", {"numba": 1}),
        ("from numba import njit\nJ = njit(cache=True)\n@J\ndef f(): ...\n", {"numba": 1}),
        ("import numba\nif numba:\n    J = numba.njit\nelse:\n    J = str\n@J\ndef f(): ...\n", {"numba": 1}),
        (
            "from functools import partial\nfrom numba import njit\nJ = partial(njit, cache=True)\n@J\ndef f(): ...\n",
            {"numba": 1},
        ),
        ("from numba import njit\ndef J(f): return njit(f)\n@J\ndef f(): ...\n", {"numba": 1}),
        ("from numba import njit\ndef J(f):\n    return njit(cache=True)(f)\n@J\ndef f(): ...\n", {"numba": 1}),
        ("from numba import njit\ndef J(**k): return njit(**k)\n@J(x=1)\ndef f(): ...\n", {"numba": 1}),
        (
            "from numba import njit\ndef J(x):\n    def d(f): return njit(f)\n    return d\n@J(1)\ndef f(): ...\n",
            {"numba": 1},
        ),
        (
            "from numba.experimental import jitclass\n@jitclass\nclass A:\n  def f(self): ...\n  def g(self): ...\n",
            {"numba": 2},
        ),
        ("from numba import jitclass\nclass A:\n    def f(self): ...\nB = jitclass([])(A)\n", {"numba": 1}),
        (
            "from numba import cfunc, stencil\ndef f(x): ...\ndef g(x): ...\na = cfunc('f8(f8)')(f), stencil(g)\n",
            {"numba": 2},
        ),
        ("import numba\nclass A:\n    def f(x): ...\n    def h(self): self.f = numba.njit(A.f)\n", {"numba": 1}),
        (f"import torch\n{HELPER}fast = torch.compile(helper)\n", {"torch": 1}),
        (f"from numba import njit\n{HELPER}helper(njit)\nprint(helper, njit)\n", {}),
        (f"import numba\n{HELPER}numba.set_num_threads(2)\nmap(print, [helper])\n", {}),
    ],
)
def test_what_a_compiler_is_given_otherwise(source: str, skipped: dict[str, int]) -> None:
    assert instrument(source.encode()).skipped == skipped


def test_own_rules() -> None:
    rules = (
        Rule("fast", "", decorators=("mylib.fast",)),
        Rule("tiny", "", functions=("A.*", "*.<never>", "tiny")),
        *RULES,
    )
    source = b"import mylib\n@mylib.fast()\ndef a(): ...\n"
    source += b"class A:\n    def b(self): ...\ndef tiny(): ...\ndef c(): ...\n"
    result = instrument(source, Options(rules=rules))
    assert result.skipped == {"fast": 1, "tiny": 2}
    assert result.functions == 1


def test_every_rule_says_why() -> None:
    assert all(rule.name and rule.reason for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)
