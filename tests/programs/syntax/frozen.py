"""`frozendict` and `sentinel`: PEP 814 and 661, Python 3.15. A comprehension and a match over a frozen mapping."""

MISSING = sentinel("MISSING")
KEPT = frozendict(one=1, two=2)


def lookup(key, default=MISSING):
    # profile! get
    found = KEPT.get(key, MISSING)
    # end! get
    return default if found is MISSING else found


def matched(mapping):
    match mapping:
        case {"one": value, **rest}:
            return value, rest
        case frozendict():
            return "frozen"
    return None


def grown(count):
    return frozendict({str(n): [n] for n in range(count)}) | {"last": count}


def changed(mapping):
    try:
        mapping["one"] = 3
    except TypeError as error:
        return str(error)


def work():
    return [grown(n) for n in range(30)], hash(frozendict(a=1)), lookup("one"), lookup("three")


def main():
    made, _, one, missing = work()
    return made[-1], one, repr(missing), matched(KEPT), matched(made[1]), matched(4), changed(KEPT)
