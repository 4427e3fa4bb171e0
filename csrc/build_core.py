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
PURE = [
    "format.c",
    "clock.c",
    "arena.c",
    "recording.c",
    "labels.c",
    "tree.c",
    "suspended.c",
    "threads.c",
    "session.c",
    "lines.c",
    "sources.c",
    "pagemap.c",
    "memory.c",
    "counts.c",
    "sampler.c",
    "remote.c",
    "usage.c",
    "read.c",
    "read_tables.c",
    "read_places.c",
    "read_text.c",
    "read_tree.c",
    "read_sums.c",
    "read_counts.c",
    "read_sites.c",
    "read_folded.c",
    "read_merge.c",
    "read_merge_ops.c",
    "read_merged.c",
]
PYTHON = [
    "flow.c",
    "rewrite.c",
    "opcodes.c",
    "tables.c",
    "plain.c",
    "readers.c",
    "shipped.c",
    "events.c",
    "probes.c",
    "attach.c",
    "count.c",
    "code.c",
    "samplers.c",
    "sections.c",
    "ambient.c",
    "monitor.c",
    "alloc_sites.c",
    "greenlets.c",
    "generators.c",
    "allocators.c",
    "tracked.c",
    "live.c",
    "walk.c",
    "child.c",
    "ending.c",
    "control.c",
]
HEADERS_FOR_CFFI = ["format.h", "prof.h", "read.h", "lines.h", "sources.h", "python/control.h"]


def declarations(header: Path) -> str:
    """The part of a header that Python may use. What a macro stands for is the compiler's business."""
    found = re.findall(r"/\* cffi: begin \*/(.*?)/\* cffi: end \*/", header.read_text("utf-8"), re.DOTALL)
    if not found:
        raise ValueError(f"{header}: no 'cffi: begin' block")
    return re.sub(r"^#define (\w+) .*$", r"#define \1 ...", "\n".join(found), flags=re.MULTILINE)


def relative(names: list[str]) -> list[str]:
    """Paths as setuptools wants them: relative to the project's root, with forward slashes."""
    return [os.path.relpath(HERE / name, HERE.parent).replace(os.sep, "/") for name in names]


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
    sources=relative(PURE + [f"python/{name}" for name in PYTHON]),
    depends=relative(
        [*sorted(str(p.relative_to(HERE)) for p in (*HERE.rglob("*.h"), *HERE.rglob("*.def"))), "build_core.py"]
    ),
    include_dirs=["csrc"],
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
