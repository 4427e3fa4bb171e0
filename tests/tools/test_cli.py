"""The `prof` command as its users run it: a process with pipes, exit statuses and one line of error."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from capture_files import THREAD, File, Label, Node, Thread, function
from example import example, memory_example
from growth import growth

PROF = [sys.executable, "-c", "import sys; from prof.tools.cli import main; sys.exit(main())"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memory.capture").write_bytes(memory_example(timed=False).build())
    (tmp_path / "summary.capture").write_bytes(memory_example(detail=False).build())
    (tmp_path / "app.capture").write_bytes(example().build())
    os.utime("app.capture", (4e9, 4e9))
    return tmp_path


def prof(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROF, *arguments], capture_output=True, text=True, timeout=120, **more)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["report", "no.capture"], 3, "prof: no.capture cannot be opened: No such file"),
        (["flamegraph", "no.capture"], 3, "prof: no.capture cannot be opened: No such file"),
        (["flamegraph", os.devnull], 3, f"prof: {os.devnull} is a pipe or a device, and no plain file"),
        (["report", "app.capture", "-o", "no/x.txt"], 4, "cannot be written: No such file"),
        (["folded", "--mode", "tea"], 2, "prof: no mode 'tea' in this version; known: time"),
        (["folded", "--mode", "memory-live"], 2, "app.capture was recorded without memory-live; it has: time\n"),
        (["flamegraph", "app.capture", "--mode", "memory"], 2, "without memory-summary; it has: time\n"),
        (["flamegraph", "memory.capture", "--mode", "time"], 2, "it has: memory-summary, memory-detail, memory-c"),
        (["folded", "summary.capture", "--mode", "memory-detail"], 2, "it has: time, memory-summary, memory-count\n"),
        (["report", "summary.capture", "--sort", "live"], 2, "was recorded without live; it has: self, total, c"),
        (["report", "memory.capture", "--sort", "p99"], 2, "without p99; it has: calls, alloc, peak, live, count\n"),
        (["report", "--sort", "alloc"], 2, "app.capture was recorded without alloc; it has: self"),
        (["report", "--tree", "--lines"], 2, "was recorded without memory and samples: it has no lines"),
        (["report", "--callers", "nobody"], 2, "prof: no function 'nobody' in this capture: see"),
        (["report", "--callees", "pars"], 2, "did you mean app.parse.Parser.feed, app.parse.Parser.token?"),
        (["report", "--format", "json", "--tree"], 2, "prof: --tree is of --format text or markdown: JSON has"),
        (["report", "--limit", "-1"], 2, "'-1' is not a number from 0 on"),
        (["report", "--min-percent", "many"], 2, "'many' is not between 0 and 100"),
        (["flamegraph", "--width", "0"], 2, "'0' is not a positive number"),
        (["tea"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
    ],
)
def test_mistakes(arguments: list[str], status: int, words: str) -> None:
    result = prof(*arguments)
    assert result.returncode == status
    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    if status != 2:
        assert result.stderr.count("\n") == 1


def test_no_capture_here(here: Path) -> None:
    for path in here.glob("*.capture"):
        path.unlink()
    result = prof("report")
    assert (result.returncode, result.stdout) == (3, "")
    assert "no *.capture in the current directory: `prof run app.py`" in result.stderr


@pytest.mark.parametrize("command", ["report", "diff", "flamegraph", "folded", "inspect"])
def test_help_has_examples(command: str) -> None:
    result = prof(command, "--help")
    assert result.returncode == 0
    assert f"examples:\n  prof {command}" in result.stdout


def test_help_has_exit_statuses_and_the_version() -> None:
    result = prof("--help")
    assert result.returncode == 0
    for status in ("0  done", "1  the answer is no", "2  wrong", "3  input", "4  output", "130  interrupted"):
        assert f"\n  {status}" in result.stdout
    assert "\n    flamegraph   draw" in result.stdout, "each command on a line of its own"
    assert re.fullmatch(r"prof \d+\.\d+\.\d+\S*\n", prof("--version").stdout)


def test_broken_pipe_is_silent() -> None:
    nodes = [Node(-1, 0)] + [Node(0, i, 1, i) for i in range(1, 5000)]
    labels = [Label(THREAD, "t")] + [function(f"m.function_number_{i}") for i in range(1, 5000)]
    Path("wide.capture").write_bytes(File(labels, [Thread("t", nodes)], {}).build())
    tree = ["report", "--tree", "--min-percent", "0"]
    for command in (["report", "--limit", "0"], tree, ["report", "--format", "json"], ["folded", "-o", "-"]):
        process = subprocess.Popen(
            [*PROF, command[0], "wide.capture", *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout and process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait() == 0


def test_folded_to_a_file_and_to_standard_output() -> None:
    result = prof("folded")
    assert result.stdout == "app-time.folded\n"
    assert Path("app-time.folded").read_text("utf-8") == prof("folded", "-o", "-").stdout
    assert prof("folded", "-o", "other.folded").stdout == "other.folded\n"
    assert "app.main;profile!db_query;db.query 180000000\n" in Path("other.folded").read_text("utf-8")


def test_folded_memory() -> None:
    assert prof("folded", "memory.capture").stdout == "memory-memory-summary.folded\n"
    assert prof("folded", "memory.capture", "--mode", "memory-live").stdout == "memory-memory-live.folded\n"
    text = Path("memory-memory-live.folded").read_text("utf-8")
    assert "app.main;app.load;app.parse.Parser.feed;app.parse.Parser.token;parse.py:52 2097152\n" in text
    assert "<threads without the GIL> 4096\n" in text


def test_terminal_has_colour_and_pipes_have_none() -> None:
    assert "\x1b" not in prof("report").stdout
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen([*PROF, "report"], stdout=secondary, env=environment)
    os.close(secondary)
    data = b""
    try:
        while chunk := os.read(primary, 65536):
            data += chunk
    except OSError:
        pass  # Linux says so when the other side is closed
    os.close(primary)
    assert process.wait() == 0
    text = data.decode()
    assert "\x1b[1m" in text and "app.parse.Parser.token" in text
    assert "\x1b[31m" not in text, "a name must not command the terminal"


def test_ascii_locale() -> None:
    result = prof("report", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    assert "app.?vil<name>" in result.stdout


def test_rich_is_not_imported_for_a_pipe() -> None:
    code = "import sys; from prof.tools.cli import main; main(['report']); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_four_times_the_nodes_take_four_times_as_long(large: Path) -> None:
    """And no more. How long a million of them take is among the benchmarks."""

    def seconds(count: int) -> float:
        return float(timed("report", "--limit", "5", str(large / f"{count}.capture")).stderr.split()[0])

    assert growth(seconds, SMALL, LARGE) < 7
    assert prof("flamegraph", str(large / f"{LARGE}.capture")).returncode == 0


def test_a_tree_of_all_nodes_streams(large: Path) -> None:
    """All of it, in little more memory than the capture itself takes, and four times as many in four times as long."""
    lines, memory = {}, {}

    def seconds(count: int) -> float:
        every = ("--tree", "--depth", "0", "--min-percent", "0")
        result = timed("report", str(large / f"{count}.capture"), *every)
        lines[count] = result.stdout.splitlines()
        took, mebibytes = result.stderr.split()
        memory[count] = int(mebibytes)
        return float(took)

    assert growth(seconds, SMALL, LARGE) < 7
    assert len(lines[LARGE]) > 0.99 * LARGE and max(map(len, lines[LARGE])) <= 101
    more = os.stat(large / f"{LARGE}.capture").st_size - os.stat(large / f"{SMALL}.capture").st_size
    assert memory[LARGE] - memory[SMALL] < 3 * more >> 20


def timed(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, which says at its end how much of the processor's time it took, and how many MiB at most."""
    code = """if True:
        import sys, time
        from prof.tools.cli import main
        begin = time.process_time()
        main(sys.argv[1:])
        # Not ru_maxrss, which begins with what the process that started us has.
        (most,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
        print(time.process_time() - begin, int(most) // 1024, file=sys.stderr)
    """
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result


SMALL, LARGE = 40_000, 160_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with captures of so many nodes, by their number."""
    folder = tmp_path_factory.mktemp("large")
    for count in (SMALL, LARGE):
        (folder / f"{count}.capture").write_bytes(big(count))
    return folder


def big(count: int) -> bytes:
    """A binary tree of calls of a thousand functions."""
    labels = [Label(THREAD, "t")] + [function(f"app.module_{i % 50}.function_{i}", i) for i in range(1, 1001)]
    nodes = [Node(-1, 0)] + [Node(i // 2, 1 + i * 7919 % 1000, 3, i % 4000) for i in range(count - 1)]
    return File(labels, [Thread("t", nodes)], {"name": "big"}, nodes_per_chunk=4000).build()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [["report"], ["report", "--format", "json"], ["report", "--format", "html", "-o", "-"], ["flamegraph", "-o", "-"],
     ["folded", "-o", "-"], ["inspect"], ["diff", "app.capture", "app.capture"]],
)  # fmt: skip
def test_a_full_disk_below_standard_output(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run([*PROF, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert result.returncode == 4
    assert result.stderr.splitlines()[-1] == "prof: standard output cannot be written: No space left on device"
    assert "Traceback" not in result.stderr


def test_a_long_write_to_a_file_shows_a_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("big.capture").write_bytes(big(200_000))
    primary, secondary = pty.openpty()
    code = "from prof.tools.screen import progress; progress.PATIENCE_SECONDS = 0.0\n"
    code += "from prof.tools.cli import main; main(%r)"
    for arguments in (["report", "big.capture", "--format", "json", "-o", "big.json"], ["inspect", "big.capture"]):
        with open("out.txt", "w") as out:
            command = [sys.executable, "-c", code % arguments]
            environment = {**os.environ, "TERM": "xterm-256color"}
            assert subprocess.run(command, stdout=out, stderr=secondary, env=environment, timeout=120).returncode == 0
        said = os.read(primary, 65536).decode()
        assert ("Writing big.json" if "-o" in arguments else "Reading big.capture") in said
    os.close(primary)
    os.close(secondary)


def test_no_standard_output_and_no_standard_error() -> None:
    result = subprocess.run([*PROF, "report"], preexec_fn=lambda: os.close(1), stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (4, "prof: standard output is closed\n")
    result = subprocess.run([*PROF, "flamegraph"], preexec_fn=lambda: os.close(2), stdout=subprocess.PIPE, text=True)
    assert (result.returncode, result.stdout) == (0, "app-time.svg\n")
