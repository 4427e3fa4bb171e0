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
