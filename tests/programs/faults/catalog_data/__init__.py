"""Tables that are computed when they are imported, all of them."""


def _primes(most):
    sieve = bytearray([1]) * (most + 1)
    for number in range(2, int(most**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, most + 1, number)))
    return [number for number in range(2, most + 1) if sieve[number]]


PRIMES = _primes(600_000)
INDEX = {prime: place for place, prime in enumerate(PRIMES)}
UNITS = {"piece": 1, "dozen": 12, "gross": 144}
WORDS = {f"article {prime % 9973}-{prime % 97}": prime for prime in PRIMES}
