"""The language server: lenses above functions, hints beside hot lines, tables on hover, findings as diagnostics."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from prof.tools.editor.facts import Fact, Finding
from prof.tools.editor.following import CHANGED, Followed, follow
from prof.tools.editor.shown import Workspace
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

RUN, OPEN, AGAIN, CALLERS = "prof.run", "prof.openPage", "prof.refresh", "prof.showCallers"
SOURCE = "prof"
# Seconds between looks for another capture.
PAUSE = 1.0


class Server(LanguageServer):
    """A server of one workspace."""

    def __init__(self, captures: str | None, version: str) -> None:
        super().__init__("prof", version, types.TextDocumentSyncKind.Full)
        self.captures = captures
        self.found: Workspace | None = None
        self.root = Path.cwd()
        self.watching: asyncio.Task[None] | None = None
        self.open: set[str] = set()
        self.refreshes = (False, False)

    # ---- what there is ----

    def begin(self, params: types.InitializeParams) -> None:
        """Learns where the workspace is, and what the client can be asked."""
        given = params.initialization_options if isinstance(params.initialization_options, dict) else {}
        folders = [folder.uri for folder in params.workspace_folders or ()] or [params.root_uri or ""]
        root = to_fs_path(folders[0]) if folders[0] else None
        self.root = Path(root or self.root)
        wanted = self.captures or given.get("captures") or "."
        self.found = Workspace(self.root / str(wanted))
        able = params.capabilities.workspace
        self.refreshes = (
            bool(able and able.code_lens and able.code_lens.refresh_support),
            bool(able and able.inlay_hint and able.inlay_hint.refresh_support),
        )

    def followed(self, uri: str) -> tuple[Followed, list[str]] | None:
        """What is shown of a document, and its lines; None where nothing of it was recorded."""
        path = to_fs_path(uri)
        facts = self.found.facts(path) if self.found is not None and path else None
        if facts is None:
            return None
        lines = [line.rstrip("\r\n") for line in self.workspace.get_text_document(uri).lines]
        return follow(facts, lines), lines

    # ---- what changes ----

    async def watch(self) -> None:
        """Looks for another capture, for as long as the server runs."""
        while True:
            begun = time.monotonic()
            await self.look()
            # One that is being written is another one each time: what reading it takes is to be little of the time.
            await asyncio.sleep(max(PAUSE, 10 * (time.monotonic() - begun)))

    async def look(self) -> None:
        """Reads the newest capture if it is another one, and has the editor ask again."""
        if self.found is None or (loaded := await asyncio.to_thread(self.found.load)) is None:
            return
        self.found.take(loaded)
        if self.found.error:
            self.window_log_message(types.LogMessageParams(types.MessageType.Info, f"prof: {self.found.error}"))
        lenses, hints = self.refreshes
        if lenses:
            self.workspace_code_lens_refresh(None)
        if hints:
            self.workspace_inlay_hint_refresh(None)
        for uri in sorted(self.open):
            self.publish(uri)

    def publish(self, uri: str) -> None:
        """Sends what was found in a document."""
        shown = self.followed(uri)
        rows = [] if shown is None else [_diagnostic(line, each, shown[1]) for line, each in shown[0].findings]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, rows))

    async def run_prof(self, *words: str) -> tuple[int, str]:
        """Runs `prof` in the workspace: its status, and what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prof", *words, cwd=self.root, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        status = process.returncode or 0
        return status, (out if not status else err).decode("utf-8", "replace").strip()

    def say(self, text: str, error: bool = False) -> None:
        """Shows a message."""
        kind = types.MessageType.Error if error else types.MessageType.Info
        self.window_show_message(types.ShowMessageParams(kind, f"prof: {text}"))


# ---- what is shown, as the protocol has it ----


def _whole_line(line: int, lines: Sequence[str]) -> types.Range:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    begin = len(text) - len(text.lstrip())
    return types.Range(types.Position(line - 1, begin), types.Position(line - 1, _units(text)))


def _units(text: str) -> int:
    """Positions are counted in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _diagnostic(line: int, found: Finding, lines: Sequence[str]) -> types.Diagnostic:
    severity = types.DiagnosticSeverity.Information
    return types.Diagnostic(_whole_line(line, lines), found.text, severity=severity, source=SOURCE, code=found.kind)


def lenses(shown: Followed, lines: Sequence[str]) -> list[types.CodeLens]:
    """A lens above each function that was recorded: of one that has changed since, what it took before."""
    found = []
    for line, each, changed in sorted(shown.functions, key=lambda row: row[0]):
        title = f"({CHANGED}: {each.words})" if changed else each.words
        command = types.Command(title or each.name, CALLERS, arguments=[each.name])
        found.append(types.CodeLens(_whole_line(line, lines), command=command))
    return found


def hints(shown: Followed, lines: Sequence[str], first: int, last: int) -> list[types.InlayHint]:
    """What hot lines from `first` to `last` took, behind each."""
    return [
        types.InlayHint(
            types.Position(line - 1, _units(lines[line - 1])), each.words, padding_left=True,
            tooltip=types.MarkupContent(types.MarkupKind.Markdown, table("", each.facts)),
        )
        for line, each in sorted(shown.lines.items())
        if each.words and first <= line <= last
    ]  # fmt: skip


def hover(shown: Followed, lines: Sequence[str], line: int) -> types.Hover | None:
    """The tables of a line: of the function that begins there, and of the line itself."""
    parts = [
        table(f"{each.name}{f' ({CHANGED})' if changed else ''}", each.facts)
        for at, each, changed in shown.functions
        if at == line
    ]
    if line in shown.lines:
        parts.append(table("This line", shown.lines[line].facts))
    if not parts:
        return None
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join(parts)), _whole_line(line, lines))


def table(title: str, facts: Sequence[Fact]) -> str:
    """A table in Markdown, in which nothing of a capture is taken for markup."""
    rows = [f"| {_plain(f.title)} | {_plain(f.text)} | {_plain(f.meaning)} |" for f in facts]
    head = [f"**{_plain(title)}**", ""] if title else []
    return "\n".join([*head, "| | | |", "|:--|--:|:--|", *rows])


def _plain(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~&" else c for c in text)


# ---- the protocol ----


def serve(captures: str | None, version: str) -> Server:
    """A server with all that it does, which `start_io` starts."""
    server = Server(captures, version)

    @server.feature(types.INITIALIZE)
    def _(ls: Server, params: types.InitializeParams) -> None:
        ls.begin(params)

    @server.feature(types.INITIALIZED)
    async def _(ls: Server, params: types.InitializedParams) -> None:
        ls.watching = asyncio.ensure_future(ls.watch())

    @server.feature(types.SHUTDOWN)
    def _(ls: Server, params: Any) -> None:
        if ls.watching is not None:
            ls.watching.cancel()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
        ls.open.add(params.text_document.uri)
        ls.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
        ls.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
        ls.open.discard(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    def _(ls: Server, params: types.CodeLensParams) -> list[types.CodeLens]:
        shown = ls.followed(params.text_document.uri)
        return lenses(*shown) if shown is not None else []

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def _(ls: Server, params: types.InlayHintParams) -> list[types.InlayHint]:
        shown = ls.followed(params.text_document.uri)
        return hints(*shown, params.range.start.line + 1, params.range.end.line + 1) if shown is not None else []

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def _(ls: Server, params: types.HoverParams) -> types.Hover | None:
        shown = ls.followed(params.text_document.uri)
        return hover(*shown, params.position.line + 1) if shown is not None else None

    _commands(server)
    return server


def _commands(server: Server) -> None:
    """What an editor can ask for: to record a script, to look again, to open the page, and who calls a function."""

    @server.command(RUN)
    async def _(ls: Server, script: str, *arguments: str) -> None:
        path = to_fs_path(script) if script.startswith("file:") else script
        ls.say(f"recording {path}")
        status, said = await ls.run_prof("run", str(path), *arguments)
        if status:
            ls.say(f"{shlex.join([Path(str(path)).name, *arguments])} ended with status {status}: {said[-300:]}", True)
        await ls.look()

    @server.command(AGAIN)
    async def _(ls: Server, *_: Any) -> None:
        await ls.look()

    @server.command(OPEN)
    async def _(ls: Server, *_: Any) -> str | None:
        paths = [str(path) for path in ls.found.paths] if ls.found is not None else []
        if not paths:
            ls.say(ls.found.error if ls.found is not None else "no workspace", True)
            return None
        status, said = await ls.run_prof("report", "--format", "html", *paths)
        if status:
            ls.say(said, True)
            return None
        uri = (ls.root / said.splitlines()[-1]).as_uri()
        ls.window_show_document(types.ShowDocumentParams(uri, external=True))
        return uri

    @server.command(CALLERS)
    async def _(ls: Server, name: str) -> str | None:
        paths = [str(path) for path in ls.found.paths] if ls.found is not None else []
        status, said = await ls.run_prof("report", *paths, "--callers", name)
        ls.say(said, bool(status))
        return None if status else said
