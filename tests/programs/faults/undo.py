"""A drawing with undo: the whole document is copied before each change."""

import copy
import random

CHANGES = 40
SHAPES = 150


class Shape:
    def __init__(self, number, x, y):
        self.number = number
        self.x = x
        self.y = y
        self.points = [(x + n, y - n) for n in range(4)]
        self.style = {"fill": "none", "stroke": "black", "width": 1}

    def move(self, dx, dy):
        self.x += dx
        self.y += dy
        self.points = [(x + dx, y + dy) for x, y in self.points]


class Document:
    def __init__(self, shapes):
        self.shapes = shapes
        self.title = "plan"

    def bounds(self):
        xs = [x for shape in self.shapes for x, _ in shape.points]
        ys = [y for shape in self.shapes for _, y in shape.points]
        return min(xs), min(ys), max(xs), max(ys)


class Editor:
    def __init__(self, document):
        self.document = document
        self.history = []

    def remember(self):
        self.history.append(copy.deepcopy(self.document))  # fault
        del self.history[:-3]

    def move(self, number, dx, dy):
        self.remember()
        self.document.shapes[number].move(dx, dy)

    def undo(self):
        if self.history:
            self.document = self.history.pop()


def main():
    chance = random.Random(5)
    shapes = [Shape(n, chance.randrange(500), chance.randrange(500)) for n in range(SHAPES)]
    editor = Editor(Document(shapes))
    for _ in range(CHANGES):
        editor.move(chance.randrange(SHAPES), chance.randrange(-9, 9), chance.randrange(-9, 9))
        if chance.random() < 0.1:
            editor.undo()
    print(editor.document.bounds(), len(editor.history))


if __name__ == "__main__":
    main()
