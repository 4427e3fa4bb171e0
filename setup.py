"""The cffi hook, and a look at whether this machine can compile: all metadata is in pyproject.toml."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig

from setuptools import setup
from setuptools.command.build import build
from setuptools.errors import PlatformError

COMPILER = (
    "prof-instrument has a C core and is built with a C compiler, but {}: install one (Debian, Ubuntu: apt install gcc"
    " libc6-dev; Fedora: dnf install gcc; Alpine: apk add gcc musl-dev linux-headers), or install a wheel of it, which"
    " needs none."
)
HEADERS = (
    "prof-instrument has a C core and is built with the headers of Python {0}, but Python.h is not in {1}: install"
    " them (Debian, Ubuntu: apt install python{0}-dev; Fedora: dnf install python{0}-devel; Alpine: apk add"
    " python3-dev), or install a wheel of prof-instrument, which needs none."
)


def missing() -> str | None:
    """What this machine lacks to build the core, as one sentence that says what to install; None when nothing."""
    # As setuptools chooses it.
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        return COMPILER.format(f"{compiler[0]} is not there")
    if not compiles(compiler, "#include <stdio.h>\n#include <linux/perf_event.h>"):
        return COMPILER.format(f"{compiler[0]} does not compile a file that includes stdio.h and linux/perf_event.h")
    folders = list(dict.fromkeys(sysconfig.get_path(name) for name in ("include", "platinclude")))
    if not compiles([*compiler, *(f"-I{folder}" for folder in folders)], "#include <Python.h>"):
        return HEADERS.format(f"{sys.version_info.major}.{sys.version_info.minor}", " or ".join(folders))
    return None


def compiles(compiler: list[str], text: str) -> bool:
    flags = shlex.split(f"{os.environ.get('CPPFLAGS', '')} {os.environ.get('CFLAGS', '')}")
    command = [*compiler, *flags, "-fsyntax-only", "-x", "c", "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True, check=False).returncode == 0


class Build(build):
    """Asks first: else a page of copied files and a traceback come before the reason."""

    def run(self) -> None:
        if reason := missing():
            raise PlatformError(reason)
        super().run()


setup(cffi_modules=["csrc/build_core.py:ffibuilder"], cmdclass={"build": Build})
