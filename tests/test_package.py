"""What is built and installed: the sdist, the wheel made from it, and the names under which things are found."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"prof": "runtime", "prof/instrument": "instrument", "prof/tools": "tools"}


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist built from this tree, in a folder of its own."""
    pytest.importorskip("build", reason="the test extra brings it")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """A wheel built from the sdist, which was installed where no compiler is found, and took the steps of the demo."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    said = run(sys.executable, str(ROOT / "tests" / "wheels.py"), "--here", "--sdist", str(sdist), version, cwd=ROOT)
    found = re.search(rf"^Python {version}: (prof_instrument-\S*-manylinux_\S*\.whl), passed", said, re.MULTILINE)
    assert found, said
    return ROOT / "dist" / found[1]


@pytest.mark.parametrize(("name", "arguments"), [("_core", []), ("_probes", ["probes"])])
def test_the_stub_is_what_c_says(name: str, arguments: list[str]) -> None:
    written = (ROOT / "runtime" / f"{name}.pyi").read_text()
    command = [str(ROOT / "csrc" / "stubs.py"), *arguments]
    assert written == run(sys.executable, *command, cwd=ROOT), f"python {' '.join(command)} > runtime/{name}.pyi"


def test_the_sdist_holds_the_pages(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert names >= pages | {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}


@pytest.mark.skipif(shutil.which("gcc") is None and shutil.which("cc") is None, reason="no C compiler")
def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}  # auditwheel names folders as well
    expected = {f"prof/{name}" for name in ("py.typed", "_core.pyi", "_probes.pyi")}
    for package, room in ROOMS.items():
        for path in (ROOT / room).rglob("*"):
            if path.suffix == ".py" or (room == "tools" and path.suffix in (".js", ".json", ".css", ".html")):
                expected.add(f"{package}/{path.relative_to(ROOT / room)}")
    binary = {name for name in names if name.startswith("prof/_core.") and name.endswith((".so", ".pyd"))}
    expected |= {"prof/include/prof.h", "prof/lib/libprof.a", "prof/lib/libprof.so.1"}
    information = {name for name in names if ".dist-info/" in name}
    assert len(binary) == 1
    assert names - binary - information == expected
    assert any(name.endswith("licenses/LICENSE") or name.endswith("dist-info/LICENSE") for name in information)


def test_rooms_are_not_importable_by_folder_name(tmp_path: Path) -> None:
    names = [*ROOMS.values(), "csrc"]
    program = f"import importlib.util as u; print(*[n for n in {names} if u.find_spec(n)])"
    assert run(sys.executable, "-I", "-c", program, cwd=tmp_path).split() == []


def test_the_commands_are_installed() -> None:
    commands = importlib.import_module("importlib.metadata").entry_points(group="console_scripts")
    found = {each.name: each.value for each in commands if each.value.startswith("prof.")}
    assert found == {
        "prof": "prof.tools.cli:main",
        "prof-profile": "prof.tools.cli:profile_main",
        "prof-instrument": "prof.instrument.cli:instrument_main",
        "prof-uninstrument": "prof.instrument.cli:uninstrument_main",
    }
    for value in found.values():
        module, _, name = value.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
