"""The same functions on several threads at once."""

import threading


def work(n, found):
    for i in range(n):
        found.append(sum(step(k) for k in range(i % 5)))
        if not i % 7:
            continue
        found.append((lambda: i)())


def step(k):
    return half(k) if k % 2 else -k


def half(k):
    while k > 3:
        k //= 2
    return k


def main():
    found = []
    threads = [threading.Thread(target=work, args=(40, found)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(found)
