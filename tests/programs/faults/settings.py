"""Prices in the currency of a reader: the settings are parsed again for each price."""

import json
import random

PRICES = 800


def settings_text():
    chance = random.Random(6)
    names = [f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(400)]
    table = {name: {"rate": round(chance.uniform(0.1, 9.9), 4), "digits": 2, "sign": name.lower()} for name in names}
    return json.dumps({"version": 3, "currencies": table})


class Settings:
    def __init__(self, text):
        self.text = text

    def currency(self, name):
        parsed = json.loads(self.text)  # fault
        return parsed["currencies"][name]


class Price:
    def __init__(self, cents, currency):
        self.cents = cents
        self.currency = currency

    def shown(self, settings):
        currency = settings.currency(self.currency)
        amount = self.cents * currency["rate"] / 100
        return f"{amount:.{currency['digits']}f} {currency['sign']}"


def prices():
    chance = random.Random(8)
    names = ["AA", "AB", "BC", "CD"]
    return [Price(chance.randrange(100, 99_999), chance.choice(names)) for _ in range(PRICES)]


def longest(texts):
    found = ""
    for text in texts:
        if len(text) > len(found):
            found = text
    return found


def main():
    settings = Settings(settings_text())
    texts = [price.shown(settings) for price in prices()]
    print(len(texts), longest(texts))


if __name__ == "__main__":
    main()
