"""The lines at fault: where what a comparison shows to have risen has risen most."""

from __future__ import annotations

from pathlib import PurePath

from attrs import frozen
from prof.tools.analysis.difference import Change, Counted, Difference
from prof.tools.screen.units import amount, rate, signed

MOST = 10


@frozen
class Fault:
    """A line that does more of a measure than before; of a function that no line is known of, where it begins."""

    measure: Counted
    change: Change
    folder: str = ""
    """Where the program ran: files below it are named from there."""

    @property
    def where(self) -> str:
        """`shop/cart.py:21`, as it is after."""
        place = self.change.place
        inside = self.folder and PurePath(place.file).is_relative_to(self.folder)
        file = str(PurePath(place.file).relative_to(self.folder)) if inside else place.file
        return f"{file}:{place.line}" if file and place.line else file or place.name

    @property
    def amounts(self) -> str:
        """`2,200 -> 2,500 (+300, +13.6%)`."""
        before, after = self.change.pair(self.measure.key)
        unit = self.measure.unit
        change = signed(amount(abs(after - before), unit), after - before)
        return f"{amount(before, unit)} -> {amount(after, unit)} ({change}, {rate(before, after)})"

    @property
    def words(self) -> str:
        """A line of text."""
        return f"{self.where} in {self.change.place.function}: {self.measure.words} {self.amounts}"


def faults(difference: Difference, most: int = MOST) -> list[Fault]:
    """Of each measure, the lines that rose most, as many as `most`; of calls, the functions."""
    found: list[Fault] = []
    for measure in difference.counted:
        rows = difference.lines if measure is not difference.counted[-1] else difference.functions
        risen = [row for row in rows if row.rise(measure.key) > 0 and row.differs(measure.key)]
        risen.sort(key=lambda row: -row.rise(measure.key))
        found += [Fault(measure, row, difference.after.folder) for row in risen[:most]]
    return found
