"""The edited program behaves the same: the decorator is the innermost, so the others see the function."""

from __future__ import annotations

import builtins
import types
import typing
from pathlib import Path

import prof.auto  # noqa: F401  what the header loads
import pytest
from prof.instrument.codemod import instrument
from prof.instrument.plan import Options

PROGRAM = Path(__file__).with_name("program.py").read_bytes()


def load(source: bytes) -> dict[str, object]:
    """Run a module and give back what its `observe()` saw."""
    typing.clear_overloads()
    module = types.ModuleType("observed")
    exec(compile(source, "observed.py", "exec", dont_inherit=True), module.__dict__)
    seen = module.observe()
    assert isinstance(seen, dict)
    return seen


@pytest.mark.parametrize("sections", [(), ("loops", "paragraphs")])
def test_same_observations(sections: tuple[str, ...]) -> None:
    result = instrument(PROGRAM, Options(sections=frozenset(sections)))
    assert result.functions > 40
    assert load(result.data) == load(PROGRAM)


def test_the_decorator_is_given_every_plain_function(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def record(function: object) -> object:
        given.append(function)
        return function

    monkeypatch.setattr(builtins, "profiled", record)
    load(instrument(PROGRAM).data)
    assert len(given) > 40
    assert all(type(function) is types.FunctionType for function in given)
