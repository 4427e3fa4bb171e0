"""Which modules of the standard library's tests are run, and what may differ in them, with the reason."""

from __future__ import annotations

import quirks

# A few seconds together: what `pytest` runs.
SMALL = (
    "test_generators",
    "test_contextlib",
    "test_yield_from",
    "test_with",
    "test_scope",
    "test_super",
    "test_heapq",
    "test_textwrap",
    "test_patma",
    "test_asyncgen",
)

MODULES = (
    *SMALL,
    "test_coroutines",
    "test_contextlib_async",
    "test_dataclasses",
    "test_functools",
    "test_re",
    "test_collections",
    "test_enum",
    "test_typing",
    "test_inspect",
    "test_traceback",
    "test_sys_settrace",
    "test_exceptions",
    "test_bisect",
    "test_fractions",
    "test_argparse",
    "test_configparser",
    "test_csv",
    "test_difflib",
    "test_pprint",
    "test_copy",
    "test_abc",
    "test_except_star",
    "test_raise",
    "test_asyncio.test_futures",
    "test_asyncio.test_locks",
    "test_asyncio.test_taskgroups",
    "test_queue",
    "test_unittest",
    "test_types",
    "test_code",
    "test_funcattrs",
    "test_genexps",
    "test_listcomps",
    "test_exception_group",
    "test_trace",
    "test_warnings",
    "test_string",
    "test_ordered_dict",
)

# Half a minute and more each: only `python tests/stdlib/run.py` runs them.
SLOW = (
    "test_json",
    "test_tokenize",
    "test_asyncio.test_tasks",
    "test_decimal",
    "test_pickle",
    "test_statistics",
    "test_itertools",
    "test_threading",
    "test_random",
    "test_ast",
    "test_weakref",
    "test_descr",
)

# Tests that see the probes because they look at bytecode, and why.
DIFFERENT: dict[str, dict[str, str]] = {
    "test_code": {  # from 3.14 on
        "test_co_branches": "asks C for the lines of offsets, which are of the code without probes",
        "test_returns_only_none": "C reads the code that runs",
    },
}

# Functions whose calls are not compared with the interpreter's hooks, by how their names begin; "" is all of a module.
# The hooks are silent while a trace function runs: it, and what it calls, is seen by the probes alone.
NOT_COUNTED: dict[str, tuple[str, ...]] = {
    "test_sys_settrace": ("",),
    "test_trace": ("",),
    # From 3.13 on a signal that lands on a resumption comes before the event that tells of it.
    "test_generators": ("SignalAndYieldFromTest.generator2",),
    "test_threading": (  # trace and profile functions of the tests themselves
        "ThreadTests.test_frame_tstate_tracing.",
        "ThreadTests.test_gettrace_all_threads.",
        "ThreadTests.test_getprofile_all_threads.",
    ),
    "test_unittest": ("MockTest.test_isinstance_under_settrace.",),
    "test_code": (
        "CodeTest.test_code_equal_with_instrumentation.",
        # Replaces the bytecode, and with it the probes.
        "CodeLocationTest.test_code_new_empty.f",
    ),
    "test_scope": ("ScopeTests.testLocalsClass_WithTrace.", "ScopeTests.testInteractionWithTraceFunc."),
    "test_patma": ("TestTracing._trace.trace",),
}

# Whose operations are compared. Left out: trace functions of the tests themselves switch the hooks off that count each
# instruction, on 3.11 always and on 3.12 most times; and half a billion instructions take minutes.
OPS = tuple(
    module
    for module in (*MODULES, "test_json")
    if module not in ("test_sys_settrace", "test_trace", "test_scope", "test_unittest", "test_code")
)

# What `pytest` runs of them, and `pytest -m stdlib`: a few seconds each. All take minutes: `tests/stdlib/run.py --ops`.
OPS_SMALL = ("test_generators", "test_with", "test_raise")
OPS_CHOSEN = (
    "test_contextlib", "test_yield_from", "test_patma", "test_asyncgen", "test_coroutines", "test_contextlib_async",
    "test_copy", "test_except_star", "test_listcomps", "test_genexps", "test_exception_group",
    "test_asyncio.test_taskgroups",
)  # fmt: skip

# Functions whose operations are not compared, by how their full names begin; beside those of NOT_COUNTED.
NOT_EXACT: dict[str, tuple[str, ...]] = {}
if quirks.THREADS_ARE_HOOKED_LATE:
    NOT_EXACT[""] = ("threading.",)  # a new thread has its hook only after some functions of this module have run on it
    NOT_EXACT["test_exceptions"] = ("",)  # some of its tests ask for no trace function, and the oracle is one
    NOT_EXACT["test_patma"] = ("test.test_patma.TestTracing.",)  # these have one of their own
elif quirks.TRACERS_STOP_THE_ORACLE:
    NOT_EXACT["test_patma"] = ("",)  # its trace functions switch the oracle off
