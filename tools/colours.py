"""Colours of frames: a hue by module, a shade by name; other kinds than functions have hues of their own.

Each measure has a theme: time is warm, memory runs from green to violet, so that no picture is taken for another.
"""

from __future__ import annotations

from zlib import crc32

from prof.tools.frames import FrameName

# By kind: the first hue and how far they reach (degrees), saturation (per cent). A hash chooses inside them.
Families = dict[str, tuple[int, int, int]]
TIME: Families = {
    "function": (2, 54, 82),
    "section": (198, 32, 66),
    "import": (100, 50, 42),
    "gc": (278, 30, 52),
    "native": (168, 16, 48),
}
MEMORY: Families = {
    "function": (88, 42, 44),
    "line": (142, 28, 42),
    "section": (206, 24, 46),
    "import": (54, 22, 50),
    "gc": (290, 24, 42),
    "native": (176, 14, 34),
}
OPS: Families = {
    "function": (240, 20, 58),
    "section": (190, 20, 44),
    "import": (120, 30, 36),
    "gc": (300, 24, 42),
    "native": (160, 14, 34),
}

SAMPLES: Families = {
    "function": (312, 40, 54),
    "frame": (252, 36, 40),
    "line": (228, 18, 46),
    "section": (190, 24, 52),
    "import": (100, 50, 38),
    "gc": (24, 26, 52),
    "native": (168, 16, 44),
}


def _turned(families: Families, degrees: int) -> Families:
    return {kind: ((first + degrees) % 360, reach, full) for kind, (first, reach, full) in families.items()}


THEMES: dict[str, Families] = {
    "time": TIME,
    "memory-summary": MEMORY,
    "memory-detail": _turned(MEMORY, 106),  # blue
    "memory-live": _turned(MEMORY, 176),  # violet
    "memory-count": _turned(MEMORY, 318),  # yellow
    "ops": OPS,  # indigo
    "samples": SAMPLES,
    "samples-cpu": SAMPLES,
    "samples-wall": SAMPLES,
    "samples-cpu-time": SAMPLES,
    "samples-gil-wait": SAMPLES,
}
PLAIN = "hsl(40,8%,80%)"
KIND_WORDS = {"function": "functions", "frame": "functions without spans", "line": "lines", "section": "sections",
              "import": "imports", "gc": "garbage collections", "native": "native"}  # fmt: skip


def colour(frame: FrameName, theme: str = "time") -> str:
    """The fill of a frame, the same in every picture of that theme."""
    family = THEMES.get(theme, TIME).get(frame.kind)
    if family is None:
        return PLAIN
    first, reach, saturation = family
    key = frame.module if frame.kind in ("function", "frame", "line") else frame.name
    hue = first + crc32(key.encode("utf-8", "replace")) % (reach + 1)
    lightness = 62 + crc32(frame.name.encode("utf-8", "replace")) % 13
    return f"hsl({hue},{saturation}%,{lightness}%)"


def legend(kinds: set[str], theme: str = "time") -> list[tuple[str, str]]:
    """The families that occur, as (words, colour)."""
    return [
        (KIND_WORDS[kind], f"hsl({first + reach // 2},{saturation}%,68%)")
        for kind, (first, reach, saturation) in THEMES.get(theme, TIME).items()
        if kind in kinds
    ]
