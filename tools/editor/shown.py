"""The newest capture of a workspace, and what it says of files: read again when another one lands."""

from __future__ import annotations

from pathlib import Path

from attrs import Factory, define
from prof.capture import captures_in
from prof.errors import InputError
from prof.many import open_captures
from prof.runs import newest_run
from prof.tools.analysis.report import Report, analyse
from prof.tools.analysis.whose import ruled
from prof.tools.editor.facts import FileFacts, Texts, facts_of, files_of, remember
from prof.tools.modes import VIEWS

State = tuple[str, int, int]


@define
class Workspace:
    """A folder with captures. `error` says why there is nothing of them."""

    folder: Path
    report: Report | None = None
    error: str = ""
    paths: list[Path] = Factory(list)
    _files: dict[str, str] = Factory(dict)
    _facts: dict[str, FileFacts] = Factory(dict)
    _texts: Texts = Factory(dict)
    _state: State | None = None

    def state(self) -> State | None:
        """What changes when another capture lands; None where there is none. One that is being written changes only
        when it is done: its time is that of its last growth."""
        try:
            modified, path = max(captures_in(self.folder))
            return str(path), modified, path.stat().st_size
        except (InputError, OSError):
            return None

    def read(self) -> bool:
        """Reads the newest run, if there is another one. Whether there was."""
        state = self.state()
        if state == self._state:
            return False
        self._state = state
        if self.report is not None:
            self.report.capture.close()
        self.report, self._files, self._facts, self.error, self.paths = None, {}, {}, "", []
        if state is None:
            self.error = f"no capture in {self.folder}: prof run app.py makes one"
            return True
        try:
            self.paths, _ = newest_run(self.folder)
            self.report = analyse(open_captures(self.paths), tuple(VIEWS.values()), "", "", ruled())
            self._files = files_of(self.report)
        except InputError as error:
            self.error = str(error)
        return True

    def facts(self, path: str) -> FileFacts | None:
        """What the capture says of a file; None where that is nothing."""
        resolved = str(Path(path).resolve())
        if self.report is None or resolved not in self._files:
            return None
        found = self._facts.get(resolved)
        if found is None or found.text is None:
            remember(self._texts, Path(resolved))
            found = facts_of(self.report, self._files[resolved], resolved, self._texts)
            self._facts[resolved] = found
        return found
