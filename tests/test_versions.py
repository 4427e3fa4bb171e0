"""What is known of CPython's versions stands in csrc/python/version/, one file a version, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prof._core import lib

CSRC = Path(__file__).parents[1] / "csrc"
VERSION = CSRC / "python" / "version"
VERSIONS = sorted(VERSION.glob("v3_*.h"))
QUIRKS = re.findall(r"^QUIRK\((\w+)\)$", (VERSION / "quirks.def").read_text(), re.MULTILINE)


def _code(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def _defined(path: Path) -> set[str]:
    """The macros, types and functions that a version's file gives to others."""
    text = _code(path)
    kinds = (r"#define (PROF_\w+)", r"^static inline .*?\b(prof_py_\w+)\(", r"^typedef .*\b(prof_py_\w+);")
    found = re.findall("|".join(kinds), text, re.MULTILINE)
    return {name for names in found for name in names if name} - {"PROF_PY_BORROWED_BUILD_CORE"}


def test_only_the_folder_of_versions_knows_the_interpreters_structures() -> None:
    inner = r"PY_VERSION_HEX|\bpycore_|\binternal/|\b_Py_CODEUNIT\b|\b_PyCode_CODE\b|\b_PyInterpreterFrame\b"
    inner += r"|\b_co_first\w+"
    inner += r"|->(?:cframe|current_frame|interp|datastack_\w+|localsplus|prev_instr|instr_ptr|gi_\w+|f_\w+)\b"
    found = [
        f"{path.relative_to(CSRC)}: {match[0]}"
        for path in sorted((CSRC / "python").glob("*.[ch]"))
        if path.parent != VERSION
        for match in re.finditer(inner, _code(path))
    ]
    assert found == []


def test_one_chain_asks_for_the_version() -> None:
    """A version's file holds for its version: nothing in it is conditional on one."""
    asks = re.compile(r"#\s*(?:el)?if\b.*PY_VERSION_HEX")
    assert [path.name for path in VERSION.iterdir() if asks.search(path.read_text())] == ["version.h"]


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_versions_define_the_same(path: Path) -> None:
    own = {"prof_py_get_raised", "prof_py_set_raised"}  # 3.11: what the public interface has from 3.12 on
    assert _defined(path) - own == _defined(VERSIONS[-1])


def test_an_unknown_version_has_the_quirks_and_no_copies() -> None:
    defined = _defined(VERSION / "unknown.h")
    assert {f"PROF_QUIRK_{name}" for name in QUIRKS} <= defined <= _defined(VERSIONS[-1])


def test_quirks_are_told_to_python() -> None:
    assert len(QUIRKS) > 5
    assert all(isinstance(getattr(lib, f"PROF_QUIRK_{name}"), int) for name in QUIRKS)
