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
