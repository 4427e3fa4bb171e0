"""Looks up one article. For the name of a unit it imports a package that computes large tables as it is loaded."""

import sys


class Article:
    def __init__(self, number, name, unit):
        self.number = number
        self.name = name
        self.unit = unit

    def pieces(self, quantity):
        import catalog_data  # fault

        return quantity * catalog_data.UNITS[self.unit]


ARTICLES = [
    Article(1, "screw", "gross"),
    Article(2, "egg", "dozen"),
    Article(3, "hammer", "piece"),
]


def find(name):
    for article in ARTICLES:
        if article.name == name:
            return article
    raise LookupError(name)


def order(lines):
    found = {}
    for name, quantity in lines:
        article = find(name)
        found[article.number] = found.get(article.number, 0) + article.pieces(quantity)
    return found


def shown(found):
    return ", ".join(f"{number}: {pieces}" for number, pieces in sorted(found.items()))


def main():
    lines = [("egg", 3), ("screw", 2), ("hammer", 1), ("egg", 1)] * 50
    found = order(lines)
    print(shown(found), file=sys.stdout)


if __name__ == "__main__":
    main()
