"""What a mode says of itself: its name and bit, what it measures, and what it does while a session records."""

from __future__ import annotations

from prof.values import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from prof.capture import Capture
    from prof.engine import Engine
    from prof.settings import Settings


@values
class Measure:
    """One number of each stack: what a folded file holds and a flame graph draws."""

    name: str
    """Of the folded file: `<base>-<name>.folded`."""
    unit: str
    """`ns`, `B`, or empty for a count."""
    column: str
    """Field of a merged tree node."""
    title: str
    """For people."""
    written: str = "always"
    """At exit: `always`, in `detail` only, or on `request` (`prof folded --mode`)."""
    beside: tuple[str, str, str] | None = None
    """The column that counts what the measure is of, and what that counts, one and many: `calls`, `call`, `calls`."""
    categories: bool = False
    """Whether its figures can be told apart by `Capture.categories`."""


@values
class Mode:
    """One thing that is recorded. What it leaves out it has no need of."""

    name: str
    bit: int
    """Its bit in the capture header's `modes`."""
    measures: tuple[Measure, ...]

    # ---- in `PROF=` and `@profiled` ----
    aliases: tuple[str, ...] = ()
    """Names of several modes that stand for this one, too."""
    markers: tuple[tuple[str, int], ...] = ()
    """What `@profiled` takes beside its name, and what that leaves out of the mode, as flags of the label."""
    without: int = 0
    """The flag of the label of a function that does without this mode."""
    keys: tuple[str, ...] = ()
    """Keys of settings that say nothing without this mode, and `keys_words` what is said of them then."""
    keys_words: str = ""
    has_detail: bool = False
    """Whether it has a detail that costs more, which the field DETAIL asks for."""

    # ---- while a session records, in this order ----
    prepare: Callable[[Settings, Engine, Any], None] | None = None
    """Told of the engine and of the C callables before a capture is made; UsageError where the mode cannot be had."""
    asks: Callable[[Settings], dict[str, int]] | None = None
    """What it asks of the C core: `timed`, `counting`, `interval_ns`."""
    describes: Callable[[Settings], dict[str, Any]] | None = None
    """What it writes into the capture's meta."""
    attach: Callable[[Engine, Any], None] | None = None
    """Attaches what earlier recordings of the process have left without what the mode needs."""
    start: Callable[[Settings], None] | None = None
    """Installs what the mode installs; UsageError where it cannot."""
    stop: Callable[[], None] | None = None
    """Takes that out again, or what there is of it where `start` failed. Not called unless `start` was."""
    forget: Callable[[], None] | None = None
    """In a forked child: lets go of what the parent's recording had installed there."""
    without_spans: bool = False
    """Whether it records what happens outside of spans: a child is recorded from its beginning then."""

    # ---- in a capture ----
    by_bit: bool = False
    """Whether its first column is in every capture, so that only the bit says that it was on."""

    def recorded(self, capture: Capture) -> bool:
        """Whether a capture has this mode."""
        return capture.recorded(self.measures[0].column) and (not self.by_bit or bool(capture.modes & self.bit))

    def recorded_measures(self, capture: Capture) -> list[Measure]:
        """Its measures, as far as a capture has them."""
        if self.by_bit and not self.recorded(capture):
            return []
        return [measure for measure in self.measures if capture.recorded(measure.column)]
