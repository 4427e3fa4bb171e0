"""Exceptions: raised, caught, raised again, and what runs in between."""


class Quiet:
    def __init__(self, swallow):
        self.swallow = swallow

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return self.swallow


class Boom:
    def __bool__(self):
        raise ValueError

    def __iter__(self):
        raise KeyError

    def __eq__(self, other):
        raise TypeError

    def __getattr__(self, name):
        raise AttributeError(name)

    def __next__(self):
        raise IndexError


class BadNext:
    def __init__(self):
        self.left = 2

    def __iter__(self):
        return self

    def __next__(self):
        self.left -= 1
        if self.left:
            return self.left
        raise IndexError


def plain(n):
    found = []
    for i in range(n):
        try:
            if i % 5 == 0:
                raise KeyError(i)
            if i % 5 == 1:
                found[i]
            if i % 5 == 2:
                1 / (i - i)
            if i % 5 == 3:
                continue
        except KeyError as error:
            found.append(error.args)
        except (IndexError, ValueError):
            if i > 20:
                break
        except ZeroDivisionError:
            try:
                raise TypeError from None
            except TypeError:
                pass
        else:
            found.append(i)
        finally:
            found.append(-1)
    return found


def again(n):
    found = []
    for i in range(n):
        try:
            try:
                try:
                    if i % 3 == 0:
                        raise KeyError
                    if i % 3 == 1:
                        raise ValueError
                finally:
                    found.append(i)
            except KeyError:
                raise
            except ValueError as error:
                raise RuntimeError from error
        except (KeyError, RuntimeError) as error:
            found.append(type(error).__name__)
    return found


def in_expressions(n):
    total = 0
    values = [1, 2]
    for i in range(n):
        try:
            total += values[i] + 10 // (1 - i)
        except (IndexError, ZeroDivisionError):
            total += 1
        try:
            if Boom():
                total += 1
        except ValueError:
            pass
        try:
            for each in Boom():
                total += each
        except KeyError:
            pass
        try:
            for each in BadNext():
                total += each
        except IndexError:
            total += 5
        try:
            if i < 5 and Boom() == i:
                pass
        except TypeError:
            total += 1
        total += 1 if hasattr(Boom(), "attribute") else 2
        try:
            not_there  # noqa: B018
        except NameError:
            total += 1
        try:
            total += (lambda: {}[i])()
        except KeyError:
            total += [x for x in (i,)][0]
    return total


def unbound(n):
    found = 0
    for i in range(n):
        try:
            if i > 2:
                late = 1
            found += late
            del late
        except UnboundLocalError:
            found -= 1
    return found


def withs(n):
    count = 0
    for i in range(n):
        with Quiet(True), Quiet(False):
            if i % 2:
                raise ValueError
            count += 1
        try:
            with Quiet(False):
                if i % 3:
                    raise KeyError
                if i % 4:
                    continue
                count += 2
        except KeyError:
            count += 3
        with Quiet(True):
            if i % 3 == 1:
                continue
            if i == 7:
                break
    return count


def returns(i):
    try:
        if i % 3 == 0:
            return 1
        if i % 3 == 1:
            raise KeyError
    except KeyError:
        return 2
    finally:
        if i % 4 == 0:
            return 9  # noqa: B012


def breaks(i):
    for k in range(5):
        try:
            if k == i:
                return k
        finally:
            if i == 7:
                break  # noqa: B012
    return -1


def with_returns(i):
    with Quiet(i % 2 == 0):
        with Quiet(False):
            if i > 3:
                return i
            raise KeyError
    return -i


def groups(n):
    found = []
    for i in range(n):
        try:
            try:
                if i % 4 == 0:
                    raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
                if i % 4 == 1:
                    raise ExceptionGroup("g", [OSError(1), ExceptionGroup("h", [ZeroDivisionError()])])
                if i % 4 == 2:
                    raise TypeError
            except* ValueError:
                found.append("v")
            except* KeyError:
                found.append("k")
            except* OSError as error:
                found.append(len(error.exceptions))
                if i > 4:
                    raise KeyError from error
        except ExceptionGroup:
            found.append("rest")
        except TypeError:
            found.append("t")
    return found


def uncaught(n):
    if n:
        try:
            return uncaught(n - 1)
        finally:
            n += 1
    with Quiet(False):
        [1, 2][n + 5]


def main():
    try:
        uncaught(3)
    except IndexError:
        pass
    return [
        plain(24), again(9), in_expressions(6), unbound(6), withs(12), [returns(i) for i in range(12)],
        [breaks(i) for i in range(9)], [with_returns(i) for i in (0, 2, 4, 5, 6)], groups(9),
    ]  # fmt: skip
