"""Comment markers: what becomes a call, what is refused and why, and the way back."""

from __future__ import annotations

import pytest
from prof.instrument.codemod import instrument, uninstrument

GOOD = {
    "in a function": b"def f():\n    # profile! a\n    x = 1\n    # end! a\n    return x\n",
    "in a module": b"# profile! a\nx = 1\n# end! a\n",
    "after the docstring": b"def f():\n    '''d'''\n    # profile! a\n    x = 1\n    # end! a\n",
    "nested": b"# profile! a\n# profile! b\nx = 1\n# end! b\n# end! a\n",
    "one after the other": b"# profile! a\nx = 1\n# end! a\n# profile! a\nx = 1\n# end! a\n",
    "around blocks": b"# profile! a\nif x:\n    y = 1\nelse:\n    y = 2\n# end! a\n",
    "last in a block": b"if 1:\n    # profile! a\n    x = 1\n    # end! a\nelse:\n    pass\n",
    "in a case": b"match 1:\n  case 1:\n    # profile! a\n    x = 1\n    # end! a\n  case _: pass\n",
    "first in an else": b"if 1:\n    pass\nelse:\n    # profile! a\n    x = 1\n    # end! a\n",
    "tabs, crlf": b"def f():\r\n\t# profile! a\r\n\tx = 1\r\n\t# end! a\r\n",
    "lone CR": b"def f():\r\t# profile! a\r\tx = 1\r\t# end! a\r",
    "odd spacing": b"#profile! a-b/c.d  \nx = 1\n#\tend! a-b/c.d",
    "BOM": b"\xef\xbb\xbf# profile! a\nx = 1\n# end! a\n",
    "after __future__": b"from __future__ import annotations\n# profile! a\nx = 1\n# end! a\n",
    "latin-1 label": b"# coding: latin-1\n# profile! caf\xe9\nx = 1\n# end! caf\xe9\n",
    "a name that is only case": b"case = 1\n# profile! a\ncase = 2\n# end! a\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_there_and_back(name: str) -> None:
    source = GOOD[name]
    result = instrument(source)
    assert not result.refused
    assert result.sections == source.count(b"profile!")
    calls = result.data.count(b'profiled.profile("') + result.data.count(b'profiled.end("')
    assert calls == source.count(b"profile!") + source.count(b"end!")
    # A converted marker stays on its line: only whole lines shift what is below.
    assert len(result.data.splitlines()) - len(source.splitlines()) == 2 + result.functions
    assert uninstrument(result.data).data == source
    assert instrument(result.data).data == result.data


def test_what_it_looks_like() -> None:
    data = instrument(b"def f():\n    # profile! db_query\n    x = 1\n    # end! db_query\n").data
    assert b'\n    profiled.profile("db_query")  # profile! db_query\n' in data
    assert b'\n    profiled.end("db_query")  # end! db_query\n' in data
    assert data.startswith(b'if not __import__("prof.auto"):  # pragma: no cover  # prof:auto n=4 b=')


def test_names_of_sections_may_be_taken() -> None:
    source = b"def f(end, profile):\n    # profile! a\n    print(end)\n    # end! a\n"
    data = instrument(source).data
    assert b'    profiled.profile("a")  # profile! a\n    print(end)\n    profiled.end("a")  # end! a\n' in data
    assert uninstrument(data).data == source


REFUSED = [
    ("x = [\n    # profile! a\n    1,\n    # end! a\n]\n", 2, "inside brackets"),
    ("def f():\n    # profile! a\n    '''doc'''\n    # end! a\n", 2, "before a docstring"),
    ("def f():\n    # profile! a\n    ('doc')\n    # end! a\n", 2, "before a docstring"),
    ("# profile! a\n'''doc'''\n# end! a\n", 1, "before a docstring"),
    ("class A:\n    # profile! a\n    'doc'\n    # end! a\n", 2, "before a docstring"),
    ("@a\n# profile! a\n@b\ndef f(): pass\n", 2, "between decorators"),
    ("@a\n# profile! a\ndef f(): pass\n", 2, "between decorators"),
    ("if 1:\n    pass\n# profile! a\nelse:\n    pass\n", 3, "before else"),
    ("if 1:\n    pass\n# profile! a\nelif 1:\n    pass\n", 3, "before elif"),
    ("try:\n    pass\n# profile! a\nexcept A:\n    pass\n", 3, "before except"),
    ("try:\n    pass\n# profile! a\nfinally:\n    pass\n", 3, "before finally"),
    ("match 1:\n    # profile! a\n    case 1: pass\n", 2, "before case"),
    ("match 1:\n    case 1: pass\n    # profile! a\n    case _: pass\n", 3, "before case"),
    ("match 1:\n    case 1: pass\n    # profile! a\nx = 1\n", 3, "before case"),
    ("def f():\n  # profile! a\n    x = 1\n", 2, "indentation differs from its block"),
    ("def f():\n    x = 1\n      # profile! a\n    y = 1\n", 3, "indentation fits no open block"),
    ("def f():\n    x = 1\n# profile! a\n    y = 1\n", 3, "indented less than the statement below it"),
    ("x = 1  # profile! a\n# end! a\n", 1, "after code on the same line"),
    ("x = 1 \\\n# profile! a\n", 2, "after code on the same line"),
    ("# profile! a\nfrom __future__ import annotations\n", 1, "before a __future__ import"),
    ("# profile! a\nx = 1\n", 1, "unpaired, no end! in its block"),
    ("x = 1\n# end! a\n", 2, "unpaired, no profile! before it"),
    ("# profile! a\nx = 1\n# end! b\n", 1, "unpaired"),
    ("# profile! a\nif 1:\n    # end! a\n    pass\n", 3, "its profile! is in another block"),
    ("# profile! a\n# profile! b\n# end! a\n# end! b\n", 2, "unpaired, no end! inside a"),
    ("# profile!\nx = 1\n# end!\n", 1, "no label"),
    ("# profile! two words\nx = 1\n", 1, "no label, or not one word"),
]


@pytest.mark.parametrize(("source", "line", "reason"), REFUSED)
def test_refused(source: str, line: int, reason: str) -> None:
    # The rest of the file is still instrumented.
    whole = source.encode() + b"\ndef rest(): pass\n"
    result = instrument(whole)
    assert (line, reason) in [(at, said) for at, said in result.refused if reason in said for said in [reason]]
    assert b"@profiled  # prof:auto\ndef rest" in result.data
    assert uninstrument(result.data).data == whole


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("    return x\n", [3]),
        ("    if x: raise A\n", [3]),
        ("    try:\n        return 1\n    finally: pass\n", [4]),
        ("    for x in y:\n        break\n", []),
        ("    for x in y:\n        pass\n    else:\n        return 1\n", [6]),
        ("    def g(): return 1\n", []),
        ("    x = lambda: 1\n", []),
    ],
)
def test_warnings(body: str, lines: list[int]) -> None:
    result = instrument(f"def f():\n    # profile! a\n{body}    # end! a\n".encode())
    assert [line for line, _ in result.warnings] == lines
    assert all("can skip end! a" in reason for _, reason in result.warnings)


def test_break_out_of_the_loop_around() -> None:
    source = b"for x in y:\n    # profile! a\n    if x: continue\n    # end! a\n"
    assert instrument(source).warnings == ((3, "continue can skip end! a"),)


def test_text_that_only_talks_about_markers() -> None:
    source = b"# see profile! a\nx = '# profile! a'\ny = '''\n# profile! a\n'''\n"
    result = instrument(source)
    assert result.data == source
    assert not result.refused
