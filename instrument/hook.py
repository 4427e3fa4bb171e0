"""Gives probes to a program that is not edited: to its modules as they are loaded, and to its script as it begins.

No file is written, and the program's modules, their loaders and their code show themselves as without the profiler.
Loaded by every Python that `prof run` has begun, before the program: nothing heavy is imported.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import SourceFileLoader, SourcelessFileLoader

from prof import markers
from prof.instrument import choice as choices
from prof.instrument import script
from prof.own_imports import own_work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping
    from importlib.machinery import ModuleSpec
    from types import CodeType, FrameType, FunctionType
    from typing import Any

    from prof.instrument.loaded import Loaded
else:
    FunctionType = type(lambda: None)

_LOADERS = (SourceFileLoader, SourcelessFileLoader)  # those for files: their code is changed before they run it
_MAINS = _MAIN, _CHILDS_MAIN = "__main__", "__mp_main__"


def install(environment: MutableMapping[str, str]) -> None:
    """Takes the place that the environment asks for. Never raises: the program must run."""
    try:
        text = environment[choices.VARIABLE]
        choice = choices.read(text)
        if choice is None or not environment.get("PROF"):
            return
        if environment["PROF"] == markers.STANDBY:
            markers.start_if_asked()
            return
        if choice.first:
            # Its children are not the first.
            environment[choices.VARIABLE] = text.removesuffix("\nfirst=1")
        Hook(choice).install()
    except Exception as error:
        _say(f"the program runs unrecorded: {type(error).__name__}: {error}")


class Hook:
    """The first of `sys.meta_path`: finds nothing itself, and gives probes to what the others find."""

    def __init__(self, choice: choices.Choice) -> None:
        self.choice = choice
        self.modules = 0
        """How many modules' functions have got probes."""
        self.names: set[str] = set()
        """`module:function` of those that might have been meant by a target."""
        self._changed: list[tuple[CodeType, CodeType]] | None = None
        """Of a recording that began in the middle: code that functions had, and what they have in its place."""
        self._begun = False
        self._planned: dict[str, Loaded] = {}
        """Of a script that has been looked into before it begins."""
        self._first_engine: Any = None
        """What gives probes; None where nothing records."""

    def install(self) -> None:
        """From here on modules are looked at, and the script as it begins."""
        sys.meta_path.insert(0, self)
        script.offer(self.sections_outside)
        sys.setprofile(self._await_script)

    # ---- the script ----

    def _await_script(self, frame: FrameType, event: str, _: object) -> None:
        """The interpreter itself compiles and runs the script, and has no other hook for it."""
        if event != "call":
            return
        code = frame.f_code
        if code.co_name == "_bootstrap" and frame.f_globals.get("__name__") == "multiprocessing.process":
            sys.setprofile(None)
        elif code.co_name == "<module>" and frame.f_globals.get("__name__") in (_MAIN, _CHILDS_MAIN):
            if not _is_spawned() or frame.f_globals["__name__"] == _CHILDS_MAIN:
                sys.setprofile(None)
            try:
                self._script(frame)
            except Exception as error:
                _say(f"the script has no probes: {type(error).__name__}: {error}")

    def _script(self, frame: FrameType) -> None:
        path = script.settle(frame)
        name = script.name(frame)
        chosen = self.choice.module(name, path) or (self.choice.first and self._is_typed(frame))
        if self.choice.first or chosen:
            self._begin()
        if chosen and self._first_engine is not None:
            with own_work():
                loaded = self._planned.pop(path, None) or self._instrumented(script.read(path), path, frame.f_code)
                edited = loaded.code if loaded is not None else None
                wanted = self._wanted(name, path, loaded)
                self._engine().attach_script(frame.f_code, _MAIN, wanted, edited or frame.f_code)

    def _is_typed(self, frame: FrameType) -> bool:
        """Whether it is the text of `-c`, which is of no project."""
        return self.choice.project and frame.f_code.co_filename.startswith("<")

    def sections_outside(self, path: str) -> CodeType | None:
        """The script at `path` with its sections, if some are not in a function: no other code can have those."""
        if not self.choice.module(script.stem(path), path):
            return None
        source = script.read(path)
        loaded = self._loaded(source, path) if choices.MARKER in source else None
        if loaded is not None:
            self._planned[os.path.abspath(path)] = loaded
        return loaded.code if loaded is not None and loaded.outside else None

    # ---- modules ----

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """What the finders behind this one find."""
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None) if finder is not self else None
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                self._look(name, spec)
                return spec
        return None

    def _look(self, name: str, spec: ModuleSpec) -> None:
        with own_work():
            try:
                self._seen(name, spec)
            except Exception as error:  # the program's import is none of its business
                _say(f"{name} has no probes: {type(error).__name__}: {error}")

    def _seen(self, name: str, spec: ModuleSpec) -> None:
        loader = spec.loader
        if not isinstance(loader, _LOADERS) or not isinstance(spec.origin, str):
            return
        if self.choice.module(name, spec.origin):
            self._begin()
            if self._first_engine is not None:
                from prof import _probes

                _probes.change_code(loader, self._change)

    def _executed(self, code: CodeType) -> None:
        """Gives probes to a module's code as it begins to run, if a loader of another kind has made it: that of pytest,
        which rewrites test modules, or of an archive."""
        path = code.co_filename
        with own_work():
            try:
                name = _of_other_loader(path)
                if name and self.choice.module(name, path):
                    loaded = self._instrumented(script.read(path), path, code)
                    self._engine().attach_script(code, name, self._wanted(name, path, loaded), code)
            except Exception as error:
                _say(f"{path} has no probes: {type(error).__name__}: {error}")

    def _change(self, loader: Any, name: str, code: CodeType) -> CodeType:
        with own_work():
            return self._changed_code(loader, name, code)

    def _changed_code(self, loader: Any, name: str, code: CodeType) -> CodeType:
        """The module's code with probes."""
        path = str(loader.path)
        by_name = name == script.run_by_name() and not hasattr(sys.modules[_MAIN], "__file__")  # by `python -m`
        source = loader.get_data(path) if isinstance(loader, SourceFileLoader) else b""
        loaded = self._instrumented(source, path, code)
        made: CodeType = self._engine().attach_module(
            (loaded.code if loaded is not None else None) or code,
            _MAIN if by_name else name,
            self._wanted(name, path, loaded),
        )
        self._note(code, made)
        return made

    def _instrumented(self, source: bytes, path: str, code: CodeType) -> Loaded | None:
        """What the source asks for; None for nothing, as of most, or where it cannot be told."""
        return self._loaded(source, path) if self.choice.asks(source, code) else None

    def _loaded(self, source: bytes, path: str) -> Loaded | None:
        from prof.own_imports import own_imports

        with own_imports():
            import pathlib

            from prof.errors import ProfError
            from prof.instrument import loaded, plan, settings
            from prof.instrument.refusal import Refusal

        try:
            found = settings.load(pathlib.Path(path).resolve().parent)
            options = plan.Options(frozenset(self.choice.sections) or found.sections, found.rules)
            return loaded.instrument(source, path, options)
        except (Refusal, ProfError):
            return None

    def _wanted(self, name: str, path: str, loaded: Loaded | None) -> Callable[[CodeType], bool] | None:
        """Which functions of a module get probes; None for all of them."""
        self.modules += 1
        by_name, skipped = self.choice.function(name, path), loaded.skipped if loaded is not None else ()
        if by_name is None and not skipped:
            return None

        def wanted(code: CodeType) -> bool:
            if (code.co_firstlineno, code.co_name) in skipped:
                return False
            qualname = code.co_qualname.replace("<locals>.", "")
            self.names.add(f"{name}:{qualname}")
            return by_name is None or by_name(qualname)

        return wanted

    # ---- the recording ----

    def _begin(self) -> None:
        """With the first module that is chosen, as with the first mark of a program that is edited."""
        if self._begun:
            return
        self._begun = True
        from prof import (
            auto,  # noqa: F401  # puts `profiled` where sections find it
            engine,
        )

        session = engine.running()
        if session is None:
            return
        self._first_engine = session.engine
        self._leave_no_frames()
        with own_work():
            if self.choice.loaded_before():
                self._attach_loaded(session.engine)
        if self.choice.first:
            with own_work():  # where imports are lazy, these load with their first use
                import atexit
                import os

                atexit.register(self._tell)
                # A server's workers load what it does not load itself.
                os.register_at_fork(after_in_parent=lambda: atexit.unregister(self._tell))

    def _engine(self) -> Any:
        """The engine that records. A forked child's recording begins with its first span, which what is loaded in the
        meantime would never be: so it begins here. Once all has ended, it is the first one."""
        from prof import engine, session

        if engine.running() is None:
            session.begin_child()
        running = engine.running()
        return self._first_engine if running is None else running.engine

    def _leave_no_frames(self) -> None:
        """From here on no import runs through a frame of this file: samples and tracebacks would show it."""
        from prof import _probes

        self.find_spec = _probes.finding(self, self._look)  # type: ignore[method-assign]
        _probes.before_exec(self._executed)

    def attach(self, engine: Any) -> int:
        """Begins in the middle of a program: gives probes to what is loaded. Returns to how many functions."""
        self._begun, self._first_engine, self._changed = True, engine, []
        self._leave_no_frames()
        sys.meta_path.insert(0, self)
        with own_work():
            return self._attach_loaded(engine)

    def detach(self) -> None:
        """Gives the functions the code back that they had."""
        import gc

        from prof import _probes

        _probes.before_exec(None)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        before = {id(after): code for code, after in self._changed or ()}
        for each in gc.get_objects():
            if type(each) is FunctionType and id(each.__code__) in before:
                each.__code__ = before[id(each.__code__)]
        self._changed = None

    def _attach_loaded(self, engine: Any) -> int:
        """What has been imported before, and what has been defined."""
        import gc

        number = 0
        chosen: dict[str, bool] = {}
        wanted: dict[str, Callable[[CodeType], bool] | None] = {}
        for each in gc.get_objects():
            if type(each) is not FunctionType or type(each.__module__) is not str:
                continue
            if not each.__code__.co_flags & markers.OPTIMIZED:
                continue  # the interpreter makes a function of a module's code to run it, too
            # Not the code's: that of a module which is frozen into the interpreter names no file.
            module = sys.modules.get(each.__module__)
            origin = getattr(module, "__file__", None)
            if type(origin) is not str or (each.__module__ in _MAINS and self._changed is None):
                continue
            # What was made from text, as by `exec`, is in no file.
            file = each.__code__.co_filename
            if not file.startswith("<frozen ") and file.rpartition("/")[2] != origin.rpartition("/")[2]:
                continue
            name = script.module_name(module) if each.__module__ in _MAINS else each.__module__
            if name not in chosen:
                chosen[name] = self.choice.module(name, origin)
                wanted[name] = self._wanted(name, origin, None) if chosen[name] else None
            if chosen[name]:
                code = each.__code__
                engine.attach_tree(each, wanted[name])
                number += each.__code__ is not code
                self._note(code, each.__code__)
        return number

    def _note(self, code: CodeType, after: CodeType) -> None:
        """Keeps code objects and what they became, with those inside them, for `detach`."""
        if code is after or self._changed is None:
            return
        self._changed.append((code, after))
        for own, new in zip(code.co_consts, after.co_consts, strict=False):
            if type(own) is type(code) and type(new) is type(code):
                self._note(own, new)

    def _tell(self) -> None:
        """What was asked for and is not there, at the end of the first process."""
        for each in self.choice.unused():
            near = _near(each, self.names | set(sys.modules))
            _say(f"{each} chose nothing in this process{near}")
        if not self.modules and not self.choice.unused():
            where = " or ".join(self.choice.roots)
            _say(f"no module of {where} was loaded; --instrument 'package.*' chooses other modules")


def _of_other_loader(path: str) -> str:
    """The name of the module of that file which is being loaded by another loader than the interpreter's own for files;
    empty without."""
    for name, module in reversed(list(sys.modules.items())):
        spec: Any = getattr(module, "__spec__", None)
        if getattr(spec, "origin", None) == path and getattr(spec, "_initializing", False):
            return "" if isinstance(spec.loader, _LOADERS) else name
    return ""


def _near(name: str, names: Iterable[str]) -> str:
    import difflib

    found = difflib.get_close_matches(name.removesuffix(".*"), sorted(names), 3)
    return f"; near: {', '.join(found)}" if found else ""


def _is_spawned() -> bool:
    """Whether multiprocessing has begun this process, which runs the script later, under another name."""
    argv = sys.orig_argv
    return "--multiprocessing-fork" in argv or any("from multiprocessing.forkserver import" in each for each in argv)


def _say(text: str) -> None:
    from prof.messages import say

    say(text)
