"""Ends in one of many ways: `ends.py HOW`."""

import atexit
import os
import signal
import sys
import threading
import time

from prof import profile, profiled


@profiled
def done(n):
    return n


@profiled
def at_exit():
    done(1)
    print("at exit")


@profiled
def raises():
    done(1)
    raise KeyError("top")


@profiled
def waits(ready):
    done(1)
    ready.set()
    time.sleep(3600)


@profiled
def works(ready, leave):
    ready.set()
    leave.wait()
    done(1)
    print("thread ends")


@profiled
def kill(how):
    with profile("open"):
        done(1)
        if how == "_exit":
            os._exit(7)
        if how.startswith("own-"):
            number = getattr(signal, how[4:])
            if number != signal.SIGKILL:
                signal.signal(number, signal.SIG_DFL)  # whatever we were started with
            signal.raise_signal(number)
        os.system(f"kill -{how[3:]} {os.getpid()}")
        time.sleep(10)


@profiled
def exec_again():
    done(1)
    os.execvp("true", ["true"])


def main():
    how = sys.argv[1]
    for n in range(10):
        done(n)
    if how == "_exit" or "SIG" in how:
        kill(how)
    elif how == "exec":
        exec_again()
    elif how == "no-exec":
        try:
            os.execv("/nowhere", ["nowhere"])
        except FileNotFoundError:
            done(1)
    elif how == "exit":
        sys.exit(9)
    elif how == "exception":
        raises()
    elif how == "atexit":
        atexit.register(at_exit)
    elif how == "daemon":
        ready = threading.Event()
        threading.Thread(target=waits, args=(ready,), daemon=True).start()
        ready.wait()
    elif how == "thread":
        ready, leave = threading.Event(), threading.Event()
        threading.Thread(target=works, args=(ready, leave)).start()
        ready.wait()
        threading.Timer(0.05, leave.set).start()
    elif how == "finalizer":
        # Runs when the interpreter lets go of its modules, after the recording has ended.
        global kept
        kept = type("Kept", (), {"__del__": lambda self, done=done: done(1)})()


main()
