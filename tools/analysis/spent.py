"""What samples found threads to do, by own function: run, or wait for something. Who waits for work is left out.

A thread that could run while every CPU was busy is counted with those that run: the program is not slower by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define
from prof.capture import Capture
from prof.tools.analysis.calling_lines import sampled
from prof.tools.analysis.owners import Charges, charged, held, owners, selected
from prof.tools.analysis.whose import Whose
from prof.tree import NO_LABEL, ROOT, Tree

# Functions in which a thread waits for work unless they have called a function of the program's.
_FOR_WORK = frozenset((
    "asyncio.base_events.BaseEventLoop._run_once",
    "concurrent.futures.process._ExecutorManagerThread.wait_result_broken_or_wakeup",
    "concurrent.futures.thread._worker",
    "gunicorn.arbiter.Arbiter.sleep",
    "gunicorn.workers.gthread.ThreadWorker.run",
    "gunicorn.workers.sync.SyncWorker.wait",
    "logging.handlers.QueueListener._monitor",
    "multiprocessing.forkserver.main",
    "multiprocessing.pool.Pool._handle_results",
    "multiprocessing.pool.Pool._handle_tasks",
    "multiprocessing.pool.Pool._handle_workers",
    "multiprocessing.pool.worker",
    "multiprocessing.queues.Queue._feed",
    "multiprocessing.resource_tracker.main",
    "socketserver.BaseServer.serve_forever",
    "threading._shutdown",
))  # fmt: skip
# What runs the program's functions below those.
_CALLS_BACK = frozenset(("asyncio.events.Handle._run",))


@define
class Spent:
    """Own functions by what they ran, and by what they waited; both `whole` are what shares of both are of."""

    running: Charges
    waiting: Charges


def spent(capture: Capture, tree: Tree, whose: Whose, idle: bool = False) -> Spent:
    """The samples of a capture's tree, with what threads waited for work if `idle`."""
    stacks = sampled(capture, tree).stacks if capture.whole_stacks else tree
    nodes = selected(stacks, "sampled_ns")
    ran, all_of_it = held(stacks, "sampled_cpu_ns", nodes), held(stacks, "sampled_ns", nodes)
    waited = {node: max(0, all_of_it[node] - ran[node]) for node in nodes}
    if not idle:
        for node in waiting_for_work(capture, stacks, nodes, whose):
            waited[node] = 0
    found = Spent(charged(capture, stacks, nodes, ran, whose), charged(capture, stacks, nodes, waited, whose))
    _in_line(found, owners(capture, tree, "ready_ns", whose))
    found.running.whole = found.waiting.whole = found.running.whole + found.waiting.whole
    return found


def waiting_for_work(capture: Capture, tree: Tree, nodes: Sequence[int], whose: Whose) -> list[int]:
    """Of contexts, callers before callees and the root first, those in which a thread waits for work, if it waits, and
    those outside of all that is the user's."""
    # Whether a context waits for work, and whether an own function is around it.
    states = {ROOT: (False, False)}
    found = [ROOT]
    for node in nodes[1:]:
        work, own = states[tree.parent[node]]
        if tree.label[node] != NO_LABEL:
            label = capture.label(tree.label[node])
            if not whose.library(label) and tree.line[node] != 1:
                work, own = False, True
            elif label.name in _FOR_WORK:
                work = True
            elif label.name in _CALLS_BACK:
                work = False
        states[node] = work, own
        if work or not own:
            found.append(node)
    return found


def _in_line(spent: Spent, ready: Charges) -> None:
    """Counts threads that waited for nothing but a CPU as running."""
    running = {each.label: each for each in spent.running.owners}
    waiting = {each.label: each for each in spent.waiting.owners}
    for owner in ready.owners:
        waits = waiting.get(owner.label)
        if waits is None or not waits.amount:
            continue
        moved = waits.scaled(min(1.0, owner.amount / waits.amount))
        running[owner.label] = running[owner.label].plus(moved)
        waiting[owner.label] = waits.scaled(1 - moved.amount / waits.amount)
        spent.running.whole += moved.amount
        spent.waiting.whole -= moved.amount
    for charges, by_label in ((spent.running, running), (spent.waiting, waiting)):
        charges.owners = sorted(by_label.values(), key=lambda each: (-each.amount, each.name))
