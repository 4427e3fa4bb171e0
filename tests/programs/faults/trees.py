"""Layouts of small trees whose nodes know their parents; somebody has the collector run after each of them."""

import gc
import random

DOCUMENTS = 12


class Node:
    def __init__(self, name, parent=None):
        self.name = name
        self.parent = parent
        self.children = []
        if parent is not None:
            parent.children.append(self)

    def width(self):
        return max(len(self.name), sum(child.width() for child in self.children))


def tree(chance, nodes=60):
    found = [Node("root")]
    for number in range(nodes):
        found.append(Node(f"node {number}", chance.choice(found)))
    return found[0]


def cache():
    """What the program keeps for good, and the collector has to go through each time."""
    return [{"number": n, "tags": [n, n + 1]} for n in range(60_000)]


def laid_out(chance):
    root = tree(chance)
    width = root.width()
    del root
    gc.collect()  # fault
    return width


def histogram(widths):
    found = {}
    for width in widths:
        found[width // 50 * 50] = found.get(width // 50 * 50, 0) + 1
    return found


def main():
    kept = cache()
    chance = random.Random(13)
    widths = [laid_out(chance) for _ in range(DOCUMENTS)]
    print(histogram(widths), len(kept))


if __name__ == "__main__":
    main()
