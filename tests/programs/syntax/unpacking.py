"""Unpacking in comprehensions: PEP 798, Python 3.15."""


def flat(lists):
    return [*each for each in lists]


def merged(dicts):
    return {**each for each in dicts if each}


def distinct(lists):
    return {*each for each in lists}


def lazily(lists):
    # profile! made
    made = (*each for each in lists if each)
    # end! made
    return made


def nested(rows):
    return [*[*inner for inner in row] for row in rows]


def fails(lists):
    try:
        return [*each for each in lists]
    except TypeError as error:
        return str(error)


async def later(lists):
    return [*each async for each in slowly(lists)]


async def slowly(lists):
    for each in lists:
        yield each


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


def work():
    rows = [[n, n + 0.5] for n in range(50)]
    kept = [flat(rows), distinct(rows), list(lazily([*rows, []])), nested([rows, rows])]
    return kept, merged([{n: [n]} for n in range(20)] + [{}]), run(later(rows))


def main():
    kept, found, waited = work()
    return [len(each) for each in kept], found, len(waited), fails([[1], 2]), next(lazily([[], [7]]))
