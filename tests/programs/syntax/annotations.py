"""Deferred annotations: PEP 649 and 749, Python 3.14. Each `__annotate__` is a function of the compiler's."""


def asked(value):
    calls.append(value)
    return value


calls: asked("module") = []


class Node:
    left: Node
    right: asked("class")
    if calls is not None:
        more: asked("conditional")

    def add(self, other: Node, *rest: asked("rest")) -> Unknown:
        # profile! sum
        total: asked("never") = len(rest)
        # end! sum
        return total

    def generic[T](self, value: asked("generic")) -> T:
        return value


def outer(kind):
    def inner(value: kind) -> asked(kind):
        return value

    class Local:
        value: asked(kind)

    return inner, Local


def read(thing):
    try:
        return thing.__annotations__
    except NameError as error:
        return error.name


def work():
    calls.clear()
    inner, local = outer(str)
    return [read(Node.generic), read(inner), read(local), read(Node), read(asked), inner(1), Node().add(Node(), 2, 3)]


def main():
    found = work()
    Unknown = int
    globals().update(Unknown=Unknown)
    try:
        return str(found), read(Node.add), list(map(str, calls))
    finally:
        del globals()["Unknown"]
