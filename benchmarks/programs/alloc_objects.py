"""Many small objects, with `__slots__` and with `__dict__`: orders made of items, priced, discounted and filed."""

SCALE = 1200
EXPECTED = (1200, 1873.2)


class Item:
    __slots__ = ("count", "name", "price")

    def __init__(self, name, price, count):
        self.name = name
        self.price = price
        self.count = count

    def total(self):
        return self.price * self.count

    def reduced(self, share):
        return Item(self.name, self.price * (1 - share), self.count)


class Order:
    def __init__(self, number, customer):
        self.number = number
        self.customer = customer
        self.items = []
        self.state = "open"

    def add(self, name, price, count):
        self.items.append(Item(name, price, count))

    def total(self):
        return sum([item.total() for item in self.items])

    def discounted(self, share):
        order = Order(self.number, self.customer)
        order.items = [item.reduced(share) for item in self.items]
        order.state = "discounted"
        return order


def order(number):
    made = Order(number, "customer %d" % (number % 17))
    for i in range(5):
        made.add("article", (number * 13 + i * 7) % 50 / 10, i % 3 + 1)
    return made


def run(scale):
    orders = [order(number) for number in range(scale)]
    discounted = [each.discounted(0.1) if each.total() > 20 else each for each in orders]
    customers = {}
    for each in discounted:
        customers.setdefault(each.customer, []).append(each)
    saved = sum(each.total() for each in orders) - sum(each.total() for each in discounted)
    return sum(map(len, customers.values())), round(saved, 2)
