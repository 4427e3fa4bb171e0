"""The tag: how every byte this package writes into a file can be told from the user's own.

These lines are written. `EOL` and the indent are copied from the line they stand above.

    if not __import__("prof.auto"):  # pragma: no cover  # prof:auto n=3 b=0123456789abcdef    the header, once per file
        from prof.auto import profiled  # prof:auto                its second line, which never runs
    @profiled  # prof:auto                                         above a `def` or `async def`
    global profiled  # prof:auto                                   in a class whose namespace may make names up
    profiled.profile("label")  # prof:auto                         automatic sections; `end` likewise
    profiled.profile("label")  # profile! label                    a converted comment marker

The header binds nothing, so that no list of the file's names has one more: `prof.auto` puts `profiled` into the
builtins. Its second line is for readers and checkers, who find there what `profiled` is. Where `profiled` is a
name of the file's own, or a star import may bring one, all lines say `__profiled__`; where the user's own import
serves, the header is only the comment; where functions may travel to other processes by value, it imports
`__profiled__`.

All but the last are whole lines: whoever maps a line number back to the uninstrumented source subtracts those
above it (`prof.lines`). A converted marker stands on the line its comment stood on, and shifts nothing. `n` counts all
edits but the header's first line; `b` is `digest` of the original file. Earlier versions wrote
`from prof import profiled, profile, end` as the header, `profile("label")` as sections, `_prof_` before taken names.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from prof._core import lib

TAG = b"# prof:auto"
PROFILED = "profiled"
# Two underscores at both ends: mangled in no class, shown by no list of public names.
PRIVATE = "__profiled__"

LINE = b"  " + TAG  # how every whole line but the header ends
LOADS = b'if not __import__("prof.auto"):  # pragma: no cover'

_NAME = rb"(?:profiled|__profiled__|_prof_profiled)"
_SECTION = rb"(?:" + _NAME + rb"\.|_prof_)?(?:profile|end)"
_COUNTS = TAG + rb" n=(?P<n>\d+) b=(?P<b>[0-9a-f]{16})"

# Exactly what is written, for the fast undo. ADDED is what stands before LINE, COUNTS the end of the header.
COUNTS = re.compile(_COUNTS)
HEADER = re.compile(
    rb"(?:(?:from prof(?:\.auto)? import [\w, ]+|" + re.escape(LOADS) + rb")  )?" + _COUNTS + rb"(?P<eol>\r\n|\r|\n)"
)
_IMPORT = rb"from prof\.auto import profiled(?: as __profiled__)?"
_SPARE = rb'__import__\("builtins"\)\.__dict__\.setdefault\("' + _NAME + rb'", lambda f: f\)'
_FIXED = _IMPORT + rb"|" + _SPARE
ADDED = re.compile(
    rb"[ \t]*(?:@" + _NAME + rb"|global " + _NAME + rb"|" + _SECTION + rb'\("[^"\r\n]*"\)|' + _FIXED + rb")"
)
MARKER = re.compile(
    rb"(?:" + _NAME + rb'\.|_prof_)?(profile|end)\("([^"\r\n]+)"\)  (?=#[ \t]*\1![ \t]+\2[ \t]*(?:[\r\n]|$))'
)


def is_line(text: bytes) -> bool:
    """Whether the line, without its end, is a whole one of these, as written or as a formatter or a person left it; not
    the header. `csrc/core/lines.c` knows: it counts the program's lines without them."""
    return lib.prof_line_inserted(text, len(text)) == lib.PROF_INSERTED


def is_header(text: bytes) -> bool:
    """Likewise, whether it is the header, or its first line."""
    return lib.prof_line_inserted(text, len(text)) == lib.PROF_INSERTED_HEADER


def digest(data: bytes) -> bytes:
    """The 16 hexadecimal digits that identify an original file."""
    return blake2b(data, digest_size=8).hexdigest().encode()


def call(name: bytes, kind: str, label: bytes) -> bytes:
    """`profiled.profile("label")`, `name` being what the file calls `profiled`."""
    return b'%s.%s("%s")' % (name, kind.encode(), label)


def imports(name: str) -> bytes:
    """The import that a reader finds, or that binds where names must travel with functions."""
    return b"from prof.auto import profiled" + (b" as __profiled__" if name == PRIVATE else b"")


def spare(name: str) -> bytes:
    """For text that is copied into other files: what stands in for `profiled` where no profiler is installed."""
    return b'__import__("builtins").__dict__.setdefault("%s", lambda f: f)' % name.encode()


def counts(count: int, original: bytes) -> bytes:
    """The header's comment."""
    return b"%s n=%d b=%s" % (TAG, count, digest(original))
