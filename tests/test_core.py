"""The pure-C half of the core, built without Python and under the sanitizers; the cases are in c/test_core.c."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import quirks

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
SOURCE = ROOT / "tests" / "c" / "test_core.c"
CASES = re.findall(r'\{"(\w+)", \w+\}', SOURCE.read_text())

# Races that csrc/core/session.h and csrc/core/tree.c tell of: threads without the GIL may lose an update of a label's
# histogram, and of the count of all nodes that the limit goes by.
# A thread asks without the lock whether there are any states to take over, and a test when its own has been made.
DOCUMENTED = "race:prof_pending_count\nrace:new_node\nrace:thread_of_caller\nrace:short_lived\n"


@pytest.fixture(scope="module", params=["address,undefined", "thread"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    built: Path = tmp_path_factory.mktemp("core") / "test_core"
    command = [
        compiler, "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-fsanitize={request.param}",
        "-fno-sanitize-recover=all", str(SOURCE), "-o", str(built), "-pthread", "-lm",
        f"-I{CSRC}", *(str(path) for path in sorted(CSRC.rglob("*.c")) if CSRC / "python" not in path.parents),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in done.stderr and "san" in done.stderr:
        pytest.skip(f"the compiler has no library for -fsanitize={request.param}")
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize("case", CASES)
def test_core(program: Path, case: str, tmp_path: Path) -> None:
    suppressions = tmp_path / "suppressions"
    suppressions.write_text(DOCUMENTED)
    environment = os.environ | {"TSAN_OPTIONS": f"halt_on_error=1:suppressions={suppressions}"}
    done = subprocess.run(
        [program, case, tmp_path], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["PROF_PY_UNKNOWN", "Py_GIL_DISABLED"])
def test_the_cpython_half_stands_on_an_interpreter_that_it_does_not_know(kind: str) -> None:
    """There it has monitoring and spans of C; nothing may ask for frames or instructions."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    if not quirks.HAS_INTERFACE_OF_UNKNOWN:
        pytest.skip("what is not known is younger than what is: it has the public interface of 3.13")
    flags = ["-std=gnu11", "-fsyntax-only", "-Werror=implicit-function-declaration", f"-D{kind}"]
    sources = map(str, sorted((CSRC / "python").rglob("*.c")))
    command = [compiler, *flags, f"-I{CSRC}", f"-I{sysconfig.get_path('include')}", *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Python.h: No such file" in done.stderr:
        pytest.skip("this interpreter came without its headers")
    assert done.returncode == 0, done.stderr
