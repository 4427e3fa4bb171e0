"""The newest capture of a workspace, and what it says of files: read again when another one lands."""

from __future__ import annotations

from pathlib import Path

from attrs import Factory, define
from prof.capture import captures_in
from prof.errors import InputError, ProfError
from prof.many import open_captures
from prof.runs import newest_run
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.whose import ruled
from prof.tools.editor.facts import FileFacts, Texts, facts_of, files_of, remember
from prof.tools.modes import VIEWS

State = tuple[str, int, int]


@define
class Found:
    """What a folder's newest run says: a report, or why there is none."""

    state: State | None
    report: Report | None = None
    error: str = ""
    paths: list[Path] = Factory(list)
    files: dict[str, str] = Factory(dict)
    """Names that labels have for files, by path."""
    facts: dict[str, FileFacts] = Factory(dict)


@define
class Workspace:
    """A folder with captures."""

    folder: Path
    found: Found = Factory(lambda: Found(None))
    _texts: Texts = Factory(dict)
    _read: bool = False

    @property
    def error(self) -> str:
        """Why there is nothing to show; empty where there is."""
        return self.found.error

    @property
    def paths(self) -> list[Path]:
        """The captures that are shown."""
        return self.found.paths

    def state(self) -> State | None:
        """What changes when another capture lands, or one grows; None where there is none."""
        try:
            modified, path = max(captures_in(self.folder))
            return str(path), modified, path.stat().st_size
        except (InputError, OSError):
            return None

    def load(self) -> Found | None:
        """Reads the newest run, if it is another one, in whatever thread; None where it is not."""
        state = self.state()
        if self._read and state == self.found.state:
            return None
        if state is None:
            return Found(None, error=f"no capture in {self.folder}: prof run app.py makes one")
        try:
            paths, _ = newest_run(self.folder)
            report = analyse(open_captures(paths), tuple(VIEWS.values()), "", "", ruled())
            return Found(state, report, "", paths, files_of(report))
        except ProfError as error:
            return Found(state, error=str(error))

    def take(self, found: Found) -> None:
        """Shows what was loaded, in the thread that asks for facts."""
        if self.found.report is not None:
            self.found.report.capture.close()
        self.found, self._read = found, True

    def facts(self, path: str) -> FileFacts | None:
        """What the capture says of a file; None where that is nothing."""
        resolved = str(Path(path).resolve())
        shown = self.found
        if shown.report is None or resolved not in shown.files:
            return None
        found = shown.facts.get(resolved)
        if found is None or found.text is None:
            remember(self._texts, Path(resolved))
            found = facts_of(shown.report, shown.files[resolved], resolved, self._texts)
            shown.facts[resolved] = found
        return found
