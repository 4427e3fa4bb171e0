"""Any file that compiles comes back, whatever its shape: generated sources, line ends and comments."""

from __future__ import annotations

import ast

from hypothesis import given, settings
from hypothesis import strategies as st
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.plan import Options
from prof.instrument.refusal import Refusal
from prof.instrument.sections import KINDS

SIMPLE = (
    "x = 1",
    "pass",
    "x = 1; y = 2",
    "x = [\n  # profile! a\n1]",
    "x = '''\n@profiled  # prof:auto\n'''",
    "x = 1 \\\n  + 2",
    "'''text'''",
    "print(end='')",
    "profile = 1",
    "# profile! a",
    "# end! a",
    "# profile! b",
    "# end! b",
    "# a comment",
    "#: def f(): pass",
    "",
    "\\\nx = 1",
    "x = 1  # prof:auto",
    "from prof import profiled",
    "from x import *",
)
HEADERS = (
    "def f():",
    "async def g(a, end=1):",
    "@staticmethod\ndef h():",
    "@a.b(\n1)\n# between\n@c\ndef i():",
    "class A:",
    "class B(A):",
    "if x:",
    "while x:",
    "for x in y:",
    "with x:",
    "try:",
)
AFTER = {"try:": ("finally:", "except A:"), "if x:": ("else:", "elif y:"), "for x in y:": ("else:",)}


def blocks(depth: int) -> st.SearchStrategy[list[str]]:
    """Lists of lines of one block; nested ones are indented when they are put in."""
    simple = st.sampled_from(SIMPLE).map(lambda s: s.split("\n"))
    if depth == 0:
        return st.lists(simple, min_size=1, max_size=4).map(flat)

    @st.composite
    def compound(draw: st.DrawFn) -> list[str]:
        header = draw(st.sampled_from(HEADERS))
        indent = draw(st.sampled_from(["    ", "\t", " ", "\x0c  "]))
        lines = header.split("\n")
        inner = draw(blocks(depth - 1))
        lines += [indent + line for line in inner] + [indent.strip("\x0c") * 0 + indent + "pass"]
        if header in AFTER and (header == "try:" or draw(st.booleans())):
            lines.append(draw(st.sampled_from(AFTER[header])))
            lines += [indent + line for line in draw(blocks(depth - 1))] + [indent + "pass"]
        return lines

    return st.lists(simple | compound(), min_size=1, max_size=4).map(flat)


def flat(parts: list[list[str]]) -> list[str]:
    return [line for part in parts for line in part]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    start = draw(
        st.sampled_from(["", "'''doc'''\n", "#!/bin/x\n", "'''d'''; x = 1\n", "from __future__ import annotations\n"])
    )
    lines = (start + "\n".join(draw(blocks(3)))).split("\n")
    ends = draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1, max_size=3))
    text = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines))
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


@settings(max_examples=400, deadline=None)
@given(files(), st.sets(st.sampled_from(KINDS)))
def test_round_trip(source: bytes, kinds: set[str]) -> None:
    options = Options(sections=frozenset(kinds))
    try:
        compile(source, "generated", "exec", dont_inherit=True)
    except SyntaxError:
        return
    result = instrument(source, options)
    compile(result.data, "generated", "exec", dont_inherit=True)
    assert uninstrument(result.data).data == source
    assert instrument(result.data, options).data == result.data
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert result.functions + result.skipped.total() == len(functions)


@settings(max_examples=300, deadline=None)
@given(st.binary() | files().flatmap(lambda b: st.binary(max_size=3).map(lambda x: b[:20] + x + b[20:])))
def test_any_bytes_are_edited_or_refused(source: bytes) -> None:
    try:
        data = instrument(source).data
    except Refusal as e:
        assert e.reason
    else:
        assert uninstrument(data).data == source or uninstrument(source).data != source


@settings(max_examples=300, deadline=None)
@given(files(), st.data())
def test_a_line_added_since_survives_or_is_refused(source: bytes, data: st.DataObject) -> None:
    try:
        edited = instrument(source).data
    except Refusal:
        return
    lines = edited.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines)))
    lines.insert(at, b"added_since = 1\n")
    try:
        undone = uninstrument(b"".join(lines))
    except Refusal:
        return
    assert undone.data.count(b"added_since = 1\n") == 1
    assert undone.data.replace(b"added_since = 1\n", b"", 1) == source or undone.data.count(b"# prof:auto n=")
