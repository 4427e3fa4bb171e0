"""How long an answer is for who counts tokens. The rule is documented in docs/agents.md."""

from __future__ import annotations

BYTES = 3
"""Of UTF-8, for a token. Tokenizers differ; paths, names and numbers take three to four bytes a token."""


def tokens(text: str) -> int:
    """A token for every three bytes of UTF-8, rounded up."""
    return -(-size(text) // BYTES)


def size(text: str) -> int:
    """The text's bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


class Room:
    """What is left of a budget, in bytes of UTF-8."""

    def __init__(self, budget: int) -> None:
        self.left = budget * BYTES

    def take(self, text: str) -> bool:
        """Takes the room that a text needs, if there is as much."""
        needed = size(text)
        if needed > self.left:
            return False
        self.left -= needed
        return True
