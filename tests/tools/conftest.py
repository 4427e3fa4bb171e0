"""Lets the tests here import their helper modules by name: `--import-mode=importlib` leaves sys.path alone."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))


@given(st.none())
def _first(nothing: None) -> None:
    """Hypothesis adds a callback to the collector when it first runs, which tests would be blamed for leaving."""


@pytest.fixture(scope="session", autouse=True)
def hypothesis_callback() -> None:
    """Has it there before any test."""
    _first()
