"""A monthly statement of a shop: the orders of each customer are asked for one by one (an N+1 query)."""

import random
import sqlite3
from dataclasses import dataclass

CUSTOMERS = 800
ORDERS = 6000


@dataclass
class Customer:
    number: int
    name: str
    city: str


@dataclass
class Statement:
    customer: Customer
    orders: int
    cents: int

    @property
    def euros(self) -> str:
        return f"{self.cents / 100:.2f}"


def connect():
    chance = random.Random(7)
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE customer (number INTEGER PRIMARY KEY, name TEXT, city TEXT)")
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, paid INTEGER)")
    cities = ["Bern", "Graz", "Kiel", "Lyon"]
    db.executemany(
        "INSERT INTO customer VALUES (?, ?, ?)",
        ((n, f"customer {n}", chance.choice(cities)) for n in range(CUSTOMERS)),
    )
    db.executemany(
        "INSERT INTO orders (customer, cents, paid) VALUES (?, ?, ?)",
        ((chance.randrange(CUSTOMERS), chance.randrange(100, 90_000), n % 3) for n in range(ORDERS)),
    )
    return db


def customers(db):
    rows = db.execute("SELECT number, name, city FROM customer ORDER BY name").fetchall()
    return [Customer(*row) for row in rows]


def statements(db):
    found = []
    for customer in customers(db):
        rows = db.execute(
            "SELECT cents FROM orders WHERE customer = ? AND paid", (customer.number,)
        ).fetchall()  # fault
        found.append(Statement(customer, len(rows), sum(cents for (cents,) in rows)))
    return found


def by_city(found):
    sums = {}
    for statement in found:
        city = statement.customer.city
        sums[city] = sums.get(city, 0) + statement.cents
    return sums


def main():
    db = connect()
    found = statements(db)
    largest = max(found, key=lambda statement: statement.cents)
    print(largest.customer.name, largest.euros)
    for city, cents in sorted(by_city(found).items()):
        print(f"{city:8} {cents / 100:12.2f}")


if __name__ == "__main__":
    main()
