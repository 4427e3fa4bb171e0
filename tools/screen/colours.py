"""Colours of frames: a hue by module, a shade by name; other kinds than functions have hues of their own.

Each measure has its families (`prof.tools.modes.families`), so that no picture is taken for another.
"""

from __future__ import annotations

from zlib import crc32

# By kind: the first hue and how far they reach (degrees), saturation (per cent). A hash chooses inside them.
Families = dict[str, tuple[int, int, int]]


def turned(families: Families, degrees: int) -> Families:
    """The same, with other hues."""
    return {kind: ((first + degrees) % 360, reach, full) for kind, (first, reach, full) in families.items()}


PLAIN = "hsl(40,8%,80%)"
KIND_WORDS = {"function": "functions", "frame": "functions without spans", "line": "lines", "section": "sections",
              "import": "imports", "gc": "garbage collections", "native": "native"}  # fmt: skip


def colour(name: str, kind: str, module: str, families: Families) -> str:
    """The fill of a frame, the same in every picture of these families."""
    family = families.get(kind)
    if family is None:
        return PLAIN
    first, reach, saturation = family
    key = module if kind in ("function", "frame", "line") else name
    hue = first + crc32(key.encode("utf-8", "replace")) % (reach + 1)
    lightness = 62 + crc32(name.encode("utf-8", "replace")) % 13
    return f"hsl({hue},{saturation}%,{lightness}%)"


def legend(kinds: set[str], families: Families) -> list[tuple[str, str]]:
    """The families that occur, as (words, colour)."""
    return [
        (KIND_WORDS[kind], f"hsl({first + reach // 2},{saturation}%,68%)")
        for kind, (first, reach, saturation) in families.items()
        if kind in kinds
    ]


# Of a frame of before and after: hue, saturation and lightness where it is hardly changed, and where it is doubled.
_CHANGES = {"grown": (6, 78, 84, 56), "fallen": (215, 78, 84, 56)}
_OTHERS = {"new": "hsl(36,95%,58%)", "gone": "hsl(275,38%,66%)", "same": "hsl(40,6%,84%)"}
_WORDS = {"grown": "more", "fallen": "less", "new": "new", "gone": "gone", "same": "the same within 1 %"}


def change_colour(change: str, before: int, after: int) -> str:
    """The fill of a frame by what became of it: the stronger, the larger the part is by which it changed."""
    if change in _OTHERS:
        return _OTHERS[change]
    hue, saturation, light, strong = _CHANGES[change]
    part = abs(after - before) / max(before, after)  # a half is to be doubled, or halved
    return f"hsl({hue},{saturation}%,{light - (light - strong) * min(1.0, 2 * part) ** 0.5:.0f}%)"


def change_legend() -> list[tuple[str, str]]:
    """What these colours mean, as (words, colour)."""
    return [(words, change_colour(change, 1, 2)) for change, words in _WORDS.items()]
