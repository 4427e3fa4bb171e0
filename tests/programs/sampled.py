"""Programs to sample: `sampled.py busy|churn|switches|fork|forks|seccomp|full|shutdown|killed [N]`."""

import atexit
import os
import resource
import signal
import struct
import sys
import threading
import time


def forbid_process_vm_readv():
    """A seccomp filter that answers EPERM to it. Before `prof` is imported: the recording begins there."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    load, equal, answer = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    code = b"".join(
        struct.pack("=HBBI", *each)
        for each in ((load, 0, 0, 0), (equal, 0, 1, 310), (answer, 0, 0, 0x00050001), (answer, 0, 0, 0x7FFF0000))
    )
    text = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", 4, ctypes.addressof(text)))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
        print("no seccomp")
        sys.exit(0)


if sys.argv[1:] == ["seccomp"]:
    forbid_process_vm_readv()
elif sys.argv[1:] == ["full"]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (600 << 10, 600 << 10))

from prof import profile, profiled  # noqa: E402


def helper(n):
    total = 0
    for i in range(n):
        total += i
    return total


@profiled
def spins(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        helper(200)


def busy():
    @profiled
    def outer():
        with profile("inside"):
            spins(0.2)
        spins(0.1)
        return sum(helper(n) for n in range(2000))

    outer()
    spins(0.1)


# ---- code and threads that come and go -------------------------------------------------------------------------------


def make(n):
    """A function, in a file of its own, that is gone when it has been called."""
    space = {"__name__": "made"}
    exec(
        compile(
            f"def made_{n}(k):\n    if k:\n        return made_{n}(k - 1)\n    return [i for i in range(20)]\n",
            f"<made {n}>",
            "exec",
        ),
        space,
    )
    return space[f"made_{n}"]


@profiled
def churns(seconds):
    end, n = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        n += 1
        make(n)(5)
        if not n % 20:
            thread = threading.Thread(target=short, args=(n,))
            thread.start()
            if n % 40:
                thread.join()


def short(n):
    for i in range(n % 7):
        list(numbers(i * 10))


def numbers(n):
    yield from range(n)
    if n > 1:
        yield from numbers(n // 2)


# ---- forks -----------------------------------------------------------------------------------------------------------


@profiled
def forks():
    threading.Thread(target=in_parent_thread, daemon=True).start()
    child = os.fork()
    if child:
        spins(0.2)
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    in_child()
    sys.exit(0)


def forks_and_returns():
    """The child's only thread ends as a thread does, and the process with it."""
    child = os.fork()
    if not child:
        return
    end = time.perf_counter() + 20
    status = None
    while status is None and time.perf_counter() < end:
        done, ended_with = os.waitpid(child, os.WNOHANG)
        status = ended_with if done else None
        time.sleep(0.01)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print("child ended with", status)


@profiled
def in_child():
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass


def in_parent_thread():
    time.sleep(30)


def many_forks(n):
    running = [threading.Thread(target=spins, args=(0.01 * n,)) for _ in range(2)]
    for thread in running:
        thread.start()
    for i in range(n):
        child = os.fork()
        if not child:
            make(i)(3)
            os._exit(0)
        os.waitpid(child, 0)
    for thread in running:
        thread.join()
    print("forked")


# ---- ends ------------------------------------------------------------------------------------------------------------


def at_exit():
    end = time.perf_counter() + 0.1
    while time.perf_counter() < end:
        pass
    print("at exit", flush=True)


def late_daemon():
    while True:
        helper(100)


def main():
    what, *numbers_given = sys.argv[1:]
    n = float(numbers_given[0]) if numbers_given else 0.3
    if what == "busy":
        busy()
    elif what == "churn":
        churns(n)
        print("churned")
    elif what == "switches":
        sys.setswitchinterval(1e-6)
        running = [threading.Thread(target=spins, args=(n,)) for _ in range(4)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        print("switched")
    elif what == "fork":
        print(forks())
    elif what == "fork in a thread":
        thread = threading.Thread(target=forks_and_returns)
        thread.start()
        thread.join()
    elif what == "forks":
        many_forks(int(n))
    elif what == "shutdown":
        threading.Thread(target=late_daemon, daemon=True).start()
        atexit.register(at_exit)
    elif what == "full":
        churns(2)
    elif what == "killed":
        spins(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        spins(0.3)


if __name__ == "__main__":
    main()
