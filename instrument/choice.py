"""Which modules and functions `prof run` gives probes to; and how a process tells its children, in one variable.

Loaded by every Python that `prof run` has begun, before the program: nothing heavy is imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

# The environment variable, and what it holds: `key=value` lines.
VARIABLE = "PROF_RUN"

# What every source with sections has.
MARKER = b"profile!"

_STDLIB = os.path.dirname(os.path.realpath(os.__file__))
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
# What holds a project together, in its folder.
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg")


class Choice:
    """What is chosen. `patterns` are of module names, and what comes later in the list wins; `!` leaves out."""

    def __init__(
        self,
        roots: Iterable[str] = (),
        patterns: Iterable[str] = (),
        targets: Iterable[str] = (),
        sections: Iterable[str] = (),
        hints: Iterable[str] = (),
        installed: bool = False,
        standard: bool = False,
        project: bool = False,
        first: bool = False,
    ) -> None:
        self.roots = tuple(roots)
        self.patterns = tuple(patterns)
        self.targets = tuple(targets)
        self.sections = tuple(sections)
        self.hints = tuple(hints)
        """Names without which no rule is about a module: `prof.instrument.loaded.hints`."""
        self._names = [frozenset(hint.split()) for hint in self.hints]
        self._places: dict[str, bool] = {}
        self.installed = installed
        self.standard = standard
        self.project = project or not (self.targets or any(not each.startswith("!") for each in self.patterns))
        self.first = first
        """Whether this is the process that `prof run` became: its script is recorded, wherever it lies."""
        self.used: set[str] = set()
        """Patterns and targets that something was chosen by."""
        # All at once: it may import, and an import asks what is chosen.
        names = {each.removeprefix("!") for each in self.patterns} | {p for t in self.targets for p in _parts(t)}
        self._matchers = {name: _matcher(name) for name in names}

    def module(self, name: str, origin: str) -> bool:
        """Whether anything in this module is chosen."""
        return self._whole(name, origin) or any(self._matchers[module](name) for module, _ in map(_parts, self.targets))

    def function(self, module: str, origin: str) -> Callable[[str], bool] | None:
        """Which functions of a chosen module, by qualified name; None for all of them."""
        whole = self._whole(module, origin)
        own = [
            (each, qualname)
            for each in self.targets
            for name, qualname in [_parts(each)]
            if self._matchers[name](module)
        ]
        self.used.update(target for target, qualname in own if not qualname)
        named = [row for row in own if row[1]]
        if not named:
            return None
        whole = whole or len(named) < len(own)

        def chosen(qualname: str) -> bool:
            # A class stands for what is in it, a function for what is defined inside it.
            fits = [t for t, wanted in named if self._matchers[wanted](qualname) or qualname.startswith(wanted + ".")]
            self.used.update(fits)
            return whole or bool(fits)

        return chosen

    def asks(self, source: bytes, code: CodeType) -> bool:
        """Whether a module may ask for more than probes in all of its functions, and has to be looked into."""
        if self.sections or MARKER in source:
            return True
        names: set[str] = set()
        _add_names(code, names)
        for dotted in [name for name in names if "." in name]:  # of an import
            names.update(dotted.split("."))
        return any(wanted <= names for wanted in self._names)

    def loaded_before(self) -> bool:
        """Whether a module is chosen that is there already."""
        if not (self.installed or self.standard or self.patterns or self.targets):
            return False
        files = ((name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items()))
        return any(isinstance(file, str) and name != "__main__" and self.module(name, file) for name, file in files)

    def _whole(self, name: str, origin: str) -> bool:
        if name.partition(".")[0] == "prof" and _is_below(origin, _OURS):
            return False
        chosen = self._by_place(origin)
        for pattern in self.patterns:
            if self._matchers[pattern.removeprefix("!")](name):
                self.used.add(pattern)
                chosen = not pattern.startswith("!")
        return chosen

    def _by_place(self, origin: str) -> bool:
        folder = os.path.dirname(origin)
        found = self._places.get(folder) if origin else False
        if found is None:
            found = self._places[folder] = self._by_folder(os.path.join(os.path.realpath(folder), ""))
        return found

    def _by_folder(self, folder: str) -> bool:
        if any(part in folder for part in _INSTALLED):
            return self.installed
        if _is_below(folder, _STDLIB):
            return self.standard
        return self.project and any(_is_below(folder, root) for root in self.roots)

    def unused(self) -> list[str]:
        """Patterns and targets that chose nothing; not those that leave out."""
        return [each for each in (*self.patterns, *self.targets) if not each.startswith("!") and each not in self.used]

    def text(self) -> str:
        """For the environment; `read` makes the same of it."""
        rows = [("root", each) for each in self.roots]
        rows += [("pattern", each) for each in self.patterns]
        rows += [("target", each) for each in self.targets]
        rows += [("sections", each) for each in self.sections]
        rows += [("hint", each) for each in self.hints]
        rows += [(name, "1") for name in ("installed", "standard", "project", "first") if getattr(self, name)]
        return "\n".join(f"{key}={_escaped(value)}" for key, value in [("python", sys.prefix), *rows])


def read(text: str) -> Choice | None:
    """What the variable holds; None where it is of another environment of Python."""
    rows: dict[str, list[str]] = {}
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        rows.setdefault(key, []).append(_unescaped(value))
    if rows.get("python") != [sys.prefix]:
        return None
    return Choice(
        rows.get("root", ()), rows.get("pattern", ()), rows.get("target", ()), rows.get("sections", ()),
        rows.get("hint", ()), "installed" in rows, "standard" in rows, "project" in rows, "first" in rows,
    )  # fmt: skip


def project(folder: str) -> str:
    """The project that a folder belongs to: the nearest one above that looks like one, or the folder itself."""
    folder = above = os.path.realpath(folder)
    home = os.path.realpath(os.path.expanduser("~"))
    while above != home:
        if any(os.path.exists(os.path.join(above, name)) for name in _PROJECT_FILES):
            return above
        if os.path.dirname(above) == above:
            break
        above = os.path.dirname(above)
    return folder


def _add_names(code: CodeType, names: set[str]) -> None:
    """The names that a module's code has, those of its functions among them."""
    names.update(code.co_names)
    for each in code.co_consts:
        if type(each) is type(code):
            _add_names(each, names)


def _parts(target: str) -> tuple[str, str]:
    module, _, qualname = target.partition(":")
    return module, qualname


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


def _matcher(pattern: str) -> Callable[[str], bool]:
    """`pkg.*` is the package itself, too."""
    if not any(sign in pattern for sign in "*?["):
        return pattern.__eq__
    from fnmatch import translate  # takes longer to import than all of this
    from re import compile

    match = compile(translate(pattern)).match
    itself = pattern.removesuffix(".*")
    return lambda name: name == itself or match(name) is not None


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\n", "%0A")


def _unescaped(text: str) -> str:
    return text.replace("%0A", "\n").replace("%25", "%")
