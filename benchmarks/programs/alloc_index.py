"""A dict with string values: records become keys and texts, are looked up, changed, and partly removed."""

SCALE = 12
EXPECTED = (3000, 88258)

CITIES = ("Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh", "Florence", "Geneva")


def load(part, count):
    table = {}
    for i in range(count):
        number = part * count + i
        city = CITIES[number % len(CITIES)]
        table[f"user/{number}"] = city + ", street " + str(number * 31 % 997)
    return table


def moved(table):
    found = {}
    for key, value in table.items():
        city, _, street = value.partition(", ")
        found[key] = street.title() + " (" + city.upper() + ")"
    return found


def prune(table):
    for key in [key for key in table if int(key[5:]) % 2]:
        del table[key]


def run(scale):
    index = {}
    for part in range(scale):
        table = load(part, 500)
        index.update(table)
        index.update(moved(table))
    prune(index)
    return len(index), sum(map(len, index.values())) + sum(map(len, index))
