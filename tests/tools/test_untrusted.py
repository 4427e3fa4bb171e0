"""Captures and folders of somebody else: what they name is not opened, and what they hold is shown, not obeyed."""

from __future__ import annotations

import json
import os
import re
import stat
import struct
import subprocess
import sys
import unicodedata
import xml.dom.minidom
from pathlib import Path
from typing import Any

import pytest
from capture_files import RECORDING, SAMPLES_MODE, THREAD, TIME_MODE, File, Label, Node, Sample, Thread, function
from prof.capture import open_capture
from prof.errors import InputError
from prof.folded import beside, write_folded
from prof.instrument.cli import instrument_main
from prof.modes import MEASURES
from prof.text import printable, shown
from prof.tools.cli import main

PROGRAM = """from prof import profiled


@profiled
def work(count):
    secret = 0
    for number in range(count):
        secret += number
    return secret


work(30)
"""
REPLACED = 3


def prof(*arguments: str | Path, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    """The command, which must not hang."""
    code = "import sys; from prof.tools.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path, run_program: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A capture of PROGRAM in mode ops, in the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    assert run_program(tmp_path / "program.py", PROF="ops").returncode == 0
    (path,) = tmp_path.glob("*.capture")
    return path


def renamed(capture: Path, old: Path | str, new: Path | str) -> Path:
    """A copy of the capture that names another file instead, whose name is no longer."""
    raw = bytearray(capture.read_bytes())
    before, after = os.fsencode(old), os.fsencode(new)
    at = raw.find(before + b"\0")
    assert len(after) <= len(before) and at > 0
    while at > 0:
        if struct.unpack_from("=I", raw, at - 4)[0] == len(before):
            struct.pack_into("=I", raw, at - 4, len(after))
            raw[at : at + len(before)] = after + bytes(len(before) - len(after))
        at = raw.find(before + b"\0", at + 1)
    (capture.parent / "hostile.capture").write_bytes(raw)
    return capture.parent / "hostile.capture"


# ---- the source ----


def test_what_was_recorded_is_shown(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--full", str(recorded)]) == 0
    assert "secret += number" in capsys.readouterr().out
    with open_capture(recorded) as capture:
        (source,) = (s for name, s in capture.sources.items() if name.endswith("program.py"))
        assert source.size == len(PROGRAM)


@pytest.mark.parametrize("other", ["same", "other", "larger", "pipe", "folder", "link"])
def test_other_files_are_not(recorded: Path, other: str) -> None:
    """Neither in tables nor, unless it is the file that was recorded, with --source."""
    path = recorded.parent / "other.py"
    if other == "pipe":
        os.mkfifo(path)
    elif other == "folder":
        path.mkdir()
    elif other == "link":
        path.symlink_to("/dev/zero")
    else:
        text = {"same": PROGRAM, "other": PROGRAM.replace("secret", "public"), "larger": PROGRAM + "#" * 99_000}
        path.write_text(text[other])
    hostile = renamed(recorded, recorded.parent / "program.py", path)
    text = prof("report", "--full", hostile)
    assert (text.returncode, "secret += number" in text.stdout) == (0, other == "same")
    assert "public" not in text.stdout and "####" not in text.stdout
    listed = prof("report", hostile, "--source", "other.py")
    assert listed.returncode == (0 if other == "same" else 3), listed.stderr
    assert listed.stderr.count("\n") == (other != "same")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/etc/passwd", "/proc/self/environ"])
def test_devices_and_what_is_not_python_are_not_opened(recorded: Path, device: str) -> None:
    hostile = renamed(recorded, recorded.parent / "program.py", device)
    for arguments in (["--full"], ["--source", device], ["--format", "html", "-o", "page.html"], ["--format", "json"]):
        done = prof("report", hostile, *arguments)
        assert done.returncode == (3 if "--source" in arguments else 0)
        assert "root:" not in done.stdout and "PATH=" not in done.stdout


def test_a_capture_that_does_not_say(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of older captures, only what the user names is shown, with a warning."""
    raw = bytearray(recorded.read_bytes())
    at = 4096
    while at < len(raw):
        kind, _, size = struct.unpack_from("=IIQ", raw, at)
        if kind == 25:
            struct.pack_into("=I", raw, at, 99)  # a chunk of a type that nobody knows
        at += size
    recorded.write_bytes(raw)
    assert main(["report", "--full", str(recorded)]) == 0
    text = capsys.readouterr().out
    assert "secret +=" not in text and "Without the source of program.py: what it held was not recorded" in text
    assert main(["report", str(recorded), "--source", "program.py"]) == 0
    text = capsys.readouterr().out
    assert "secret += number" in text and "! the capture does not say what the file held" in text


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n# café \u2028 \n"])
def test_the_hash_is_the_same_before_and_after_instrumenting(tmp_path: Path, ending: str) -> None:
    from prof.lines import digest

    plain = "def f():\n\t# profile! a\n\tx = '''\n\n'''\n\t# end! a\n\treturn x\n\n\nf()" + ending
    if ending.startswith("\r"):
        plain = plain.replace("\n", "\r\n").replace("\r\r", "\r")
    path = tmp_path / "m.py"
    path.write_bytes(plain.encode())
    assert instrument_main([str(path)]) == 0
    text = path.read_bytes()
    assert text != plain.encode() and digest(text) == digest(plain.encode())
    for other in (plain.replace("x", "y"), plain.replace("\tx", " \tx"), plain.replace("# profile!", "#  profile!")):
        assert digest(other.encode()) != digest(plain.encode())


# ---- the capture itself ----


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.capture")
    for path in (tmp_path / "pipe.capture", "/dev/zero", "/dev/tty"):
        for command in ("report", "flamegraph", "inspect", "folded"):
            done = prof(command, path)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
            assert "and no plain file" in done.stderr
    # A folder is what is in it, but for what looks into one file.
    assert "is a directory, and no plain file" in prof("inspect", tmp_path).stderr
    assert f"no *.capture in {tmp_path}" in prof("report", tmp_path).stderr


def test_a_folder_of_odd_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("a.capture")
    Path("b.capture").symlink_to("nothing")
    Path("c.capture").mkdir()
    assert main(["report"]) == 3
    assert "no *.capture in the current directory" in capsys.readouterr().err
    Path("d.capture").write_bytes(small("m.f").build())
    assert main(["report"]) == 0


def test_a_nul_in_a_path(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(small("m.f").build())
    for command in ("report", "flamegraph", "inspect", "folded"):
        assert main([command, "a\0.capture"]) == 3
        assert capsys.readouterr().err.count("\n") == 1
    for arguments in (["folded", "a", "-o"], ["report", "a", "-o"], ["flamegraph", "a", "-o"]):
        assert main([*arguments, "x\0y"]) == 4
        assert capsys.readouterr().err.count("\n") == 1


def test_a_header_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a process that was killed at once; and cut in its middle."""
    path = tmp_path / "a.capture"
    raw = bytearray(small("m.f", state=RECORDING).build()[:4096])
    struct.pack_into("=Q", raw, 32, 4096)
    path.write_bytes(raw)
    for command in (["inspect"], ["inspect", "--chunks"], ["report"], ["report", "--format", "html", "-o", "-"]):
        assert main([*command, str(path)]) == 0
    path.write_bytes(raw[:300])
    capsys.readouterr()
    for command in ("inspect", "report", "folded", "flamegraph"):
        assert main([command, str(path)]) == 3
        assert "is truncated" in capsys.readouterr().err


# ---- names ----

NAMES = (
    "\x1b[31mred\x1b]0;T\x07", "\u202eRTL\u202c\u2066x", "\u2028\u2029ls", "\x9b31mC1", "\r\n\t", "\ufeffbom\u200b",
    "\x7f\x08", " ", "\u3000", "a;b 5", "\xadsoft", "\U000e0041tag", "caf\xe9 \u4e2d\u6587 \U0001f600", "\ufffdsur",
    "</script><script>x", "]]>", "\u061c\u200f",
)  # fmt: skip


def small(*names: str, **more: Any) -> File:
    labels = [Label(THREAD, NAMES[0]), *(function(name, 3) for name in names)]
    nodes = [Node(-1, 0), *(Node(0, n, 1, 100, depth=1) for n in range(1, len(labels)))]
    meta = {"name": NAMES[1], "argv": list(NAMES), "host": NAMES[2], "python": "\x1b[1m"}
    return File(labels, [Thread(NAMES[0], nodes)], meta, **more)


def hidden(text: str, allowed: str = "\n") -> set[str]:
    """Characters that would be obeyed, or not be seen."""
    wide = {c for c in set(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    return wide - set(allowed)


def test_names_are_shown_and_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.capture").write_bytes(small(*NAMES).build())
    for command in (
        ["report"], ["report", "--tree"], ["inspect"], ["folded", "-o", "-"], ["report", "--format", "json"],
        ["report", "--format", "html", "-o", "-"], ["flamegraph", "-o", "-"],
    ):  # fmt: skip
        done = prof(*command, "a.capture")
        assert done.returncode == 0 and not hidden(done.stdout), command
        assert "u202eRTL" in done.stdout, command
    folded = write_folded(open_capture("a.capture"), MEASURES["time"]).read_text()
    lines = folded.splitlines()
    assert len(lines) == folded.count("\n") == len(NAMES)
    assert all(re.fullmatch(r"[^;]*\S[^;]* 100", line) for line in lines)
    assert main(["flamegraph", "a.capture", "-o", "a.svg"]) == main(["flamegraph", "a-time.folded", "-o", "b.svg"]) == 0
    for picture in ("a.svg", "b.svg"):
        xml.dom.minidom.parse(picture)
        assert not hidden(Path(picture).read_text())
    rows = json.loads(prof("report", "a.capture", "--format", "json").stdout)["functions"]
    assert [row["name"] for row in rows if "RTL" in row["name"]] == [r"\u202eRTL\u202c\u2066x"]


def test_printable_is_what_it_says() -> None:
    assert printable("plain \xe9\u4e2d") == "plain \xe9\u4e2d"
    assert printable("") == ""
    assert (printable("  "), shown("  ")) == (r"\x20\x20", "  ")
    assert printable("a\x00\x9b\u2028\U000e0001\ud800") == r"a\x00\x9b\u2028\U000e0001\ud800"
    every = "".join(map(chr, range(0x110000)))
    assert not {c for c in hidden(printable(every), "") if unicodedata.category(c) != "Cf"}
    assert printable(every.replace("\\", "")).count("\\") < 6500  # letters of all scripts are shown


def test_errors_show_names_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "\x1b]0;T\x07\u202e.capture")]) == 3
    assert not hidden(capsys.readouterr().err)


# ---- what is written ----


def test_links_in_the_way_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Names of files beside a capture can be foretold, and a folder may be everybody's."""
    monkeypatch.chdir(tmp_path)
    Path("a.capture").write_bytes(small("m.f").build())
    Path("a.capture").chmod(0o600)
    victim = Path("victim")
    victim.write_text("precious")
    names = ["a-time.folded", "a-time.svg", "a.html"]
    for name in names:
        Path(name).symlink_to(victim)
    for command in (["folded"], ["flamegraph"], ["report", "--format", "html"]):
        assert main([*command, "a.capture"]) == 0
    assert victim.read_text() == "precious"
    for name in names:
        assert not Path(name).is_symlink() and stat.S_IMODE(os.lstat(name).st_mode) == 0o600
    Path("mine").symlink_to(victim)
    assert main(["folded", "a.capture", "-o", "mine"]) == 0
    assert Path("mine").is_symlink() and victim.read_text() != "precious", "the user's own link is followed"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names, "a.capture", "mine", "victim"])


@pytest.mark.parametrize("letter", ["x", "\xe9", "\u4e2d"])
def test_long_names_fit(tmp_path: Path, run_program: Any, letter: str) -> None:
    stem = letter * (230 // len(letter.encode()))
    (tmp_path / f"{stem}.py").write_text(PROGRAM)
    done = run_program(tmp_path / f"{stem}.py", PROF="all")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("prof: wrote") == 1 and done.stderr.count("\n") == 1
    (capture,) = tmp_path.glob("*.capture")
    long = capture.rename(tmp_path / f"{stem}{'y' * 8}.capture")
    for command in (
        ["folded"],
        ["flamegraph"],
        ["report", "--format", "html"],
        ["folded", "--mode", "samples-gil-wait"],
    ):
        assert prof(*command, long).returncode == 0
    assert len(beside(long, "-time.folded").name.encode()) <= 255


def test_lines_of_many_processes_are_lines(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(
        "import os\nfrom prof import profiled\n@profiled\ndef f(): pass\nfor _ in range(12):\n"
        "    if not os.fork(): f(); raise SystemExit\nf()\nfor _ in range(12): os.wait()\n"
    )
    environment = os.environ | {"PROF": "time"}
    done = subprocess.run(
        [sys.executable, "-u", "p.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 13 and all(line.startswith("prof: wrote ") and line.count("prof:") == 1 for line in lines)


# ---- how it ended ----


def test_what_became_of_the_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket
    import time

    def said(state: int, pid: int, host: str, start_unix_ns: int) -> str:
        file = small("m.f", state=state, pid=pid, start=(0, 0, start_unix_ns))
        file.meta = {"host": host}
        path = tmp_path / "a.capture"
        path.write_bytes(file.build())
        assert main(["report", str(path)]) == 0
        text = capsys.readouterr().out
        found = [line.strip() for line in text.splitlines() if line.startswith("  !")]
        return found[0] if found else ""

    here, now = socket.gethostname(), time.time_ns()
    rest = ": calls that had not returned lack their time"
    assert said(RECORDING, os.getpid(), here, now) == f"! still running{rest}"
    assert said(RECORDING, os.getpid(), here, 10**18) == f"! killed while recording{rest}", "the number was given again"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert said(RECORDING, gone.pid, here, now) == f"! killed while recording{rest}"
    assert said(RECORDING, os.getpid(), "elsewhere", now) == f"! killed while recording, or still running{rest}"
    assert said(REPLACED, os.getpid(), here, now) == f"! replaced by another program (exec) while recording{rest}"
    assert said(2, os.getpid(), here, now) == ""


# ---- JSON ----


def test_json_is_bounded_and_counts_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = [Label(THREAD, "t"), *(function(f"m.f{n}", n) for n in range(3000))]
    nodes = [Node(-1, 0), *(Node(0, n + 1, 1, n + 1, depth=1) for n in range(3000))]
    (tmp_path / "a.capture").write_bytes(File(labels, [Thread("t", nodes)], {}).build())

    def document(*arguments: str) -> Any:
        assert main(["report", str(tmp_path / "a.capture"), "--format", "json", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    found = document()
    assert [len(found[key]) for key in ("functions", "edges")] == [1000, 1000]
    assert [found[f"{key}_omitted"] for key in ("functions", "edges")] == [2000, 2000]
    assert found["functions"][0]["name"] == "m.f2999" and 1 < len(found["call_tree"]) <= 1001
    assert len(found["call_tree"]) - 1 + found["call_tree_omitted"] == 3000
    every = document("--limit", "0", "--min-percent", "0")
    assert [len(every[key]) for key in ("functions", "edges", "call_tree")] == [3000, 3000, 3001]
    assert len(document("--limit", "7")["functions"]) == 7


def test_processor_time_does_not_fall(tmp_path: Path) -> None:
    """Differences of the kernel's sums may come out below zero: 2**64 less a little in older captures."""
    moments = [
        (0, 5, 5, 0, 0, 1, 1, 2**64 - 1_040_000, 100),
        (10, 6, 5, 0, 0, 2, 0, 4000, 90),
        (20, 7, 6, 0, 0, 3, 2, 3000, 120),
    ]
    file = small("m.f", process=moments, samples=[Sample(1, -1)], modes=TIME_MODE | SAMPLES_MODE)
    (tmp_path / "a.capture").write_bytes(file.build())
    with open_capture(tmp_path / "a.capture") as capture:
        assert [(m.user_ns, m.system_ns, m.preemptions) for m in capture.process] == [
            (0, 100, 1),
            (4000, 100, 1),
            (4000, 120, 2),
        ]


def test_other_states_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.capture").write_bytes(small("m.f", state=4).build())
    with pytest.raises(InputError, match="unknown state 4"):
        open_capture(tmp_path / "a.capture")


def test_figures_that_cannot_be(tmp_path: Path) -> None:
    """What overflows is cut, so that no part is more than its whole; a mode that nobody knows has calls."""
    labels = [Label(THREAD, "t"), *map(function, ("m.f", "m.g", "m.h"))]
    much = 2**64 - 1
    nodes = [Node(-1, 0), Node(0, 1, much, much), Node(1, 2, 3, much, depth=2), Node(0, 3, 1, 5, depth=1)]
    for modes in (TIME_MODE, 1 << 20):
        path = tmp_path / "a.capture"
        path.write_bytes(File(labels, [Thread("t", nodes)], {}, modes=modes).build())
        for command in (["report"], ["report", "--format", "html"], ["report", "--tree"], ["inspect"]):
            assert main([*command, str(path)]) == 0
    path.write_bytes(File(labels, [Thread("t", nodes)], {}).build())
    with open_capture(path) as capture:
        tree = capture.tree()
        assert tree.total_ns[0] == 2**63 - 1
        assert all(own <= total for own, total in zip(tree.self_ns, tree.total_ns, strict=True))
    assert main(["flamegraph", str(path), "-o", str(tmp_path / "a.svg")]) == 0
    assert '"-' not in (tmp_path / "a.svg").read_text().partition("<script>")[0].partition('<g id="frames">')[2]
