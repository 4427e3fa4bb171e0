"""Allocates in the standard library: by C, by threads, with free lists."""

import bz2
import collections
import hashlib
import json
import pickle
import re
import sqlite3
import threading
import zlib


def thread(found, n):
    found.append([[str(i), {i: (i,)}] for i in range(n)])
    found.append(zlib.compress(bytes(range(256)) * 1000))


def rows(n):
    database = sqlite3.connect(":memory:")
    database.execute("create table numbers (n integer, text text)")
    database.executemany("insert into numbers values (?, ?)", [(i, str(i) * 5) for i in range(n)])
    return database, database.execute("select * from numbers").fetchall()


def work():
    kept = []
    found = []
    threads = [threading.Thread(target=thread, args=(found, 500)) for _ in range(4)]
    for each in threads:
        each.start()
        each.join()
    kept.append(found)  # the threads' states go after they are joined: while what follows is made
    data = [{"key": i, "list": [i, float(i)], "text": "t%d" % i} for i in range(2000)]
    kept.append(json.loads(json.dumps(data, indent=1)))
    kept.append(pickle.loads(pickle.dumps(data)))
    kept.append(re.findall("[0-9]+|[a-z]+", "abc 123 " * 2000))
    kept.append(rows(2000))
    kept.append(type("Made", (), {"method": lambda self: self, "value": 3}))
    kept.append([(lambda: i) for i in range(500)])
    kept.append(collections.OrderedDict((i, (i,)) for i in range(2000)))
    kept.append(collections.deque(range(5000)))
    kept.append([frozenset([i]) for i in range(1000)])
    kept.append(bz2.compress(bytes(range(256)) * 1000))
    kept.append([hashlib.sha256(bytes(5000)).digest() for _ in range(100)])
    return kept
