/* All that this project knows of CPython's internals: the one place that asks for a version, and the one folder that includes
 * the interpreter's internal headers or names a field of its structures. Each version is one file, in which nothing is
 * conditional on a version:
 *
 *   v3_11.h … v3_15.h   the versions that probes and frames are validated on
 *   unknown.h           all others, and builds without the global lock: the public interface alone
 *
 * They define the same quirks (quirks.def says what each means), rows of opcodes (opcodes.def) and accessors:
 *
 *   PROF_PY_VALIDATED        1 where frames may be read and code rewritten; 0 in unknown.h, which has no accessor for copies
 *   prof_py_holds_gil()      whether the calling thread holds the main interpreter's lock; any thread
 *   prof_py_state_now()      the thread state that holds the lock: with it, the calling thread's
 *   prof_py_interpreter(), prof_py_native_thread(), prof_py_state_id(), prof_py_next_state()   of a thread state
 *   prof_py_type_dict()      the dictionary of a type of the interpreter's own, to be written to: the main interpreter's. A new
 *                            reference
 *   prof_py_set_code()       gives the function another code object. Callers specialise their calls by the function's version,
 *                            which the assignment takes away. 0, or -1 with an exception set
 *   prof_py_head()           bytes that lie before an object of the type in its block: the collector's head, the managed dict
 *                            and weak references
 *   PROF_PY_UNIT_BYTES       of a code unit: an instruction, or one of its inline caches
 *   prof_py_bytecode()       the instructions of a code object as they run; may be changed under the lock
 *   prof_py_first_traceable()  the code unit from which on the code's own frame counts as begun: its first RESUME
 *   prof_py_frame_of()       the frame that runs in a thread state
 *   prof_py_previous()       the frame below, the interpreter's own too
 *   prof_py_code()           a frame's code object (Borrowed); NULL for the interpreter's own frames
 *   prof_py_instruction()    address of the instruction that runs
 *   prof_py_is_entry()       whether it is a frame of the interpreter's own loop
 *   prof_py_incomplete()     whether it has not begun, or is the interpreter's own: what it allocates is its caller's
 *   prof_py_generator_frame(), prof_py_generator_ended()   of a generator, coroutine or asynchronous generator: its frame,
 *                            which stays at one address for its whole life, and whether that will not run again
 *   prof_py_second_raised()  PROF_QUIRK_PAIR_RAISES_AT_FIRST: whether it was the second of a pair that raised
 *   prof_py_raised_at()      the code unit that raised, by the offset below the exception that a recorder or raise probe was given
 *                            (PROF_QUIRK_OFFSET_IS_TAGGED: which lies below the exception and the probe, on top of the stack)
 *
 * and, for the sampler's thread, which holds no lock of the interpreter's and must dereference nothing of it:
 *
 *   prof_py_layout_matches() whether the interpreter that runs has the layout that this was compiled for, as far as it tells
 *   prof_py_gil()            the interpreter's lock, in memory that is never freed; needs the lock
 *   prof_py_gil_holder()     the state that holds it; NULL when nobody does
 *   prof_py_first_state(), prof_py_next_id()   of an interpreter: the head of its list of threads, and what changes with it
 *   PROF_PY_STATE_BYTES      what is copied of a thread's state: all up to where its frames lie
 *   prof_py_stack_begin(), prof_py_stack_top(), prof_py_stack_limit()   of a state's copy: where its frames lie
 *   prof_py_cframe, PROF_PY_CFRAME_BYTES, prof_py_cframe_at()   where the state names a structure on the C stack that names the
 *                            frame; 0 bytes where there is none
 *   prof_py_remote_top()     the innermost frame, by the copies of the state and of that structure
 *   prof_py_remote_base()    where a chain of frames ends, by the copy of the state: 3.15 has a frame there that says nothing;
 *                            NULL elsewhere
 *   PROF_PY_FRAME_BYTES      what is copied of a frame
 *   prof_py_queue_of()       of an interpreter: the queue of calls that any of its threads makes, where it has one, else the main thread
 *   prof_py_queue_of_api()   the one that Py_AddPendingCall puts calls into
 *   prof_py_queue_is_free()  whether the queue's lock is free, by a copy of PROF_PY_QUEUE_LOCK_BYTES of it
 *   prof_py_remote_code(), prof_py_remote_generator()   of a frame's copy: its code, NULL for the interpreter's own frames, and
 *                            whether it is a generator's
 *   prof_py_remote_outermost()  whether it may have no caller, other than a generator's that is suspended and, from 3.12 on,
 *                            one that is made just now
 *
 * All functions need the lock where nothing else is said. */
#ifndef PROF_PYTHON_VERSION_H
#define PROF_PYTHON_VERSION_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Where the queue lies of the calls that the interpreter makes between two instructions, and what makes it look there: for another
 * process, which has stopped all threads of this one and writes into it. Addresses, and offsets. */
typedef struct {
    uint64_t lock;          /* of the queue: its address, or that of a pointer to it */
    uint64_t calls;         /* a ring: of each call its function, its argument, and other words, which are 0 */
    uint64_t first, next;   /* int: the oldest call's place in the ring, and where the next one comes */
    uint64_t count;         /* int: how many calls there are, or 1 for any */
    uint64_t breaker;       /* int, to be 1: the interpreter's; 0 where each thread's state has one */
    uint64_t first_state;   /* the pointer to the first of these */
    uint32_t lock_is_there; /* whether `lock` is the address of a pointer */
    uint32_t call_bytes, room;
    uint32_t counts; /* whether `count` is a number */
    uint32_t next_state, breaker_of_state, breaker_bit;
} prof_py_queue;

#if defined(Py_GIL_DISABLED) || defined(PROF_PY_UNKNOWN) /* the latter: a test that the rest stands without */
#include "unknown.h"
#elif PY_VERSION_HEX >= 0x03100000
#include "unknown.h"
#elif PY_VERSION_HEX >= 0x030F0000
#include "v3_15.h"
#elif PY_VERSION_HEX >= 0x030E0000
#include "v3_14.h"
#elif PY_VERSION_HEX >= 0x030D0000
#include "v3_13.h"
#elif PY_VERSION_HEX >= 0x030C0000
#include "v3_12.h"
#elif PY_VERSION_HEX >= 0x030B0000
#include "v3_11.h"
#else
#error "CPython before 3.11 is not supported"
#endif

/* Each quirk has a value here. */
#define QUIRK(name) enum { PROF_PY_HAS_QUIRK_##name = PROF_QUIRK_##name };
#include "quirks.def"
#undef QUIRK

/* The version, without what releases of one minor version differ in. */
#define PROF_PY_RELEASE (PY_VERSION_HEX >> 16)

/* A handler's stack depth may be larger than the stack is: then all is kept. Debug builds assert that it is not. */
#ifdef Py_DEBUG
#define PROF_PY_DEEP_HANDLERS 0
#else
#define PROF_PY_DEEP_HANDLERS 1
#endif

/* The interpreter frame that runs now; the Python frame that called it, without the interpreter's own, NULL at the bottom. */
#if PROF_PY_VALIDATED
static inline prof_py_frame *prof_py_current(void) { return prof_py_frame_of(prof_py_state_now()); }
#else
static inline prof_py_frame *prof_py_current(void) { return PyEval_GetFrame(); }
#endif

static inline prof_py_frame *prof_py_caller(const prof_py_frame *frame) {
    prof_py_frame *f = prof_py_previous(frame);
    while (f && !prof_py_code(f)) f = prof_py_previous(f);
    while (f && prof_py_is_entry(f)) f = prof_py_previous(f);
    return f;
}

/* Byte offset from which on an exception came out of a body that monitoring has seen to start. */
static inline long prof_py_body(const PyCodeObject *code) {
    return PROF_PY_VALIDATED ? ((long)prof_py_first_traceable(code) + PROF_QUIRK_START_IS_TOLD_LATE) * PROF_PY_UNIT_BYTES : 0;
}

/* Bytes from the start of the code to the instruction that runs. */
static inline long prof_py_offset(const prof_py_frame *frame) {
    return (long)((const char *)prof_py_instruction(frame) - (const char *)prof_py_bytecode(prof_py_code(frame)));
}

/* The code unit that runs in it; of a caller, the last one of its call. */
static inline uint32_t prof_py_unit(const prof_py_frame *frame) {
    return PROF_PY_VALIDATED ? (uint32_t)(prof_py_offset(frame) / PROF_PY_UNIT_BYTES) : 0;
}

/* The line that runs in it, 1-based; 0 unknown. */
static inline int prof_py_line(const prof_py_frame *frame) {
    if (!PROF_PY_VALIDATED) return PyFrame_GetLineNumber((PyFrameObject *)(void *)frame);
    PyCodeObject *code = prof_py_code(frame);
    int line = code ? PyCode_Addr2Line(code, (int)prof_py_offset(frame)) : 0;
    return line > 0 ? line : 0;
}

#if PROF_PY_VALIDATED
/* Bytes of a str whose head was copied; 0 when it is none that can be copied in one piece. */
static inline size_t prof_py_remote_text_bytes(const PyCompactUnicodeObject *head) {
    const PyASCIIObject *a = &head->_base;
    size_t length = (size_t)a->length;
    if (!a->state.compact || length > 1u << 20) return 0;
    if (a->state.ascii) return sizeof(PyASCIIObject) + length + 1;
    return sizeof(PyCompactUnicodeObject) + (length + 1) * a->state.kind;
}
#endif

#endif
