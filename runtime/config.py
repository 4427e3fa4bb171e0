"""`python -m prof.config`: what a C compiler needs for programs and extensions that use `prof.h`.

    cc main.c $(python -m prof.config --cflags --libs)

The header and the libraries lie beside this file, in the wheel as in a checkout that is installed editable.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = "libprof.so.1"
ARCHIVE = "libprof.a"

_USAGE = """\
usage: python -m prof.config [--cflags] [--libs] [--static] [--include] [--library]

What a C compiler needs for programs and extensions that use prof.h, on one line.

  --cflags   options to compile with
  --libs     options to link the shared library with, and to find it when the program starts
  --static   with --libs: the static library instead, which the program then contains
  --include  the folder of prof.h
  --library  the shared library, to be opened by ctypes or cffi
  --help     this

example: cc main.c $(python -m prof.config --cflags --libs) -o main
"""


def include() -> str:
    """The folder of `prof.h`."""
    return os.path.join(_HERE, "include")


def library() -> str:
    """The shared library of the C API, for `ctypes.CDLL` and `ffi.dlopen`."""
    return os.path.join(_HERE, "lib", LIBRARY)


def cflags() -> list[str]:
    """Options to compile with."""
    return [f"-I{include()}"]


def libs(static: bool = False) -> list[str]:
    """Options to link with: `extra_link_args` of an extension."""
    folder = os.path.join(_HERE, "lib")
    if static:
        return [os.path.join(folder, ARCHIVE), "-pthread", "-lm"]
    return [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-l:{LIBRARY}"]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what is asked for; returns the exit status."""
    from prof.commandline import finish

    return finish("python -m prof.config", lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(asked: Sequence[str]) -> int:
    from prof.errors import OutputError, UsageError

    if "--help" in asked or "-h" in asked:
        print(_USAGE, end="")
        return 0
    answers = {"--cflags": cflags(), "--libs": libs("--static" in asked), "--include": [include()]}
    answers["--library"] = [library()]
    unknown = [option for option in asked if option not in answers and option != "--static"]
    if unknown:
        raise UsageError(f"unknown option {unknown[0]!r}; known: {', '.join([*answers, '--static', '--help'])}")
    if not any(option in answers for option in asked):
        raise UsageError("nothing is asked for; as in: python -m prof.config --cflags --libs")
    if not os.path.exists(os.path.join(include(), "prof.h")) or not os.path.exists(library()):
        raise OutputError(f"the C library is not in {_HERE}: this installation was built without it, install it again")
    print(_shell(word for option in dict.fromkeys(asked) if option in answers for word in answers[option]))
    return 0


def _shell(words: Iterable[str]) -> str:
    import shlex

    return shlex.join(words)


if __name__ == "__main__":
    sys.exit(main())
