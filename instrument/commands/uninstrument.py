"""`prof-uninstrument` as a LibCST codemod."""

from __future__ import annotations

import libcst as cst
from libcst.codemod import CodemodCommand, SkipFile

from ..codemod import uninstrument
from ..refusal import Refusal


class UninstrumentCommand(CodemodCommand):
    """Takes out what `InstrumentCommand` put in."""

    DESCRIPTION = "Undo the instrumentation for prof."

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The module without our lines. A refused file is skipped, with the reason."""
        try:
            result = uninstrument(tree.bytes)
        except Refusal as e:
            raise SkipFile(f"line {e.line}: {e.reason}" if e.line else e.reason) from None
        if result.edited:
            self.warn("edited since it was instrumented; our lines are out, the edits stay")
        return cst.parse_module(result.data, tree.config_for_parsing)
