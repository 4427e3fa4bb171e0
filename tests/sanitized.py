"""The tests of the CPython half, with the address and undefined-behaviour sanitizers loaded into the interpreter.

The package is built with them into `build/sanitized`, and warnings of the compiler are errors there. Python allocates
with `malloc`, so that every object is a block that the sanitizer watches. A finding ends the process, and so the test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "build" / "sanitized"
SANITIZERS = "-fsanitize=address,undefined"
# Together they go through every file of csrc/python/. Left out is what measures, or limits the memory of its programs.
TESTS = (
    "test_counts.py", "test_sections.py", "test_plain_code.py", "test_ambient.py", "test_drops.py", "test_travel.py",
    "test_memory.py", "test_memory_exact.py", "test_operations_lives.py", "test_lost.py", "test_enabled.py",
)  # fmt: skip


def library(name: str) -> str:
    """The path of a library of the compiler's."""
    found = subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
    if not os.path.isabs(found):
        raise SystemExit(f"tests/sanitized.py: gcc has no {name}: it comes with gcc's packages")
    return found


def build() -> None:
    """Installs this tree, as it is now, into a folder of its own."""
    shutil.rmtree(BUILT, ignore_errors=True)
    source = BUILT / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "tests", "*.so", "*.egg-info"))
    flags = {"CFLAGS": f"-O1 -Werror -fno-omit-frame-pointer -fno-sanitize-recover=undefined {SANITIZERS}"}
    flags["CFLAGS"] += f" -isystem {sysconfig.get_path('include')}"  # warnings in Python's own headers are not ours
    flags["LDFLAGS"] = SANITIZERS
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "install", "--no-deps", "--target", str(BUILT / "lib"), str(source)]
    subprocess.run(command, env=os.environ | flags, check=True)


def main() -> int:
    """Returns pytest's exit status."""
    build()
    environment = os.environ | {
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "PYTHONPATH": str(BUILT / "lib"),
        "PYTHONMALLOC": "malloc",
        # CPython itself frees nothing at its end. A short quarantine: some tests hold what a process takes in bounds.
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:quarantine_size_mb=16",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    expected = f"import prof; assert prof.__file__.startswith({str(BUILT)!r}), prof.__file__"
    subprocess.run([sys.executable, "-c", expected], env=environment, cwd=BUILT, check=True)
    command = [str(Path(sys.executable).with_name("pytest")), "-q", "-p", "no:cacheprovider", "-n", "logical"]
    command += sys.argv[1:] or [str(ROOT / "tests" / name) for name in TESTS]
    return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
