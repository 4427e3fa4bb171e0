"""Colours of frames: a hue by module, a shade by name; other kinds than functions have hues of their own."""

from __future__ import annotations

from zlib import crc32

from prof.tools.frames import FrameName

# By kind: the first hue and how far they reach (degrees), saturation (per cent). A hash chooses inside them.
FAMILIES = {
    "function": (2, 54, 82),
    "section": (198, 32, 66),
    "import": (100, 50, 42),
    "gc": (278, 30, 52),
    "native": (168, 16, 48),
}
PLAIN = "hsl(40,8%,80%)"
KIND_WORDS = {"function": "functions", "section": "sections", "import": "imports", "gc": "garbage collections",
              "native": "native"}  # fmt: skip


def colour(frame: FrameName) -> str:
    """The fill of a frame, the same in every picture."""
    family = FAMILIES.get(frame.kind)
    if family is None:
        return PLAIN
    first, reach, saturation = family
    key = frame.module if frame.kind == "function" else frame.name
    hue = first + crc32(key.encode("utf-8", "replace")) % (reach + 1)
    lightness = 62 + crc32(frame.name.encode("utf-8", "replace")) % 13
    return f"hsl({hue},{saturation}%,{lightness}%)"


def legend(kinds: set[str]) -> list[tuple[str, str]]:
    """The families that occur, as (words, colour)."""
    return [
        (KIND_WORDS[kind], f"hsl({first + reach // 2},{saturation}%,68%)")
        for kind, (first, reach, saturation) in FAMILIES.items()
        if kind in kinds
    ]
