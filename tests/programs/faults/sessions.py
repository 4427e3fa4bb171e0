"""Requests of a web shop: each leaves an entry in a list of the module, which nobody empties."""

import hashlib
import random

REQUESTS = 3000

AUDIT = []


class Request:
    def __init__(self, number, path, body):
        self.number = number
        self.path = path
        self.body = body


def requests():
    chance = random.Random(10)
    for number in range(REQUESTS):
        yield Request(number, chance.choice(["/cart", "/buy", "/login"]), chance.randbytes(400))


def signature(request):
    found = request.body
    for _ in range(20):
        found = hashlib.sha256(found).digest()
    return found.hex()


def audit(request, status):
    AUDIT.append({"path": request.path, "status": status, "body": request.body * 8})  # fault


def handle(request):
    if not request.path.startswith("/"):
        status = 400
    elif int(signature(request)[:2], 16) < 8:
        status = 403
    else:
        status = 200
    audit(request, status)
    return status


def recent(number):
    return [entry["status"] for entry in AUDIT[-number:]]


def main():
    counts = {}
    for request in requests():
        status = handle(request)
        counts[status] = counts.get(status, 0) + 1
    print(counts, recent(5))


if __name__ == "__main__":
    main()
