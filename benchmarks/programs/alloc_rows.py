"""Growing lists of tuples: readings of several days, grouped by station, reduced to a row for each."""

from operator import itemgetter

SCALE = 36
EXPECTED = (14400, 40, 237590.0)


def readings(day, count):
    rows = []
    for i in range(count):
        value = (i * 7919 + day * 104729) % 331 / 10
        rows.append((day, i % 40, value, value > 20))
    return rows


def by_station(rows):
    groups = {}
    for row in rows:
        group = groups.get(row[1])
        if group is None:
            groups[row[1]] = group = []
        group.append((row[0], row[2], row[3]))
    return groups


def reduced(station, rows):
    rows = sorted(rows, key=itemgetter(1))
    low, high = rows[0][1], rows[-1][1]
    return station, low, high, sum([row[1] for row in rows]), [row for row in rows if row[2]]


def run(scale):
    rows = []
    for day in range(scale):
        rows.extend(readings(day, 400))
    summary = [reduced(station, group) for station, group in by_station(rows).items()]
    return len(rows), len(summary), round(sum([row[3] for row in summary]), 1)
