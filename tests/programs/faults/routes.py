"""The cheapest way through a grid of tolls. A change took the cache off the recursion."""

import random

SIZE = 9


def tolls():
    chance = random.Random(9)
    return [[chance.randrange(1, 10) for _ in range(SIZE)] for _ in range(SIZE)]


class Grid:
    def __init__(self, rows):
        self.rows = rows
        self.size = len(rows)

    def toll(self, x, y):
        return self.rows[y][x]

    # It had a cache before rows could be edited.
    def cheapest(self, x, y):
        if x == 0 and y == 0:
            return self.rows[0][0]
        ways = []
        if x:
            ways.append((x - 1, y))
        if y:
            ways.append((x, y - 1))
        return self.rows[y][x] + min([self.cheapest(*way) for way in ways])  # fault

    def edit(self, x, y, toll):
        self.rows[y][x] = toll


def shown(grid):
    return "\n".join(" ".join(str(grid.toll(x, y)) for x in range(grid.size)) for y in range(grid.size))


def main():
    grid = Grid(tolls())
    print(shown(grid))
    last = grid.size - 1
    before = grid.cheapest(last, last)
    grid.edit(last, last, 1)
    after = grid.cheapest(last, last)
    print(before, after)


if __name__ == "__main__":
    main()
