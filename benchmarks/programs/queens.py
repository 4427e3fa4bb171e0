"""Queens on a board, each an object that asks its left neighbour: methods that call methods, recursion, a generator."""

WARM, SCALE = 5, 7
EXPECTED = 40


class Edge:
    """Left of the first queen: never attacks, has no further place."""

    def attacks(self, row, column):
        return False

    def first(self):
        return True

    def advance(self):
        return False


class Queen:
    def __init__(self, column, size, neighbour):
        self.column = column
        self.size = size
        self.neighbour = neighbour
        self.row = 0

    def on_diagonal(self, row, column):
        return abs(row - self.row) == column - self.column

    def on_row(self, row):
        return row == self.row

    def attacks(self, row, column):
        if self.on_row(row) or self.on_diagonal(row, column):
            return True
        return self.neighbour.attacks(row, column)

    def settle(self):
        """Whether this queen and those on its left find a place from here on."""
        while self.neighbour.attacks(self.row, self.column):
            if not self.advance():
                return False
        return True

    def first(self):
        self.neighbour.first()
        self.row = 0
        return self.settle()

    def advance(self):
        while True:
            if self.row + 1 < self.size:
                self.row += 1
            elif self.neighbour.advance():
                self.row = 0
            else:
                return False
            if not self.neighbour.attacks(self.row, self.column):
                return True


def solutions(size):
    queen = Edge()
    for column in range(size):
        queen = Queen(column, size, queen)
    found = queen.first()
    while found:
        yield True
        found = queen.advance()


def run(scale):
    return sum(solutions(scale))
