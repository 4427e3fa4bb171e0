"""In a process that runs already: begins a recording there, ends it, and tells whoever asked.

`prof attach` has the process run a file that calls `answer`; nothing here may raise into the program.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prof.instrument.hook import Hook

_hook: Hook | None = None


def answer(question: str, reply: str, **words: str) -> None:
    """Does what is asked, and writes what came of it, or `error` and why not, to the file `reply`."""
    try:
        found = _QUESTIONS[question](**words)
    except Exception as error:
        found = {"error": " ".join(str(error).split()) or type(error).__name__}
    from prof.plain_json import dumps

    try:
        with open(reply + ".part", "w", encoding="utf-8") as file:
            file.write(dumps(found))
        os.rename(reply + ".part", reply)
    except OSError:
        pass  # who asked has gone


def _begin(settings: str, choice: str) -> dict[str, Any]:
    global _hook
    from prof.own_imports import own_imports

    with own_imports():
        from prof import engine, session
        from prof.instrument import choice as choices
        from prof.instrument.hook import Hook

        if running := engine.running():
            return {"error": f"it records already, into {running.base}.capture"}
        chosen = choices.read(choice)
        if chosen is None:
            return {"error": f"its python is of another environment: {sys.prefix}"}
        if not chosen.roots:
            main = getattr(sys.modules.get("__main__"), "__file__", None)
            folder = os.path.dirname(os.path.abspath(main)) if type(main) is str else os.getcwd()
            chosen.roots = (choices.project(folder),)
        hook = Hook(chosen)
        begun = session.begin_attached(settings)
        try:
            functions = hook.attach(begun.engine)
        except BaseException:
            begun.discard()
            hook.detach()
            raise
        _hook = hook
    return {"capture": f"{begun.base}.capture", "functions": functions, "unused": chosen.unused()}


def _end() -> dict[str, Any]:
    global _hook
    from prof import engine

    running = engine.running()
    if running is None:
        return {"error": "it does not record"}
    files = running.end()
    if _hook is not None:
        _hook.detach()
        _hook = None
    return {"files": files}


def _snapshot() -> dict[str, Any]:
    from prof import session

    path = session.snapshot()
    return {"error": "it does not record"} if path is None else {"capture": str(path)}


_QUESTIONS: dict[str, Any] = {"begin": _begin, "end": _end, "snapshot": _snapshot}
