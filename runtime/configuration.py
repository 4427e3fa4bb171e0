"""`ProfilerConfig`: what a recording is told, by name. The names and their grammar are those of `prof.settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field
from prof import pyproject, settings
from prof.errors import UsageError

if TYPE_CHECKING:
    Text = str
    from prof.settings import Said, Settings


def _converted(name: str) -> Any:
    def convert(value: object) -> str | None:
        return None if value is None else pyproject.text_of_value(value)

    return field(default=None, converter=convert, metadata={"name": name})


@define(these={name: _converted(name) for name in settings.NAMES}, kw_only=True, frozen=True, init=False)
class ProfilerConfig:
    """A recording's settings: every name that `PROF` knows, and `modes`, `output`, `log` and `detail`.

    `ProfilerConfig(modes="time+memory", output="profiles", detail=True, min="1ms", depth=200)`. Values are texts as in
    `PROF`, or `True`, a number, a list of names. None, the default, is not said: then pyproject.toml or the default
    holds. Raises `prof.errors.UsageError`, which lists what is known.
    """

    def __init__(self, **values: str | int | float | bool | list[str] | tuple[str, ...] | None) -> None:
        for name in values:
            settings.check_name(name, "ProfilerConfig: ")
        self.__attrs_init__(**values)
        said = self.said()
        for name in said.texts:
            settings.read(said, name)

    @classmethod
    def parse(cls, text: str) -> ProfilerConfig:
        """What a value of `PROF` says."""
        return cls(**settings.in_prof(text).texts)

    def given(self) -> dict[str, str]:
        """What is said, by name, as texts."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def said(self) -> Said:
        """The same as one of the sources of `prof.settings.settled`."""
        return settings.Said(self.given(), lambda name, value: f"ProfilerConfig({name}={value!r}): ")

    def text(self) -> str:
        """The value of `PROF` that says the same; `ProfilerConfig.parse` reads it back. Raises UsageError for what
        cannot stand there, such as a folder with a comma in its name."""
        return settings.text_of(self.given())

    def settings(self, modes: str) -> Settings:
        """The settings that it leads to, above pyproject.toml; `modes` where neither says any."""
        default = settings.Said({"modes": modes}, lambda name, value: "")
        found: Settings = settings.settled([self.said(), *pyproject.said(), default])
        return found


def config_of(given: ProfilerConfig | str | None) -> ProfilerConfig:
    """A configuration of one, of a value of `PROF`, or of nothing."""
    if isinstance(given, ProfilerConfig):
        return given
    if given is None or isinstance(given, str):
        return ProfilerConfig.parse(given) if given else ProfilerConfig()
    raise UsageError(f"a ProfilerConfig or what PROF would hold is expected, and no {type(given).__name__}")
