"""`prof-instrument` as a LibCST codemod."""

from __future__ import annotations

import argparse
from pathlib import Path

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from ..codemod import instrument
from ..plan import Options
from ..refusal import Refusal
from ..sections import KINDS
from ..settings import Settings, load


class InstrumentCommand(CodemodCommand):
    """Puts `@profiled` on functions, and turns comment markers into section calls."""

    DESCRIPTION = "Instrument for prof: @profiled on functions, sections for comment markers."

    @staticmethod
    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        """The command's own options."""
        arg_parser.add_argument("--sections", action="append", choices=KINDS, default=[])

    def __init__(self, context: CodemodContext, sections: list[str] | None = None) -> None:
        super().__init__(context)
        self.sections = frozenset(sections or ())

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The instrumented module. A refused file is skipped; a refused marker is a warning."""
        name = self.context.filename
        settings = load(Path(name).absolute().parent) if name else Settings()
        try:
            result = instrument(tree.bytes, Options(self.sections or settings.sections, settings.rules))
        except Refusal as e:
            raise SkipFile(f"line {e.line}: {e.reason}" if e.line else e.reason) from None
        for line, reason in sorted(result.refused + result.warnings):
            self.warn(f"line {line}: {reason}")
        return cst.parse_module(result.data, tree.config_for_parsing)
