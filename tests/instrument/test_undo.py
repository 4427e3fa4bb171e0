"""Undo where the hash does not help: files edited since, tags in strings, leftovers."""

from __future__ import annotations

import pytest
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.plan import Options
from prof.instrument.refusal import Refusal

SOURCE = b"""\
import os

def f():
    # profile! work
    x = 1
    # end! work
    return x

class A:
    def g(self):
        for i in ():
            pass
"""
DONE = instrument(SOURCE, Options(sections=frozenset({"loops"}))).data


def test_exact() -> None:
    assert DONE.count(b"# prof:auto") == 6
    assert uninstrument(DONE).data == SOURCE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"x = 1", b"x = 2"),
        (b"import os\n", b"import os\nimport sys\n\ndef new(): pass\n"),
        (b"class A:\n", b"class A:\n    '''Doc.'''\n"),
        (b"class A:\n", b"class A:\n    note = '''\n@profiled  # prof:auto\n'''\n"),
    ],
)
def test_edited_since(old: bytes, new: bytes) -> None:
    assert old in SOURCE
    undone = uninstrument(DONE.replace(old, new))
    assert undone.edited
    assert undone.data == SOURCE.replace(old, new)


def test_line_ends_changed_since() -> None:
    undone = uninstrument(DONE.replace(b"\n", b"\r\n"))
    assert undone.edited
    assert undone.data == SOURCE.replace(b"\n", b"\r\n")


def test_import_moved_by_a_sorter() -> None:
    header = b"".join(DONE.splitlines(True)[:2])
    assert b" n=" in header and b"import profiled" in header
    moved = DONE.replace(header, b"").replace(b"import os\n", b"import os\n" + header)
    assert uninstrument(moved).data == SOURCE


def test_edit_that_only_reindents_our_lines() -> None:
    assert uninstrument(DONE.replace(b"    @profiled  #", b"    @profiled   #")).data == SOURCE


def test_header_gone() -> None:
    headless = b"".join(DONE.splitlines(True)[2:])
    undone = uninstrument(headless)
    assert undone.edited
    assert undone.data == SOURCE


def test_instrumenting_an_edited_file_finds_what_is_new() -> None:
    edited = DONE + b"\ndef new(): pass\n"
    result = instrument(edited)
    assert b"@profiled  # prof:auto\ndef new" in result.data
    assert uninstrument(result.data).data == SOURCE + b"\ndef new(): pass\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"@profiled  # prof:auto\ndef f", b"@profiled('time')  # prof:auto\ndef f", "not as it was written"),
        (b"class A:\n", b"@profiled\ndef new(): pass\nclass A:\n", "uses a name that our header provides"),
        (b"import os\n", b"import os(\n", "does not compile"),
        (b"def f():\n", b"def f():\n    if x:\n        profiled.end('a')  # prof:auto\n", "does not compile"),
    ],
)
def test_refused(old: bytes, new: bytes, reason: str) -> None:
    assert old in DONE
    with pytest.raises(Refusal, match=reason.replace("(", r"\(")) as caught:
        uninstrument(DONE.replace(old, new))
    assert caught.value.line > 0


@pytest.mark.parametrize(
    "source",
    [
        b"x = '''\n@profiled  # prof:auto\n'''\n",
        b"# @profiled  # prof:auto\n",
        b"x = 1  # prof:auto\n",
        b'profile("a")  # profile! a\n',
        b'TAG = b"# prof:auto"\n',
    ],
)
def test_tags_that_are_not_ours(source: bytes) -> None:
    assert uninstrument(source).data == source


def test_twice_tagged_strings() -> None:
    source = b"def f():\n    return '''\n    @profiled  # prof:auto\n    ''', "
    source += b"'''\n    @profiled  # prof:auto\n'''\n"
    assert uninstrument(instrument(source).data).data == source


def test_a_call_that_reads_like_a_converted_marker() -> None:
    # Undoing it would take the call out: refused rather than lost.
    source = b'def f():\n    profile("a")  # profile! a\n    # profile! b\n    # end! b\n'
    with pytest.raises(Refusal, match="byte for byte"):
        instrument(source)
