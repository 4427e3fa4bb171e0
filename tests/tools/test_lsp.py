"""`prof lsp`: a client over standard input and output asks what an editor would."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prof.tools.editor.facts import FileFacts, Finding, FunctionFacts, LineFacts
from prof.tools.editor.following import follow, moved
from prof.tools.editor.server import table

PROGRAM = """\
def leaf(n):
    return [n] * n


def heavy():
    found = []
    for _ in range(500):
        found.append(leaf(200))
    return found


def main():
    heavy()


main()
"""
PROF = [sys.executable, "-m", "prof"]


class Client:
    """Speaks the protocol, as plainly as can be."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*PROF, "lsp"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.kept: list[dict[str, Any]] = []
        self.number = 0
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        support = {"codeLens": {"refreshSupport": True}, "inlayHint": {"refreshSupport": True}}
        self.answer = self.ask(
            "initialize",
            processId=None, rootUri=folder.as_uri(), capabilities={"workspace": support},
            workspaceFolders=[{"uri": folder.as_uri(), "name": "w"}],
        )  # fmt: skip
        self.tell("initialized")

    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        while header := out.readline():
            length = int(header.split(b":")[1]) if header.lower().startswith(b"content-length") else 0
            while out.readline().strip():
                pass
            self.messages.put(json.loads(out.read(length)))

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        text = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.process.stdin.flush()

    def tell(self, method: str, **params: Any) -> None:
        self.send(method=method, params=params)

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        found = self.until(lambda m: m.get("id") == self.number and "method" not in m)
        assert "error" not in found, found
        return found["result"]

    def until(self, wanted: Any) -> dict[str, Any]:
        """The first message that is so; those before it that ask something are answered, all are kept."""
        while True:
            message = self.messages.get(timeout=60)
            self.kept.append(message)
            if "id" in message and "method" in message:
                self.send(id=message["id"], result={"success": True} if "showDocument" in message["method"] else None)
            if wanted(message):
                return message

    def notified(self, method: str) -> dict[str, Any]:
        return self.until(lambda m: m.get("method") == method)

    def end(self) -> None:
        self.ask("shutdown")
        self.tell("exit")
        self.process.wait(60)
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def record(folder: Path) -> None:
    command = [*PROF, "run", "--modes", "time+memory+ops", "shop.py"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("workspace")
    (found / "shop.py").write_text(PROGRAM)
    record(found)
    return found


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    found = Client(folder)
    found.notified("workspace/codeLens/refresh")
    yield found
    found.end()


def opened(client: Client, folder: Path, text: str) -> str:
    uri = (folder / "shop.py").as_uri()
    client.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "python", "version": 1, "text": text})
    return uri


def closed(client: Client, uri: str) -> None:
    client.tell("textDocument/didClose", textDocument={"uri": uri})


def lenses(client: Client, uri: str) -> dict[int, str]:
    found = client.ask("textDocument/codeLens", textDocument={"uri": uri})
    return {lens["range"]["start"]["line"] + 1: lens["command"]["title"] for lens in found}


def hints(client: Client, uri: str) -> dict[int, str]:
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    found = client.ask("textDocument/inlayHint", textDocument={"uri": uri}, range=span)
    return {hint["position"]["line"] + 1: hint["label"] for hint in found}


def test_functions_have_lenses_hot_lines_hints_and_findings_are_diagnostics(client: Client, folder: Path) -> None:
    assert client.answer["capabilities"]["codeLensProvider"]
    uri = opened(client, folder, PROGRAM)
    published = client.notified("textDocument/publishDiagnostics")["params"]
    found = lenses(client, uri)
    assert list(found) == [1, 5, 12]
    assert "calls 500" in found[1] and "ops" in found[1] and "alloc" in found[1]
    assert "calls 1" in found[12]
    beside = hints(client, uri)
    assert "alloc" in beside[2] and "count 500" in beside[8]
    assert 3 not in beside and 1 not in beside
    shown = client.ask("textDocument/hover", textDocument={"uri": uri}, position={"line": 0, "character": 5})
    assert "shop\\.leaf" in shown["contents"]["value"] or "shop.leaf" in shown["contents"]["value"]
    assert "| calls | 500 |" in shown["contents"]["value"]
    assert published["diagnostics"] and {each["source"] for each in published["diagnostics"]} == {"prof"}
    assert all(each["severity"] == 3 for each in published["diagnostics"])
    closed(client, uri)


def test_edits_move_figures_and_a_changed_function_has_none(client: Client, folder: Path) -> None:
    lines = PROGRAM.splitlines()
    edited = ["# a comment", "", *lines[:7], "        found.append(leaf(300))", *lines[8:]]
    uri = opened(client, folder, "\n".join(edited))
    found = lenses(client, uri)
    assert list(found) == [3, 7, 14]
    assert not found[3].startswith("(changed") and found[7].startswith("(changed since: ")
    beside = hints(client, uri)
    assert 4 in beside and not {8, 9, 10, 11} & set(beside)
    closed(client, uri)


def test_a_file_of_which_nothing_was_recorded_has_nothing(client: Client, folder: Path) -> None:
    other = folder / "other.py"
    other.write_text("x = 1\n")
    uri = other.as_uri()
    client.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "python", "version": 1, "text": "x"})
    assert lenses(client, uri) == {} and hints(client, uri) == {}
    closed(client, uri)


def test_a_new_capture_refreshes_and_commands_run_and_open_the_page(client: Client, folder: Path) -> None:
    before = len(list(folder.glob("*.capture")))
    client.ask("workspace/executeCommand", command="prof.run", arguments=[(folder / "shop.py").as_uri()])
    assert any(m.get("method") == "workspace/codeLens/refresh" for m in client.kept[1:])
    assert len(list(folder.glob("*.capture"))) == before + 1
    page = client.ask("workspace/executeCommand", command="prof.openPage", arguments=[])
    assert page.startswith("file://") and page.endswith(".html")
    shown = [m for m in client.kept if m.get("method") == "window/showDocument"]
    assert shown and shown[-1]["params"]["uri"] == page and Path(page.removeprefix("file://")).exists()
    said = client.ask("workspace/executeCommand", command="prof.showCallers", arguments=["shop.leaf"])
    assert "shop.heavy" in said


def test_what_is_wrong_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prof.commandline import finish
    from prof.tools import cli

    said: list[str] = []
    monkeypatch.setattr("prof.tools.commands.extras.find_spec", lambda _: None)
    monkeypatch.setattr(sys.stderr, "write", said.append)
    assert finish("prof", lambda: cli.main(["lsp"])) == 2
    assert "".join(said).strip() == "prof: prof lsp needs pygls: pip install 'prof-instrument[lsp]'"


# ---- following ----

FACTS = FileFacts(
    "a.py", (1, 1), ("def f():", "    a()", "    b()", "", "def g():", "    c()"),
    [FunctionFacts("m.f", 1, "self 1 s", []), FunctionFacts("m.g", 5, "self 2 s", [])],
    {2: LineFacts("x", []), 6: LineFacts("y", [])},
    [Finding(6, "look")],
)  # fmt: skip


def test_lines_are_followed_by_what_they_say() -> None:
    assert moved(["a", "b", "c"], ["x", "a", "c"]) == {1: 2, 3: 3}
    same = follow(FACTS, FACTS.text or ())
    assert [(line, changed) for line, _, changed in same.functions] == [(1, False), (5, False)]
    assert set(same.lines) == {2, 6} and same.findings[0][0] == 6


def test_a_line_put_into_a_function_changes_that_one_alone() -> None:
    found = follow(FACTS, ["def f():", "    a()", "    new()", "    b()", "", "def g():", "    c()"])
    assert [(line, changed) for line, _, changed in found.functions] == [(1, True), (6, False)]
    assert set(found.lines) == {7} and found.findings[0][0] == 7


def test_a_function_that_is_gone_or_renamed_has_nothing() -> None:
    found = follow(FACTS, ["def g():", "    c()"])
    assert [each.name for _, each, _ in found.functions] == ["m.g"]
    assert follow(FACTS, ["def other(:"]).lines == {}


def test_of_a_file_whose_text_nobody_has_functions_are_found_by_name() -> None:
    facts = FileFacts("a.py", (1, 1), None, list(FACTS.functions), dict(FACTS.lines))
    found = follow(facts, ["", "def g():", "    c()"])
    assert [(line, each.name, changed) for line, each, changed in found.functions] == [(2, "m.g", True)]
    assert not found.lines


def test_nothing_of_a_capture_is_markup() -> None:
    assert "<script>" not in table("<script>[x](http://y)|", []) and "\\[x\\]\\(" in table("[x](y)", [])
