"""Automatic sections: which blocks, which names, and the way back."""

from __future__ import annotations

import pytest
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.plan import Options
from prof.instrument.sections import slug

LOOPS = Options(sections=frozenset({"loops"}))
PARAGRAPHS = Options(sections=frozenset({"paragraphs"}))
BOTH = Options(sections=frozenset({"loops", "paragraphs"}))


def body(source: bytes, options: Options) -> bytes:
    """The instrumented file without its header; the way back is checked on the way."""
    result = instrument(source, options)
    assert uninstrument(result.data).data == source
    assert instrument(result.data, options).data == result.data
    return result.data.split(b"\n", 2)[2]


def test_loops() -> None:
    source = b"def f():\n    for line in fh:\n        while i < 3:\n            i += 1\n    return i\n"
    assert body(source, LOOPS) == (
        b"@profiled  # prof:auto\ndef f():\n"
        b'    profiled.profile("for_line_in_fh")  # prof:auto\n    for line in fh:\n'
        b'        profiled.profile("while_i_3")  # prof:auto\n        while i < 3:\n            i += 1\n'
        b'        profiled.end("while_i_3")  # prof:auto\n'
        b'    profiled.end("for_line_in_fh")  # prof:auto\n    return i\n'
    )


def test_equal_names_in_one_function_are_numbered() -> None:
    data = body(b"def f():\n    for x in y: pass\n    for x in y: pass\ndef g():\n    for x in y: pass\n", LOOPS)
    assert data.count(b'profiled.profile("for_x_in_y")') == 2
    assert data.count(b'profiled.profile("for_x_in_y_2")') == 1


@pytest.mark.parametrize(
    "source",
    [
        b"for x in y:\n    pass\n",  # no function around it
        b"def f():\n    try:\n        for x in y: pass\n    except A: pass\n",
        b"def f():\n    with suppress(A):\n        for x in y: pass\n",
        b"def f():\n    while 1:\n        for x in y: pass\n        else: break\n",  # the outer loop is one
        b"def f():\n    for x in y: pass",  # no EOL to put a line below
        b"import numba\n@numba.njit\ndef f():\n    for x in y: pass\n",
    ],
)
def test_loops_left_alone(source: bytes) -> None:
    assert b"for_x" not in body(source, LOOPS)


def test_paragraphs() -> None:
    source = (
        b"def f():\n    # Read the file: fast!\n    a = 1\n    b = 2\n\n    c = 3\n    d = 4\n"
        b"    # write it\n    # (slowly)\n    e = 5\n    if e:\n        return e\n"
    )
    assert body(source, PARAGRAPHS) == (
        b"@profiled  # prof:auto\ndef f():\n    # Read the file: fast!\n"
        b'    profiled.profile("read_the_file_fast")  # prof:auto\n    a = 1\n    b = 2\n'
        b'    profiled.end("read_the_file_fast")  # prof:auto\n\n    c = 3\n    d = 4\n'
        b"    # write it\n    # (slowly)\n"
        b'    profiled.profile("write_it")  # prof:auto\n    e = 5\n    if e:\n        return e\n'
        b'    profiled.end("write_it")  # prof:auto\n'
    )


@pytest.mark.parametrize(
    "source",
    [
        b"def f():\n    # c\n    '''doc'''\n    x = 1\n",
        b"def f():\n    # noqa: X\n    x = 1\n    y = 1\n",
        b"def f():\n    # ----\n    x = 1\n    y = 1\n",
        b"def f():\n    # one statement\n    x = 1\n",
        b"def f():\n    while 1:\n        # leaves\n        x = 1\n        if x: break\n",
        b"def f():\n    # a\n    x = 1; y = 2\n    z = 1; \\\n    w = 1\n",
        b"def f():\n  # shallow\n    x = 1\n    y = 1\n",
    ],
)
def test_paragraphs_left_alone(source: bytes) -> None:
    assert b"profiled.profile(" not in body(source, PARAGRAPHS) or source.count(b";") > 0


def test_both_meet_in_order() -> None:
    data = body(b"def f():\n    # all of it\n    for x in y:\n        pass\n    for x in z:\n        pass\n", BOTH)
    order = [line.strip().partition(b"  #")[0] for line in data.splitlines() if b'("' in line]
    assert order == [
        b'profiled.profile("for_x_in_y")',
        b'profiled.profile("all_of_it")',
        b'profiled.end("for_x_in_y")',
        b'profiled.profile("for_x_in_z")',
        b'profiled.end("all_of_it")',
        b'profiled.end("for_x_in_z")',
    ] or order == [
        b'profiled.profile("all_of_it")',
        b'profiled.profile("for_x_in_y")',
        b'profiled.end("for_x_in_y")',
        b'profiled.profile("for_x_in_z")',
        b'profiled.end("for_x_in_z")',
        b'profiled.end("all_of_it")',
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Read the file!", "read_the_file"),
        ("for x, y in zip(a, b)", "for_x_y_in_zip_a_b"),
        ("-----", ""),
        ("é", ""),
        ("a" * 60, "a" * 40),
        ("word " * 20, "word_word_word_word_word_word_word_word"),
    ],
)
def test_slug(text: str, name: str) -> None:
    assert slug(text) == name
