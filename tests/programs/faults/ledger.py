"""Writes a ledger as text: each entry is added to a string that an attribute holds, so all of it is copied."""

import random

ENTRIES = 4_500


class Entry:
    def __init__(self, number, account, cents):
        self.number = number
        self.account = account
        self.cents = cents

    def line(self):
        return f"{self.number:08}  {self.account:<40}  {self.cents / 100:>14.2f}\n"


def entries():
    chance = random.Random(4)
    names = ["rent", "wages", "material", "energy", "travel", "insurance"]
    return [Entry(n, chance.choice(names), chance.randrange(-90_000, 90_000)) for n in range(ENTRIES)]


class Ledger:
    def __init__(self):
        self.text = ""
        self.sums = {}

    def add(self, entry):
        self.text += entry.line()  # fault
        self.sums[entry.account] = self.sums.get(entry.account, 0) + entry.cents

    def totals(self):
        return [f"{account:<40}  {cents / 100:>14.2f}" for account, cents in sorted(self.sums.items())]


def checksum(text):
    found = 0
    for line in text.splitlines():
        found = (found * 31 + len(line)) % 1_000_003
    return found


def main():
    ledger = Ledger()
    for entry in entries():
        ledger.add(entry)
    print("\n".join(ledger.totals()))
    print(checksum(ledger.text), len(ledger.text))


if __name__ == "__main__":
    main()
