"""A toy operating system in the manner of Richards: tasks of several classes hand packets to each other."""

WARM, SCALE = 300, 3_000
EXPECTED = (3000, 3333)

WORK, DEVICE = 1, 2


class Packet:
    def __init__(self, kind):
        self.link = None
        self.kind = kind
        self.datum = 0
        self.data = [0] * 4

    def append_to(self, queue):
        self.link = None
        if queue is None:
            return self
        last = queue
        while last.link is not None:
            last = last.link
        last.link = self
        return queue


class Task:
    def __init__(self, number):
        self.number = number
        self.queue = None
        self.held = False
        self.count = 0

    def is_ready(self):
        return self.queue is not None and not self.held

    def add(self, packet):
        self.queue = packet.append_to(self.queue)

    def take(self):
        packet = self.queue
        self.queue = packet.link
        return packet

    def run(self, scheduler):
        self.handle(self.take(), scheduler)


class Worker(Task):
    def handle(self, packet, scheduler):
        self.count += 1
        for i in range(4):
            packet.data[i] = (self.count + i) & 15
        packet.kind = DEVICE if packet.kind == WORK else WORK
        scheduler.send(packet, self.number + 1)


class Device(Task):
    def handle(self, packet, scheduler):
        self.count += packet.data[0]
        step = 2 if self.count & 1 and packet.kind == DEVICE else 1
        scheduler.send(packet, self.number + step)


class Scheduler:
    def __init__(self, size):
        self.sent = 0
        self.asked = 0
        self.tasks = [(Worker if i % 2 else Device)(i) for i in range(size)]
        for i, task in enumerate(self.tasks):
            task.add(Packet(WORK + i % 2))

    def send(self, packet, number):
        self.sent += 1
        self.tasks[number % len(self.tasks)].add(packet)

    def loop(self, limit):
        while self.sent < limit:
            for task in self.tasks:
                self.asked += 1
                if task.is_ready():
                    task.run(self)
                    if self.sent == limit:
                        break


def run(scale):
    scheduler = Scheduler(6)
    scheduler.loop(scale)
    return scheduler.sent, scheduler.asked
