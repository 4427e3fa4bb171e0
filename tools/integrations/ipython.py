"""IPython and Jupyter: `%load_ext prof`, `%prof statement` and `%%prof --modes both`.

A cell below `%%prof` runs as any cell does: the first line is taken away before IPython reads the cell, and each piece
of it is given probes as it is about to run. So results, `_`, `await`, errors and their tracebacks are IPython's own.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from types import CodeType
from typing import TYPE_CHECKING, Any, NoReturn

from prof.configuration import ProfilerConfig
from prof.errors import ProfError, UsageError
from prof.messages import say
from prof.own_imports import own_imports
from prof.tools.integrations.cells import Asked, CellRecording, Cells, called
from prof.tools.integrations.chosen import project, read

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = "prof"
_FIRST_LINE = re.compile(r"\s*%%prof(?![\w.])(?P<options>[^\n]*)")
_WORD = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext prof`."""
    unload_ipython_extension(shell)
    shell._prof_magics = magics = Magics(shell)
    magics.register()


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext prof`."""
    magics = vars(shell).pop("_prof_magics", None)
    if magics is not None:
        magics.remove()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parser() -> argparse.ArgumentParser:
    """The options, which are those of `prof run`."""
    from prof.tools.commands.choosing import add_choice, add_recording

    found = _Parser(prog="%prof", add_help=False, allow_abbrev=False, usage="%prof [options] statement, or %%prof")
    add_choice(found, "notebook")
    add_recording(found)
    found.add_argument("statement", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return found


def parsed(line: str) -> tuple[Asked, str]:
    """What the options of a line lead to, and the statement behind them. Raises ProfError for a mistake."""
    from prof.tools.commands.choosing import choice, recording

    words = list(_WORD.finditer(line))
    args = parser().parse_args([_unquoted(word.group()) for word in words])
    statement = line[words[-len(args.statement)].start() :] if args.statement else ""
    if args.sections:
        raise UsageError("--sections: they are made as a module is loaded; use prof run")
    text, _ = recording(args)
    chosen = choice(args, [project(os.getcwd())], first=False)
    return Asked(ProfilerConfig.parse(text), read(chosen)), statement.strip()


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


class Magics:
    """What the extension puts into a shell, and takes out again."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._cells = Cells(shell.compile)
        self._recording: CellRecording | None = None

    def register(self) -> None:
        """Puts it in."""
        self.shell.input_transformers_cleanup.append(first_line)
        self.shell.events.register("pre_run_cell", self._begin_cell)
        self.shell.events.register("post_run_cell", self._end_cell)
        self.shell.register_magic_function(self.prof, "line_cell", MAGIC)

    def remove(self) -> None:
        """Takes it out."""
        self.shell.input_transformers_cleanup.remove(first_line)
        self.shell.events.unregister("pre_run_cell", self._begin_cell)
        self.shell.events.unregister("post_run_cell", self._end_cell)
        for kind in ("line", "cell"):
            self.shell.magics_manager.magics[kind].pop(MAGIC, None)

    # ---- a cell ----

    def _begin_cell(self, info: Any) -> None:
        match = _FIRST_LINE.match(info.raw_cell or "")
        if match is None:
            return
        number = self.shell.execution_count - bool(info.store_history)
        try:
            asked, _ = parsed(match["options"])
        except ProfError:  # which has been told, and the cell does not run
            return
        try:
            self._recording = CellRecording(self._cells, asked, number)
        except ProfError as error:
            say(f"the cell is not recorded: {error}")
            return
        self.shell.run_code = self._running(self.shell.run_code, self._recording)

    def _running(self, run: Callable[..., Any], recording: CellRecording) -> Callable[..., Any]:
        async def run_code(code: CodeType, *args: Any, **named: Any) -> Any:
            show = sys.displayhook

            def shown(value: object) -> None:
                recording.shown(value, show)

            sys.displayhook = shown
            try:
                return await run(recording.code(code), *args, **named)
            finally:
                if sys.displayhook is shown:
                    sys.displayhook = show

        return run_code

    def _end_cell(self, result: Any) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            del self.shell.run_code
            self._show(recording, ran=result is None or result.error_before_exec is None)

    # ---- a statement, and a cell inside another magic ----

    def prof(self, line: str, cell: str | None = None) -> Any:
        """Records a statement, or with %% a cell, and shows the report below.

            %prof total(items)
            %prof --modes both x = total(items)
            %%prof --modes all --instrument 'jinja2.*'

        The cell's own functions and those of the project are recorded, unless options choose others. Options are those
        of `prof run`: --modes, --instrument, -t, --project, --all, --stdlib, --interval, --out and the others.
        """
        __tracebackhide__ = True
        if cell is not None:
            self.shell.run_cell(f"%%{MAGIC} {line}\n{cell}")
            return None
        try:
            asked, statement = parsed(line)
            if not statement:
                raise UsageError("which statement? %prof [options] statement")
        except ProfError as error:
            raise _shown(error) from None
        if self._recording is not None:
            say(f"the cell is recorded as a whole, and {statement!r} in it")
            return self._run(statement, lambda code: code)
        try:
            recording = CellRecording(self._cells, asked, max(self.shell.execution_count - 1, 1))
        except ProfError as error:
            raise _shown(error) from None
        try:
            return self._run(statement, recording.code)
        finally:
            self._show(recording)

    def _run(self, statement: str, probed: Callable[[CodeType], CodeType]) -> Any:
        """Runs it in the notebook's namespace; the value of its last expression."""
        __tracebackhide__ = True
        shell = self.shell
        source = shell.transform_cell(statement)
        file = shell.compile.cache(source, max(shell.execution_count - 1, 1), raw_code=statement)
        body = shell.transform_ast(shell.compile.ast_parse(source, filename=file)).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        if body:
            exec(probed(shell.compile(ast.Module(body, []), file, "exec")), shell.user_ns)
        if last is None:
            return None
        return eval(probed(shell.compile(ast.Expression(last.value), file, "eval")), shell.user_ns)

    # ---- what it shows ----

    def _show(self, recording: CellRecording, ran: bool = True) -> None:
        """Ends a recording and shows its report. Nothing of it may raise into the notebook."""
        joined = recording.joined
        try:
            path = recording.end()
            if joined is not None:
                say(f"the kernel is recorded as a whole, and this cell in it: {joined}")
            elif path is not None and ran:
                self._display(recording, path)
        except Exception as error:
            say(f"no report of {called(recording.number)}: {type(error).__name__}: {error}")

    def _display(self, recording: CellRecording, path: Path) -> None:
        with own_imports():
            from prof.tools.integrations.inline import bundle

        report = recording.report(path)
        with report.capture:
            self.shell.display_pub.publish(bundle(report, called(recording.number)))
        sys.stdout.flush()


def first_line(lines: list[str]) -> list[str]:
    """An input transformer: a cell without its `%%prof`. The other lines keep their numbers."""
    match = _FIRST_LINE.match(lines[0]) if lines else None
    if match is None:
        return lines
    try:
        _, statement = parsed(match["options"])
        if statement:
            raise UsageError(f"{statement!r}: options alone stand behind %%prof, and the cell below")
    except ProfError as error:
        raise _shown(error) from None
    return ["\n", *lines[1:]]


first_line.has_side_effects = True  # type: ignore[attr-defined]  # else it would be asked at each key, and refuse half a line


def _shown(error: ProfError) -> Exception:
    """As IPython shows mistakes in a magic: in one line."""
    shown: Exception = import_module("IPython.core.error").UsageError(f"prof: {error}")
    return shown
