"""Thumbnails by several threads, each of which works while it holds the one lock that guards the result."""

import random
import threading
import time

THREADS = 6
IMAGES = 60
LOCK = threading.Lock()


class Image:
    def __init__(self, number, pixels):
        self.number = number
        self.pixels = pixels


def images():
    chance = random.Random(11)
    return [Image(n, [chance.randrange(256) for _ in range(400)]) for n in range(IMAGES)]


def scaled(image, factor=4):
    pixels = image.pixels
    return [sum(pixels[n : n + factor]) // factor for n in range(0, len(pixels), factor)]


def store(result, image):
    """As a disk does it: it takes a while, without the processor."""
    time.sleep(0.01)
    result[image.number] = scaled(image)


def work(queue, result):
    while True:
        try:
            image = queue.pop()
        except IndexError:
            return
        with LOCK:  # fault
            store(result, image)


def average(result):
    values = [pixel for pixels in result.values() for pixel in pixels]
    return sum(values) / len(values)


def main():
    queue = images()
    result = {}
    threads = [threading.Thread(target=work, args=(queue, result)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(result), round(average(result), 2))


if __name__ == "__main__":
    main()
