"""Marks the words of a glossary in a text: each word's pattern is compiled again for each paragraph."""

import random
import re

WORDS = 600
PARAGRAPHS = 3


def glossary():
    chance = random.Random(1)
    syllables = ["ba", "co", "di", "fe", "gu", "ho", "ki", "lu", "mo", "na"]
    words = set()
    while len(words) < WORDS:
        words.add("".join(chance.choice(syllables) for _ in range(4)))
    return sorted(words)


def text(words):
    chance = random.Random(2)
    return [" ".join(chance.choices(words, k=30)) for _ in range(PARAGRAPHS)]


class Highlighter:
    def __init__(self, words):
        self.words = words
        self.marked = 0

    def paragraph(self, plain):
        for word in self.words:
            pattern = re.compile(rf"(?<![\w-])(?i:{word})(?:s|es)?(?![\w-])")  # fault
            if pattern.search(plain):
                plain = pattern.sub(self._mark, plain)
        return plain

    def _mark(self, match):
        self.marked += 1
        return f"<b>{match.group()}</b>"


def wrapped(plain, width=72):
    lines, line = [], ""
    for word in plain.split():
        if len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line]


def main():
    words = glossary()
    highlighter = Highlighter(words)
    lines = 0
    for plain in text(words):
        lines += len(wrapped(highlighter.paragraph(plain)))
    print(f"{highlighter.marked} words marked in {lines} lines")


if __name__ == "__main__":
    main()
