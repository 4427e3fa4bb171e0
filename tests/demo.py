"""The main job on a real package: instrument a copy of markdown-it-py, record it, read the result, put it back.

    python tests/demo.py [FOLDER]

The commands are those beside the running interpreter, or those in FOLDER.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "demo"
BIN = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else Path(sys.executable).parent

WORKLOAD = '''\
"""Renders a long document a few times."""

from markdown_it import MarkdownIt

PARAGRAPH = """
## Heading with *emphasis* and `code`

Some text with [a link](https://example.org), **bold words** and a list:

- one item, with `code`
- another, with *stress*
    1. nested
    2. twice

> A quotation, and a table:

| left | right |
|------|-------|
| 1    | 2     |
"""

parser = MarkdownIt("commonmark").enable("table")
document = PARAGRAPH * 60
html = ""
for _ in range(5):
    html = parser.render(document)
print(f"{len(document):,} characters of Markdown became {len(html):,} of HTML, five times")
'''


def step(title: str, *command: str, **environment: str) -> None:
    shown = " ".join([*(f"{k}={v}" for k, v in environment.items()), Path(command[0]).name, *command[1:]])
    print(f"\n\033[1m# {title}\033[0m\n$ {shown}" if sys.stdout.isatty() else f"\n# {title}\n$ {shown}", flush=True)
    subprocess.run(command, cwd=WORK, check=True, env={**os.environ, "PYTHONPATH": "app", **environment})


def digest(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.py"))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def main() -> int:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    (WORK / "render.py").write_text(WORKLOAD)
    step(
        "A copy of a package that nobody here wrote",
        str(BIN / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--target",
        "app",
        "markdown-it-py==3.0.0",
    )
    before = digest(WORK / "app")
    step("Instrument it, in place", str(BIN / "prof-instrument"), "app/markdown_it")
    step("Run a real workload, recording", str(BIN / "python"), "render.py", PROF="all,out")
    capture = next((WORK / "out").glob("*.capture"))
    step("Read the result", str(BIN / "prof"), "report", str(capture.relative_to(WORK)), "--limit", "12")
    step("Draw it", str(BIN / "prof"), "flamegraph", str(capture.relative_to(WORK)))
    drawing = (str(BIN / "prof"), "flamegraph", str(capture.relative_to(WORK)), "--mode", "memory-summary")
    step("And what it allocated", *drawing)
    step("All modes on one page", str(BIN / "prof"), "report", str(capture.relative_to(WORK)), "--format", "html")
    step("Put the source back", str(BIN / "prof-uninstrument"), "app/markdown_it")
    after = digest(WORK / "app")
    if after != before:
        changed = [name for name in before if after.get(name) != before[name]]
        print(f"\nnot as before: {', '.join(changed)}")
        return 1
    out = f"{WORK.relative_to(ROOT)}/out"
    print(f"\nEvery byte of {len(before)} files is back. Open {out}/*.html in a browser.")
    if find_spec("textual"):
        print(f"Or look through it here: {BIN / 'prof-profile'} {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
