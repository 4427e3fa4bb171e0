"""Before and after: every hazard of the file format that splicing meets, and the way back."""

from __future__ import annotations

import pytest
from prof.instrument.codemod import instrument, uninstrument
from prof.instrument.plan import Options
from prof.instrument.refusal import Refusal
from prof.instrument.tags import digest
from prof.lines import inserted_lines

DEF = b"def f(): pass\n"

# Valid on every supported Python, each with the number of functions in it.
VALID: dict[str, tuple[bytes, int]] = {
    "plain": (b"def f():\n    pass\n", 1),
    "crlf": (b"x=1\r\ndef f():\r\n    pass\r\n", 1),
    "lone CR": (b"x=1\rdef f():\r    pass\r", 1),
    "mixed CR and CRLF": (b"x = 1\ry = 2\r\ndef f(): pass\r\n", 1),
    "mixed LF and CRLF": (b"x=1\ndef f():\r\n    pass\ndef g(): pass\n", 2),
    "BOM": (b"\xef\xbb\xbfdef f():\n    pass\n", 1),
    "BOM and cookie": (b"\xef\xbb\xbf# -*- coding: utf-8 -*-\ndef f():\n    pass\n", 1),
    "latin-1": (b"# -*- coding: latin-1 -*-\ns='\xe9'\ndef f():\n    return '\xe9'\n", 1),
    "shift_jis": ("# coding: shift_jis\ns='表'\n# 表\ndef f():\n    return 'ソ'\n".encode("shift_jis"), 1),
    "utf-7": (b"# coding: utf-7\ndef f(): return '+AOk-'\n", 1),
    "no EOL": (b"def f(): pass", 1),
    "no EOL, crlf": (b"x=1\r\ndef f(): pass", 1),
    "form feed line": (b"x=1\n\x0c\ndef f():\n    pass\n", 1),
    "form feed before def": (b"x=1\n\x0cdef f():\n    pass\n", 1),
    "form feed in indent": (b"class A:\n  \x0c  def f(self): pass\n", 1),
    "tabs": (b"class A:\n\tdef f(self):\n\t\tpass\n", 1),
    "tabs in one block, spaces in another": (b"if 1:\n\tdef g(): pass\nelse:\n        def g(): pass\n", 2),
    "shebang, cookie, docstring, future": (
        b"#!/usr/bin/env python\n# coding: utf-8\n'''doc'''\n"
        b"from __future__ import annotations\nimport os\ndef f(): pass\n",
        1,
    ),
    "docstring; statement": (b"'''d'''; x=1\ndef f(): pass\n", 1),
    "docstring \\ ; statement": (b"'''d''' \\\n; x=1\ndef f(): pass\n", 1),
    "future; import": (b"from __future__ import annotations; import os\ndef f(): pass\n", 1),
    "future twice, with comments": (
        b"from __future__ import (annotations, # c\n  division)\n# c\n"
        b"from __future__ import print_function\nclass A:\n  def f(self): pass\n",
        1,
    ),
    "comments between decorators": (b"a = b = str\n@a\n# comment\n@b\n# c2\ndef f(): pass\n", 1),
    "decorated first statement": (b"@staticmethod\ndef f(): pass\n", 1),
    "decorator in brackets": (b"@(\n  staticmethod\n)\ndef f(): pass\n", 1),
    "decorator after backslash": (b"@\\\nstaticmethod\ndef f(): pass\n", 1),
    "docstring and def": (b"'''d'''\ndef f(): pass\n", 1),
    "docstring over lines": (b'"""d\n\ndef no(): pass\n"""\ndef f(): pass\n', 1),
    "bytes first": (b"b'd'\nfrom os import path\ndef f(): pass\n", 1),
    "f-string first": (b"f'd'\ndef f(): pass\n", 1),
    "docstring in brackets": (b"('''d'''\n'x')\ndef f(): pass\n", 1),
    "backslash line before def": (b"x=1\n\\\ndef f(): pass\n", 1),
    "backslash line before indented def": (b"class A:\n    x=1\n    \\\n    def f(self): pass\n", 1),
    "comment that ends in a backslash": (b"x=1\n# c \\\ndef f(): pass\n", 1),
    "statement after backslash": (b"'''d'''; \\\nx = 1\ndef f(): pass\n", 1),
    "async, backslash, def": (b"async \\\ndef f(): pass\n", 1),
    "match, try*": (
        b"match 1:\n  case 1:\n    def f(): pass\ntry:\n  def g(): pass\nexcept* ValueError:\n  def h(): pass\n",
        3,
    ),
    "every block": (
        b"for x in ():\n def a(): pass\nelse:\n def b(): pass\n"
        b"while 0:\n def c(): pass\nelse:\n def d(): pass\n"
        b"with open(0) as f:\n def e(): pass\ntry:\n def g(): pass\nexcept A:\n def h(): pass\nelse:\n"
        b" def i(): pass\nfinally:\n def j(): pass\nif 0:\n def k(): pass\nelif 1:\n def l(): pass\n"
        b"else:\n def m():\n  def n(): pass\n",
        13,
    ),
    "tag in a string": (b"x='''\n@profiled  # prof:auto\n'''\ndef f(): pass\n", 1),
    "tag in the docstring": (b"'''\n@profiled  # prof:auto\n'''\ndef f(): pass\n", 1),
    "header in the docstring": (
        b"'''\nfrom prof import profiled  # prof:auto n=1 b=0123456789abcdef\n'''\ndef f(): pass\n",
        1,
    ),
    "tag in comments": (b"# prof:auto\nx = 1  # prof:auto\ndef f(): pass\n", 1),
    "Unicode line separators": ("x='a\u2028b\x85c'\ndef f(): pass\n".encode(), 1),
    "control characters in a comment": (b"# a\x0bb\x1cc\x0cd\ndef f(): pass\n", 1),
    "trailing blanks": (b"def f():\n    x=1   \n\t\n  \n    return x\n   ", 1),
    "type comments": (b"def f(a, # type: int\n):\n  # type: (...)->None\n  pass\n", 1),
    "nested": (b"def f():\n    def g():\n        async def h(): pass\n", 3),
    "one-line class": (b"class A: x = 1\ndef f(): pass\n", 1),
    "def on the last line, below tabs": (b"if 1:\n\tif 1:\n\t\tdef f(): return 1", 1),
    "cookie-like comment on line 3": (b"import os\n\n# coding: latin-1\ndef f(): return '\xc3\xa9'\n", 1),
}


@pytest.mark.parametrize("name", VALID)
def test_there_and_back(name: str) -> None:
    source, functions = VALID[name]
    compile(source, name, "exec", dont_inherit=True)
    result = instrument(source)
    assert result.functions == functions
    assert result.data != source
    compile(result.data, name, "exec", dont_inherit=True)
    back = uninstrument(result.data)
    assert back.data == source
    assert not back.edited
    assert instrument(result.data).data == result.data
    assert uninstrument(source).data == source


@pytest.mark.parametrize("name", VALID)
def test_only_whole_lines_are_added(name: str) -> None:
    source, functions = VALID[name]
    result = instrument(source)
    # The header has two.
    assert len(inserted_lines(result.data)) - len(inserted_lines(source)) == functions + 2


def test_what_it_looks_like() -> None:
    source = b'"""Doc."""\n\nfrom __future__ import annotations\n\nimport os\n\n'
    source += b"@a\ndef f():\n    async def g(): ...\n"
    assert instrument(source).data == (
        b'"""Doc."""\n\nfrom __future__ import annotations\n\n'
        b'if not __import__("prof.auto"):  # pragma: no cover  # prof:auto n=3 b=' + digest(source) + b"\n"
        b"    from prof.auto import profiled  # prof:auto\n"
        b"import os\n\n@a\n@profiled  # prof:auto\ndef f():\n"
        b"    @profiled  # prof:auto\n    async def g(): ...\n"
    )


def test_inserted_lines_end_as_the_line_of_the_def() -> None:
    data = instrument(b"x = 1\ndef f():\r\n\tpass\ndef g():\n\tpass\n").data
    assert b"@profiled  # prof:auto\r\ndef f" in data
    assert b"@profiled  # prof:auto\ndef g" in data


@pytest.mark.parametrize(
    "source", [b"", b"\n", b"x = 1\n", b"# def\n", b"lambda: 0\n", b"\xef\xbb\xbf", b"class A: pass"]
)
def test_nothing_to_do(source: bytes) -> None:
    assert instrument(source).data == source


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        (b"def f(:\n", 1, "does not compile"),
        (b"x = 1\ndef f():\npass\n", 3, "does not compile"),
        (b"x = 1\nreturn\ndef f(): pass\n", 2, "'return' outside function"),
        (b"def f(): pass\nfrom __future__ import annotations\n", 2, "__future__"),
        (b"def f(): return '\xff'\n", 0, "does not compile"),
        (b"# coding: nonsense\ndef f(): pass\n", 0, "nonsense"),
        (b"def f(): pass\n\0", 0, "null bytes"),
        (b"def f(): return " + b"(" * 5000 + b")" * 5000 + b"\n", 0, "does not compile"),
    ],
)
def test_refused(source: bytes, line: int, reason: str) -> None:
    with pytest.raises(Refusal, match="does not compile") as caught:
        instrument(source)
    assert reason in str(caught.value)
    if line:
        assert caught.value.line == line


def test_warnings_of_the_file_stay_quiet(recwarn: pytest.WarningsRecorder) -> None:
    instrument(b"def f(): return '\\d' is 1\n")
    assert not recwarn.list


@pytest.mark.parametrize(
    "clash",
    [
        "profiled = 1",
        "profiled: int = 1",
        "def profiled(): pass",
        "class profiled: pass",
        "import profiled",
        "import profiled.x",
        "import x as profiled",
        "from x import y as profiled",
        "from x import profiled",
        "for profiled in (): pass",
        "with open(0) as profiled: pass",
        "try: pass\nexcept A as profiled: pass",
        "def g(profiled): pass",
        "def g(*profiled): pass",
        "def g(*, profiled=1): pass",
        "def g(**profiled): pass",
        "lambda profiled: 0",
        "def g():\n    global profiled\n    profiled = 1",
        "def g():\n    profiled = 1\n    def h():\n        nonlocal profiled",
        "del profiled",
        "[profiled for profiled in ()]",
        "(profiled := 1)",
        "match 1:\n    case profiled: pass",
        "match 1:\n    case [*profiled]: pass",
        "match 1:\n    case {**profiled}: pass",
        "match 1:\n    case int() as profiled: pass",
        "print(profiled)",
        "ｐrofiled = 1",
        "from x import *",
    ],
)
def test_a_taken_name_is_left_to_the_file(clash: str) -> None:
    source = f"{clash}\ndef f(): pass\n".encode()
    result = instrument(source)
    assert b"import profiled as __profiled__  # prof:auto" in result.data
    assert b"@__profiled__  # prof:auto\ndef f()" in result.data
    assert uninstrument(result.data).data == source
    assert instrument(result.data).data == result.data


@pytest.mark.parametrize(
    "harmless", ["x.profiled", "g(profiled=1)", "'profiled'", "# profiled", "unprofiled = 1", "dir(x)"]
)
def test_names_that_bind_nothing_get_none(harmless: str) -> None:
    assert b"\n@profiled  # prof:auto\ndef f()" in instrument(f"{harmless}\ndef f(): pass\n".encode()).data


def test_both_names_taken() -> None:
    with pytest.raises(Refusal, match="__profiled__"):
        instrument(b"profiled = __profiled__ = 1\ndef f(): pass\n")


def test_the_users_own_import_serves() -> None:
    source = b"from prof import profiled\n\n@profiled\ndef f(): pass\n\ndef g(): pass\n"
    result = instrument(source)
    assert result.data.count(b"import") == 1
    assert result.data.startswith(b"# prof:auto n=1 b=")
    assert b"\n@profiled  # prof:auto\ndef g()" in result.data
    assert result.skipped == {"already": 1}
    assert uninstrument(result.data).data == source
    assert instrument(result.data).data == result.data


def test_the_users_own_import_comes_too_late() -> None:
    source = b"def g(): pass\nfrom prof import profiled\n@profiled\ndef f(): pass\n"
    result = instrument(source)
    assert b"@__profiled__  # prof:auto\ndef g" in result.data
    assert uninstrument(result.data).data == source


def test_other_spellings_of_ours_are_known() -> None:
    for head, use in (("import prof", "prof.profiled"), ("from prof import profiled as p", "p('time')")):
        result = instrument(f"{head}\n@{use}\ndef f(): pass\n".encode())
        assert result.skipped == {"already": 1}
        assert result.functions == 0


def test_options_of_the_last_call_win() -> None:
    source = b"def f():\n    for x in ():\n        pass\n"
    with_loops = instrument(source, Options(sections=frozenset({"loops"})))
    assert b"profile(" in with_loops.data
    assert instrument(with_loops.data).data == instrument(source).data
