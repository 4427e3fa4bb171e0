"""The same functions on several threads at once, with generators that change threads."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

from prof import profiled


@profiled
def work(n):
    return sum(square(i) for i in range(n))


@profiled
def square(n):
    return n * n


@profiled
def produce(n):
    for i in range(n):
        yield square(i)


@profiled
def fail():
    square(1)
    raise OSError


@profiled
def consume(generator, out):
    out.put(next(generator))
    try:
        fail()
    except OSError:
        pass


def main():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(50)))
    generator, out = produce(10), queue.Queue()
    for _ in range(5):
        thread = threading.Thread(target=consume, args=(generator, out))
        thread.start()
        thread.join()
    assert out.qsize() == 5
    list(generator)


if __name__ == "__main__":
    main()
