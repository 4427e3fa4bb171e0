"""Carts and discounts: enough of everything that a report of operations names."""

import sys

from prof import end, profile, profiled

RATES = {"de": 19, "fr": 20, "us": 0}
MORE = len(sys.argv) > 1
TOTAL = 0


class Cart:
    def __init__(self, country):
        self.country = country
        self.items = []

    @profiled
    def add(self, name, price):
        self.items.append((name, price))

    @profiled
    def total(self):
        global TOTAL
        rate = RATES[self.country]
        net = 0
        for _, price in self.items:
            net += price
        TOTAL += net
        return net + net * rate // 100


@profiled
def discount(total, step):
    while total > 100 and step:
        total -= step
        step -= 1
    if total < 0:
        total = 0
    return total


@profiled
def best(carts):
    limit = 5

    def key(cart):
        return discount(cart.total(), limit)

    profile("sorting")
    found = sorted(carts, key=key)
    end("sorting")
    return found[0]


@profiled
def main():
    carts = [Cart(country) for country in RATES]
    for i, cart in enumerate(carts):
        for n in range(10 + MORE):
            cart.add("thing", 7 * n + i)
    print(best(carts).country)


main()
