"""Interest by day on many accounts: some balances are whole numbers, some are not, and one line adds them all."""

import random

ACCOUNTS = 300
DAYS = 1000


class Account:
    def __init__(self, number, balance, rate):
        self.number = number
        self.balance = balance
        self.rate = rate

    def month_fee(self):
        return 2 if self.balance < 1000 else 0


def accounts():
    chance = random.Random(14)
    found = []
    for number in range(ACCOUNTS):
        balance = chance.randrange(10, 9000)
        rate = 0 if number % 2 else chance.uniform(0.0001, 0.0003)
        found.append(Account(number, balance, rate))
    return found


def grown(account, days):
    balance, rate = account.balance, account.rate
    for _ in range(days):
        balance = balance + balance * rate - (balance > 5000) * rate * 2  # fault
    return balance


def bank(found):
    total = 0
    for account in found:
        total += grown(account, DAYS) - account.month_fee()
    return total


def by_size(found):
    sizes = {"small": 0, "large": 0}
    for account in found:
        sizes["large" if account.balance >= 5000 else "small"] += 1
    return sizes


def main():
    found = accounts()
    print(round(bank(found), 2), by_size(found))


if __name__ == "__main__":
    main()
