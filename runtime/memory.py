"""What a program may ask of the memory mode while it is recorded; the mode itself is in `prof.modes.memory`."""

from __future__ import annotations

from prof.modes.memory import take_snapshot as take_snapshot

__all__ = ["take_snapshot"]
