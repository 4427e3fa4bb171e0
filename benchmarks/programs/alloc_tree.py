"""A tree built recursively: points split by their medians into nodes, then searched."""

SCALE = 3000
EXPECTED = (3000, 967)


class Node:
    __slots__ = ("left", "point", "right")

    def __init__(self, point, left, right):
        self.point = point
        self.left = left
        self.right = right


def points(count):
    return [(i * 7919 % 4001 / 8, i * 104729 % 4003 / 8) for i in range(count)]


def build(found, axis):
    if not found:
        return None
    found = sorted(found, key=lambda point: point[axis])
    middle = len(found) // 2
    return Node(found[middle], build(found[:middle], 1 - axis), build(found[middle + 1 :], 1 - axis))


def count(node):
    return 0 if node is None else 1 + count(node.left) + count(node.right)


def inside(node, low, high, axis):
    if node is None:
        return []
    point, found = node.point, []
    if low[0] <= point[0] <= high[0] and low[1] <= point[1] <= high[1]:
        found.append(point)
    if low[axis] <= point[axis]:
        found += inside(node.left, low, high, 1 - axis)
    if point[axis] <= high[axis]:
        found += inside(node.right, low, high, 1 - axis)
    return found


def run(scale):
    root = build(points(scale), 0)
    return count(root), sum(len(inside(root, (i, i), (i + 90, i + 90), 0)) for i in range(0, 400, 40))
