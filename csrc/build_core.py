"""Builds `prof._core`: the C core and its CPython half as one extension, with cffi in API mode.

The declarations that Python may use stand once, in the headers, between `/* cffi: begin */` and `/* cffi: end */`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
HEADERS_FOR_CFFI = [
    "format.h",
    "core/session.h",
    "read/read.h",
    "export/export.h",
    "core/lines.h",
    "core/sources.h",
    "python/control.h",
]
OUTPUT = "_core.c"  # what cffi writes beside this file


def declarations(header: Path) -> str:
    """The part of a header that Python may use. What a macro stands for is the compiler's business."""
    found = re.findall(r"/\* cffi: begin \*/(.*?)/\* cffi: end \*/", header.read_text("utf-8"), re.DOTALL)
    if not found:
        raise ValueError(f"{header}: no 'cffi: begin' block")
    return re.sub(r"^#define (\w+) .*$", r"#define \1 ...", "\n".join(found), flags=re.MULTILINE)


def relative(names: list[str]) -> list[str]:
    """Paths as setuptools wants them: relative to the project's root, with forward slashes."""
    return [os.path.relpath(HERE / name, HERE.parent).replace(os.sep, "/") for name in names]


def sources(without: str) -> list[str]:
    """The C files of all rooms but that one, from here."""
    found = (path for path in HERE.rglob("*.c") if path != HERE / OUTPUT and HERE / without not in path.parents)
    return sorted(str(path.relative_to(HERE)) for path in found)


def quirks() -> str:
    """The constants of the quirks, whose values are those of the version that is compiled for."""
    rows = re.findall(r"^QUIRK\((\w+)\)$", (HERE / "python/version/quirks.def").read_text("utf-8"), re.MULTILINE)
    return "\n".join(f"#define PROF_QUIRK_{name} ..." for name in rows)


ffibuilder = FFI()
for name in HEADERS_FOR_CFFI:
    ffibuilder.cdef(declarations(HERE / name), override=True)
ffibuilder.cdef(quirks())
ffibuilder.set_source(
    "prof._core",
    "\n".join(f'#include "{name}"' for name in [*HEADERS_FOR_CFFI, "python/version/version.h"]),
    sources=relative(sources(without="api")),
    depends=relative(
        [*sorted(str(p.relative_to(HERE)) for p in (*HERE.rglob("*.h"), *HERE.rglob("*.def"))), "build_core.py"]
    ),
    include_dirs=["csrc"],
    # It records what C callers in the process say, through the copies of the core that they have linked: csrc/recorder.
    define_macros=[("PROF_RECORDER_HOST", "1")],
    # The number slots of probes and CPython's frame layout are not in the limited API.
    py_limited_api=False,
    libraries=["pthread"] if sys.platform.startswith("linux") else [],
    extra_compile_args=[
        "-O3",
        "-g",
        "-std=gnu11",
        "-fvisibility=hidden",
        "-fno-plt",
        "-Wall",
        "-Wextra",
        "-Werror=implicit-function-declaration",
        "-Wno-unused-parameter",
        "-Wno-missing-field-initializers",
        "-Wno-cast-function-type",
    ],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
