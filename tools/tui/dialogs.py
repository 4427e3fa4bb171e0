"""What is asked and said in a window above a screen: help, a pick, options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from prof.tools.screen.glossary import COLUMNS
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, OptionList, SelectionList, Static
from textual.widgets.selection_list import Selection

Answer = TypeVar("Answer")
_MOVES = {
    "arrows, PgUp, PgDn, Home, End": "move",
    "<  >": "order by the column to the left, to the right",
    "r": "the other way round",
    "/ words -word self>10ms": "leave rows with these words, without that one, with so much in a column",
}


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """A window that Escape closes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", "close")]

    def action_close(self) -> None:
        self.dismiss(None)


class Help(Dialog[None]):
    """What a screen is for, its keys, and what the columns of the table in sight mean."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,enter", "close", "close")]

    def __init__(self, text: str, screen: Screen[None], titles: Sequence[str] = ()) -> None:
        super().__init__()
        self.text, self.of, self.titles = text, screen, titles

    def compose(self) -> ComposeResult:
        with Vertical(), VerticalScroll():
            yield Static(self._text(), markup=False)

    def _text(self) -> Text:
        text = Text(self.text + "\n\n")
        rows: dict[str, str] = {}
        for active in self.of.active_bindings.values():
            binding = active.binding
            if binding.description and (binding.show or active.node is self.of):
                keys = self.app.get_key_display(binding)
                rows[binding.description] = (
                    f"{rows[binding.description]}, {keys}" if binding.description in rows else keys
                )
        for keys, words in [*((keys, words) for words, keys in rows.items()), *_MOVES.items()]:
            text.append(f"{keys:<12}", "bold").append(f" {words}\n")
        known = [(title, COLUMNS[title]) for title in self.titles if title in COLUMNS]
        if known:
            text.append("\nColumns\n", "bold")
        for title, words in known:
            text.append(f"{title:<12}", "bold").append(f" {words}\n")
        return text


class Pick(Dialog[str]):
    """One of several; its key, or None."""

    def __init__(self, title: str, choices: Mapping[str, str]) -> None:
        super().__init__()
        self.heading, self.choices = title, list(choices.items())

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False)
            yield OptionList(*(Text(words) for _, words in self.choices))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.choices[event.option_index][0])


class Choose(Dialog[list[str]]):
    """Some of several; their keys, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "done", "done", priority=True)]

    def __init__(self, title: str, choices: Mapping[str, str], chosen: Sequence[str]) -> None:
        super().__init__()
        self.heading, self.choices, self.chosen = title, choices, chosen

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(f"{self.heading}: Space picks, Enter is done", markup=False)
            yield SelectionList[str](
                *(Selection(Text(words), key, key in self.chosen) for key, words in self.choices.items())
            )

    def action_done(self) -> None:
        self.dismiss(list(self.query_one(SelectionList).selected))


class Ask(Dialog[str]):
    """A line that is typed, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "close")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.heading, self.text = title, text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False)
            yield Input(self.text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)
