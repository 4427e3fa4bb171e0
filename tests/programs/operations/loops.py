"""Loops of every kind, and what leaves them."""


def nested(n):
    total = 0
    for i in range(n):
        if i % 2:
            total += 1
        elif i % 3:
            continue
        else:
            for j in range(i):
                while j:
                    j -= 1
                    if j == 5:
                        break
                    if j == 7:
                        continue
                    total += j
                else:
                    total += 100
            else:
                total -= 1
        total = total if total < 1000 else total if total < 2000 else 0
    else:
        total += 7
    return total


def forever(n):
    while True:
        n -= 1
        if not n:
            return n


def until_it_raises(n):
    values = iter(range(n))
    while 1:
        next(values)


def while_both(n):
    m = n
    while n and m > 1 or n > 3 and not m == 2:
        n -= 1
        m -= 2
    return n, m


def out_of_two(n):
    for i in range(n):
        for j in range(n):
            if i * j == 6:
                break
        else:
            continue
        break
    else:
        return None
    return i, j


def empty(n):
    for _ in ():
        n += 1
    for _ in range(n):
        pass
    while n > 10:
        pass
    return n


def short(n):
    found = []
    for a in range(n):
        if 1 < a < 5 <= a + 2 != 6:
            found.append(a)
        b = a and a - 1 or 7
        c = a if not a % 2 else (b if b is None else None)
        if c is not None and not (a > 3 or b < 2):
            found.append(b)
        if (w := a % 3) is None:
            found.append(w)
        d = a is None
        found += [d and 1, a in (1, 2), a not in (1, 2) or 5]
        assert a < 100, "no"
        try:
            assert a != 3, f"{a!r:>4} {b}"
        except AssertionError:
            found.append(0)
    return found


def comprehend(n):
    pairs = [(x, y) for x in range(n) if x % 2 for y in range(x) if y and x != y]
    table = {x: [z for z in range(x)] for x in range(n) if x > 1}
    chosen = {y for _, y in pairs if any(y == k for k in table) and all(k for k in range(1, 3))}
    return pairs, table, chosen, [f(2) for f in [lambda q, x=x: q + x for x in range(3)]], sum(x * x for x in range(n))


def fails_inside(n):
    found = []
    for k in range(n):
        try:
            found.append([10 // (k - x) for x in range(4)])
        except ZeroDivisionError:
            found.append([x for x in range(3) if x or k])
    return found


def recursive(n):
    return n if n < 2 else recursive(n - 1) + recursive(n - 2)


def deep(n):
    return deep(n + 1)


def too_deep():
    try:
        deep(0)
    except RecursionError:
        return True


def main():
    for end in (until_it_raises,):
        try:
            end(4)
        except StopIteration:
            pass
    return [
        nested(14), forever(5), while_both(9), out_of_two(5), out_of_two(2), empty(4), short(9), comprehend(7),
        fails_inside(6), recursive(9), too_deep(),
    ]  # fmt: skip
