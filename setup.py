"""What pyproject.toml has no place for: the cffi hook, the library of the C API, whether this machine can compile."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from glob import glob

from setuptools import setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
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


SOVERSION = 1  # PROF_ABI of csrc/prof.h
# The half of the core that knows no Python, and the functions of prof.h.
ROOMS = ("api", "recorder", "core", "modes/memory")
FLAGS = ["-O3", "-g", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"]


class BuildExt(build_ext):
    """Builds the C API beside the extension: `lib/libprof.so.1`, `lib/libprof.a`, `include/prof.h` of the package."""

    def run(self) -> None:
        super().run()
        for path in self.api_outputs():
            os.makedirs(os.path.dirname(path), exist_ok=True)
        shared, static, header = self.api_outputs()
        objects = self.compiler.compile(
            [source for room in ROOMS for source in sorted(glob(f"csrc/{room}/*.c"))] + ["csrc/format.c"],
            output_dir=os.path.join(self.build_temp, "api"),
            include_dirs=["csrc"],
            extra_postargs=FLAGS,
            depends=sorted(glob("csrc/**/*.h", recursive=True)),
        )
        # -z nodelete: threads of the program end with a function of ours.
        link = [f"-Wl,-soname,{os.path.basename(shared)}", "-Wl,-z,nodelete", "-pthread", "-lm"]
        self.compiler.link_shared_object(objects, shared, extra_postargs=link)
        self.archive(objects, static)
        shutil.copyfile("csrc/prof.h", header)

    def archive(self, objects: list[str], path: str) -> None:
        """One object that shows the functions of prof.h alone: a program may have names that the rest has, too."""
        whole = os.path.join(self.build_temp, "api", "prof.o")
        compiler = [*shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")]
        self.spawn([*compiler, "-r", "-nostdlib", "-o", whole, *objects])
        self.spawn([beside(compiler[0], "objcopy"), "--localize-hidden", "--strip-debug", whole])
        if os.path.exists(path):
            os.unlink(path)
        self.spawn([beside(compiler[0], "ar"), "rcs", path, whole])

    def api_outputs(self) -> list[str]:
        package = "runtime" if self.inplace else os.path.join(self.build_lib, "prof")
        names = (f"lib/libprof.so.{SOVERSION}", "lib/libprof.a", "include/prof.h")
        return [os.path.join(package, *name.split("/")) for name in names]

    def get_outputs(self) -> list[str]:
        return [*super().get_outputs(), *self.api_outputs()]


def beside(compiler: str, tool: str) -> str:
    """A tool of binutils for what that compiler compiles for: `aarch64-linux-gnu-ar` beside `aarch64-linux-gnu-gcc`."""
    prefix = os.path.basename(compiler).rpartition("gcc")[0]
    found = shutil.which(f"{prefix}{tool}") if prefix else None
    return found or tool


setup(cffi_modules=["csrc/build_core.py:ffibuilder"], cmdclass={"build": Build, "build_ext": BuildExt})
