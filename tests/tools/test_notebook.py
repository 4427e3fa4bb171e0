"""`%prof` and `%%prof`, in a kernel as notebooks have it and in plain IPython: cells run as they do without."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from prof.capture import open_capture
from running import environment

FIB = "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)"
# Runs cells, given as JSON, and says of each what it printed, its result, and whether it went well.
SHELL = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
for cell in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        done = shell.run_cell(cell, store_history=True)
    print(json.dumps([out.getvalue(), repr(done.result), done.success]))
"""
# The same in a kernel, as a notebook: its outputs, by cell.
KERNEL = """
import json, sys
import nbclient, nbformat
cells = [nbformat.v4.new_code_cell(cell) for cell in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, timeout=120, allow_errors=True).execute()
print(json.dumps([cell.outputs for cell in notebook.cells]))
"""


def run(program: str, cells: list[str], folder: Path, **variables: str) -> list[Any]:
    """What became of the cells."""
    variables = {"IPYTHONDIR": str(folder / "ipython"), "HOME": str(folder), "NO_COLOR": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=json.dumps(["%load_ext prof", *cells]),
        cwd=folder, env=environment(**variables), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    return (lines if program is SHELL else lines[0])[1:]


def shell(cells: list[str], folder: Path, **variables: str) -> list[tuple[str, str, bool]]:
    """What each printed, its result, and whether it went well; cells count from `In [2]`."""
    pytest.importorskip("IPython", reason="the test extra brings it")
    return [(plain(text), result, good) for text, result, good in run(SHELL, cells, folder, **variables)]


def kernel(cells: list[str], folder: Path) -> list[Any]:
    """The outputs of each; cells count from `In [2]`."""
    pytest.importorskip("ipykernel", reason="the test extra brings it")
    pytest.importorskip("nbclient", reason="the test extra brings it")
    return run(KERNEL, cells, folder)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def calls(folder: Path, cell: str) -> dict[str, int]:
    """The calls of functions in the capture of a cell."""
    (path,) = folder.glob(f"cell-{cell[4:-1]}-*.capture")
    with open_capture(path) as capture:
        functions = capture.functions(capture.tree())
        return {f.label.name: f.calls for f in functions if f.label.kind == "function"}


def test_a_cell_of_a_notebook_is_recorded_and_its_page_is_below(tmp_path: Path) -> None:
    cell = "def g(n):\n    return fib(n)\nx = [g(i) for i in range(9)]\nsum(x)"
    outputs = kernel([FIB, f"%%prof --modes both --out {tmp_path / 'out'}\n{cell}", "_", "%unload_ext prof"], tmp_path)
    result, shown = outputs[1]
    assert result["output_type"] == "execute_result" and result["data"]["text/plain"] == "54"
    assert outputs[2][0]["data"]["text/plain"] == "54"
    entered = sum(_entries(n) for n in range(9))
    assert calls(tmp_path / "out", "In [3]") == {"In [3]": 3, "In [3].g": 9, "In [2].fib": entered}
    text, html = shown["data"]["text/plain"], shown["data"]["text/html"]
    assert re.search(r"Time +[\d.]+%.*  (In \[3\]|In \[2\]\.fib|display!Out \[3\])", text)
    assert re.search(r"2  def g\(n\):\n", text) and re.search(r" 4  x = \[g\(i\)", text)
    frame = re.fullmatch(
        r'<iframe sandbox="allow-scripts" [^<>]* srcdoc="([^"]*)"></iframe>\n<pre>(.*)</pre>', html, re.S
    )
    assert frame is not None
    page = unescape(frame[1])
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n") and "In [2].fib" in page
    assert not re.search(r"ipykernel_\d", page)  # files of cells are called as the cells are


def _entries(n: int) -> int:
    return 1 if n < 2 else 1 + _entries(n - 1) + _entries(n - 2)


def test_errors_and_await_in_a_notebook_are_as_without(tmp_path: Path) -> None:
    body = "import asyncio\nawait asyncio.sleep(0.01)\ndef f():\n    1/0\nf()"
    plain_cell, recorded = kernel([f"#\n{body}", f"%%prof\n{body}"], tmp_path)
    (error,), (same, shown) = plain_cell, recorded
    texts = ["\n".join(map(plain, each["traceback"])) for each in (error, same)]
    assert re.sub(r"----> \d+ 1/0|In\[\d\]|1 #?\n", "", texts[0]) == re.sub(
        r"----> \d+ 1/0|In\[\d\]|1 #?\n", "", texts[1]
    )
    assert same["ename"] == "ZeroDivisionError" and "line 5" in texts[1]
    assert "Profile of cell-3" in shown["data"]["text/plain"]


def test_a_mistake_is_one_line_and_the_cell_does_not_run(tmp_path: Path) -> None:
    found = shell(
        [
            "ran = []",
            "%%prof --modes tme\nran.append(1)",
            "%%prof --bogus\nran.append(1)",
            "%%prof x\nran.append(1)",
            "%%prof --sections loops\nran.append(1)",
            "%prof --interval 1h ran.append(1)",
            "%prof",
            "ran",
        ],
        tmp_path,
    )
    for text, _, good in found[1:-1]:
        assert not good and re.fullmatch(r"UsageError: prof: [^\n]+\n", text), text
    assert "known: time, memory" in found[1][0] and "--bogus" in found[2][0]
    assert found[-1][1] == "[]"


def test_a_statement_has_its_value(tmp_path: Path) -> None:
    found = shell(
        [FIB, "%prof fib(10)", "_ + 1", "y = %prof --modes ops fib(7)", "y", '%prof text = "a  b"; fib(3)', "text"],
        tmp_path,
    )
    assert [result for _, result, _ in found[1:]] == ["55", "56", "None", "13", "2", "'a  b'"]
    assert re.search(r"Ops +[\d.]+%.*  In \[2\]\.fib", found[3][0])
    assert all("Profile of cell-" in found[n][0] for n in (1, 3, 5))


def test_an_error_in_a_statement_is_shown_where_it_is(tmp_path: Path) -> None:
    ((text, _, good),) = shell(["%prof 1/0"], tmp_path)
    assert not good and "ZeroDivisionError: division by zero" in text
    assert "/integrations/" not in text


def test_options_choose_functions_as_prof_run_does(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "shop.py").write_text("def price(n):\n    return n * 2\n")
    body = "import json, shop\nfib(3), shop.price(2), json.loads('[1]')"
    options = {
        "In [3]": "",
        "In [4]": "--instrument 'json.*'",
        "In [5]": "-t __main__:fib",
        "In [6]": "--project --instrument json.decoder",
    }
    cells = [f"%%prof --modes time --out out {each}\n{body}" for each in options.values()]
    assert all(good for _, _, good in shell([FIB, *cells], tmp_path))
    found = {cell: set(calls(tmp_path / "out", cell)) - {cell} for cell in options}
    assert found["In [3]"] == {"In [2].fib", "shop.price"}
    assert "In [2].fib" not in found["In [4]"] and {"json.loads", "json.decoder.JSONDecoder.decode"} <= found["In [4]"]
    assert found["In [5]"] == {"In [2].fib"}
    assert {"In [2].fib", "shop.price", "json.decoder.JSONDecoder.decode"} <= found["In [6]"]
    assert "json.loads" not in found["In [6]"]


def test_functions_have_their_code_back_and_nothing_stays(tmp_path: Path) -> None:
    found = shell(
        [
            FIB + "\nbefore = fib.__code__\nown = set(vars(get_ipython()))",
            "%%prof --modes all\ndef g(): return fib(4)\ng()",
            "from prof import _probes\nfib.__code__ is before, _probes.is_probed(g.__code__)",
            "%unload_ext prof",
            "sorted(set(vars(get_ipython())) ^ own), 'prof' in get_ipython().magics_manager.magics['line']",
            "%%prof\n1",
        ],
        tmp_path,
    )
    assert found[2][1] == "(True, False)"
    assert found[4][1] == "(['_prof_magics'], False)"
    assert not found[5][2]


def test_a_cell_in_a_recording_of_the_kernel_is_in_that(tmp_path: Path) -> None:
    found = shell([FIB, "%%prof\nfib(5)"], tmp_path, PROF="time,whole")
    assert found[1][1] == "5" and "recorded as a whole" in found[1][0] and "Profile of" not in found[1][0]
    names = {name for path in (tmp_path / "whole").glob("*.capture") for name in _names(path)}
    assert {"In [2].fib", "In [3]"} <= names


def _names(path: Path) -> set[str]:
    with open_capture(path) as capture:
        return {f.label.name for f in capture.functions(capture.tree())}


def test_a_page_that_is_too_large_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import prof
    from prof import reporting
    from prof.tools.integrations import inline

    with prof.enable_profiling(f"time,{tmp_path}") as enabled, prof.Profiler().start().span("work"):
        pass
    (path,) = (file for file in enabled.files if file.suffix == ".capture")
    report = reporting.finished(path)
    with report.capture:
        assert "srcdoc" in inline.bundle(report, "In [1]")["text/html"]
        monkeypatch.setattr(inline, "LARGEST", 1000)
        shown = inline.bundle(report, "In [1]")["text/html"]
    assert "srcdoc" not in shown and path.with_suffix(".html").name in shown
    assert path.with_suffix(".html").read_text().startswith("<!DOCTYPE html>")
