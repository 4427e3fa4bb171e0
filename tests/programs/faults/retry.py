"""Fetches pages from a server that is often busy, and sleeps between the tries."""

import random
import time
import zlib

PAGES = 30
PAUSE = 0.02


class BusyError(Exception):
    pass


class Server:
    def __init__(self):
        self.chance = random.Random(12)
        self.asked = 0

    def get(self, number):
        self.asked += 1
        if self.chance.random() < 0.5:
            raise BusyError(number)
        return f"<p>page {number}</p>".encode() * 20


class Client:
    def __init__(self, server, tries=20):
        self.server = server
        self.tries = tries
        self.busy = 0

    def fetch(self, number):
        for _ in range(self.tries):
            try:
                return self.server.get(number)
            except BusyError:
                self.busy += 1
                time.sleep(PAUSE)  # fault
        raise TimeoutError(number)


def packed(pages):
    return zlib.compress(b"".join(pages))


def titles(pages):
    return [page[3 : page.index(b"</p>")].decode() for page in pages]


def main():
    client = Client(Server())
    pages = [client.fetch(number) for number in range(PAGES)]
    print(len(packed(pages)), titles(pages)[-1], client.busy)


if __name__ == "__main__":
    main()
