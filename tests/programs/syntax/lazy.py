"""Lazy imports: PEP 810, Python 3.15. What they name is loaded where it is first used."""

lazy import lazy_module
lazy import lazy_package.inner as inner
lazy from lazy_name import VALUE, missing as never_used
import sys

__lazy_modules__ = ["lazy_listed"]
import lazy_listed


def loaded():
    return sorted(name for name in sys.modules if name.startswith("lazy_"))


def of_module():
    # profile! first-use
    answer = lazy_module.answer()
    # end! first-use
    return answer


def of_package():
    return inner.answer() + lazy_listed.answer()


def of_name():
    return VALUE


def again():
    return of_module() + of_package() + of_name()


def work():
    return [again() for _ in range(10)]


def main():
    before = loaded()
    first = of_module(), loaded()
    return before, first, of_name(), of_package(), work(), loaded()
