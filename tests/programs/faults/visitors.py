"""Visits by visitor from a server's log: who was seen before is looked up in a list."""

import random
from collections import Counter

VISITS = 8_000
VISITORS = 6_000


def log():
    chance = random.Random(3)
    for number in range(VISITS):
        who = chance.randrange(VISITORS)
        page = chance.choice(["/", "/shop", "/cart", "/help"])
        yield f'10.0.{who // 250}.{who % 250} - [{number:06}] "GET {page}" 200'


class Visit:
    __slots__ = ("address", "page", "status")

    def __init__(self, line):
        address, _, rest = line.partition(" - ")
        request, _, status = rest.rpartition(" ")
        self.address = address
        self.page = request.split()[-1].strip('"')
        self.status = int(status)


def visits():
    return [Visit(line) for line in log()]


def first_visits(found):
    seen = []
    first = []
    for visit in found:
        if visit.address not in seen:  # fault
            seen.append(visit.address)
            first.append(visit)
    return first


def landing_pages(first):
    return Counter(visit.page for visit in first)


def main():
    found = visits()
    first = first_visits(found)
    print(f"{len(first)} visitors, {len(found)} visits")
    for page, number in landing_pages(first).most_common():
        print(f"{page:8} {number}")


if __name__ == "__main__":
    main()
