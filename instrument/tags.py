"""The tag: how every byte this package writes into a file can be told from the user's own.

Four kinds of line are written. `EOL` and the indent are copied from the line they stand above.

    from prof import profiled  # prof:auto n=3 b=0123456789abcdef     the header, once per file
    @profiled  # prof:auto                                            above a `def` or `async def`
    profile("label")  # prof:auto      end("label")  # prof:auto      automatic sections
    profile("label")  # profile! label                                a converted comment marker

The first three are whole lines: whoever maps a line number back to the uninstrumented source subtracts the
lines above it that hold `TAG` (see `is_added`). A converted marker stands on the line its comment stood on,
and shifts nothing. `n` counts all edits but the header; `b` is `digest` of the original file. Where a name is
taken in the file, the header binds an alias (`profiled as _prof_profiled`); where the user's own import
serves, the header is only the comment.
"""

from __future__ import annotations

import re
from hashlib import blake2b

TAG = b"# prof:auto"
PROFILED, PROFILE, END = "profiled", "profile", "end"
# One underscore: a name with two would be mangled inside a class.
ALIAS = "_prof_"

LINE = b"  " + TAG  # how every whole line but the header ends

# Exactly what is written, for the fast undo. ADDED is what stands before LINE. HEADER: names, n, b, EOL.
HEADER = re.compile(rb"(?:from prof import ([\w, ]+)  )?" + TAG + rb" n=(\d+) b=([0-9a-f]{16})(\r\n|\r|\n)")
ADDED = re.compile(rb'[ \t]*(?:@(?:_prof_)?profiled|(?:_prof_)?(?:profile|end)\("[^"\r\n]*"\))')
MARKER = re.compile(rb'(?:_prof_)?(profile|end)\("([^"\r\n]+)"\)  (?=#[ \t]*\1![ \t]+\2[ \t]*(?:[\r\n]|$))')

# The same whole lines, stripped, as a formatter or a person may have left them.
ANY_HEADER = re.compile(
    rb"(?:from[ \t]+prof[ \t]+import[ \t]+\(?([\w, \t]+)\)?[ \t]*)?" + TAG + rb" n=(\d+) b=([0-9a-f]{16})"
)
ANY_DECORATOR = re.compile(rb"@[ \t]*(?:_prof_)?profiled[ \t]*" + TAG)
ANY_SECTION = re.compile(rb"(?:_prof_)?(?:profile|end)\([^()\r\n]*\)[ \t]*" + TAG)


def digest(data: bytes) -> bytes:
    """The 16 hexadecimal digits that identify an original file."""
    return blake2b(data, digest_size=8).hexdigest().encode()


def alias(name: str) -> str:
    """The name to bind where `name` itself is taken."""
    return ALIAS + name


def call(name: bytes, label: bytes) -> bytes:
    """`profile("label")`, `name` being what the file calls `profile` or `end`."""
    return b'%s("%s")' % (name, label)


def header(names: dict[str, str], count: int, original: bytes) -> bytes:
    """The header without its EOL. `names` maps what is imported to what it is called in the file."""
    comment = b"%s n=%d b=%s" % (TAG, count, digest(original))
    if not names:
        return comment
    listed = ", ".join(n if n == bound else f"{n} as {bound}" for n, bound in names.items())
    return b"from prof import " + listed.encode() + b"  " + comment


def is_added(line: bytes) -> bool:
    """Whether a line of an instrumented file was added whole, and so shifts the lines below it by one.

    Textual: a line inside a string literal that reads exactly like an added one counts too.
    """
    text = line.strip(b" \t\f\r\n")
    if TAG not in text:
        return False
    return any(p.fullmatch(text) for p in (ANY_DECORATOR, ANY_HEADER, ANY_SECTION))
