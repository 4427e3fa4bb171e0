"""Children of every kind: `forks.py fork|nested|fork-exec|exit|_exit|pool METHOD`."""

import multiprocessing
import os
import subprocess
import sys
import threading

from prof import profile, profiled


@profiled
def outer(kind):
    with profile("around"):
        return inner(kind)


@profiled
def inner(kind):
    child = os.fork()
    if child:
        in_parent()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    in_child()
    if kind == "nested":
        grandchild = os.fork()
        if not grandchild:
            in_child()
            sys.exit(0)
        os.waitpid(grandchild, 0)
    if kind == "_exit":
        os._exit(3)
    sys.exit(5)


@profiled
def in_parent():
    return 1


@profiled
def in_child():
    return 1


@profiled
def task(n):
    return square(n)


@profiled
def square(n):
    return n * n


@profiled
def pool(method):
    with multiprocessing.get_context(method).Pool(2) as workers:
        return sum(workers.map(task, range(8), chunksize=1))


@profiled
def process(method):
    context = multiprocessing.get_context(method)
    children = [context.Process(target=task, args=(n,)) for n in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    return [child.exitcode for child in children]


@profiled
def waits(begun, leave):
    begun.set()
    leave.wait()


@profiled
def with_threads():
    begun, leave = threading.Event(), threading.Event()
    thread = threading.Thread(target=waits, args=(begun, leave))
    thread.start()
    begun.wait()
    status = inner("fork")
    leave.set()
    thread.join()
    return status


def main():
    what = sys.argv[1]
    if what == "pool":
        print(pool(sys.argv[2]))
    elif what == "process":
        print(process(sys.argv[2]))
    elif what == "threads":
        print(with_threads())
    elif what == "subprocess":
        print(
            subprocess.run([sys.executable, __file__, "fork"], check=True, capture_output=True, text=True).stdout,
            end="",
        )
    else:
        print(outer(what))


if __name__ == "__main__":
    main()
