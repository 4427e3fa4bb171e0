"""LibCST codemod commands: `python -m libcst.tool codemod -x prof.instrument.commands.InstrumentCommand FILE`
(`-x`: the name is a module's, not one of LibCST's own).

They make the same edits as `prof-instrument` and `prof-uninstrument`: LibCST reads and writes the files, the
bytes between are this package's. Nothing else here imports LibCST, which takes a fifth of a second.
"""

from __future__ import annotations

from .instrument import InstrumentCommand
from .uninstrument import UninstrumentCommand

__all__ = ["InstrumentCommand", "UninstrumentCommand"]
