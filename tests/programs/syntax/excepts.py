"""Several exceptions without parentheses: PEP 758, Python 3.14."""


def parse(text):
    try:
        value = int(text)
        # profile! number
        doubled = value * 2
        # end! number
        return doubled
    except ValueError, TypeError:
        return None
    finally:
        seen.append(text)


def group(errors):
    try:
        raise ExceptionGroup("several", errors)
    except* ValueError, TypeError:
        seen.append("caught")
    finally:
        seen.append(len(errors))


def steps(texts):
    for text in texts:
        try:
            yield parse(text) + 1
        except TypeError, ArithmeticError:
            yield text


seen = []


def work():
    seen.clear()
    return [list(steps(["1", None, "x", 2.5, str(n)])) for n in range(30)]


def main():
    found = work()
    try:
        group([ValueError(1), TypeError(2)])
        group([KeyError(3)])
    except* KeyError, IndexError:
        found.append("rest")
    return found[-2:], len(seen)
