"""A recursive-descent parser and evaluator of arithmetic: many small functions, deep call paths, a few generators."""

import re

WARM, SCALE = 2, 20
EXPECTED = True

TOKEN = re.compile(r"\s*(?:(\d+)|(.))")
SOURCES = (
    "1 + 2 * 3 - 4 / 2",
    "((1 + 2) * (3 + 4) - 5) * (6 - (7 - 8))",
    "-(2 * (3 + 4 * (5 - 6 * (7 + 8)))) + 9",
    "x * x + 2 * x * y + y * y - (x + y) * (x + y)",
    "(((((((1)))))) + ((((x)))) * ((y - 1) - (y + 1)))",
)


class Number:
    def __init__(self, value):
        self.value = value

    def evaluate(self, names):
        return self.value


class Name:
    def __init__(self, name):
        self.name = name

    def evaluate(self, names):
        return names[self.name]


class Negative:
    def __init__(self, operand):
        self.operand = operand

    def evaluate(self, names):
        return -self.operand.evaluate(names)


class Binary:
    def __init__(self, left, right):
        self.left = left
        self.right = right

    def evaluate(self, names):
        return self.apply(self.left.evaluate(names), self.right.evaluate(names))


class Add(Binary):
    def apply(self, a, b):
        return a + b


class Subtract(Binary):
    def apply(self, a, b):
        return a - b


class Multiply(Binary):
    def apply(self, a, b):
        return a * b


class Divide(Binary):
    def apply(self, a, b):
        return a / b


SUMS = {"+": Add, "-": Subtract}
PRODUCTS = {"*": Multiply, "/": Divide}


def tokens(text):
    for digits, char in TOKEN.findall(text):
        yield int(digits) if digits else char
    yield None


class Parser:
    def __init__(self, text):
        self.tokens = tokens(text)
        self.advance()

    def advance(self):
        self.token = next(self.tokens)

    def accept(self, token):
        if self.token != token:
            return False
        self.advance()
        return True

    def operation(self, operand, classes):
        left = operand()
        while (made := classes.get(self.token)) is not None:
            self.advance()
            left = made(left, operand())
        return left

    def sum(self):
        return self.operation(self.product, SUMS)

    def product(self):
        return self.operation(self.unary, PRODUCTS)

    def unary(self):
        return Negative(self.unary()) if self.accept("-") else self.atom()

    def atom(self):
        if self.accept("("):
            inner = self.sum()
            if not self.accept(")"):
                raise SyntaxError("unclosed (")
            return inner
        token = self.token
        self.advance()
        return Number(token) if isinstance(token, int) else Name(token)


def run(scale):
    values = []
    for _ in range(scale):
        values = []
        for source in SOURCES:
            tree = Parser(source).sum()
            values += [tree.evaluate({"x": x, "y": 7}) for x in range(8)]
    return values == [eval(source, {"x": x, "y": 7}) for source in SOURCES for x in range(8)]
