/* CPython 3.11. The files v3_*.h define the same names, in the same order; what an accessor is for stands in version.h. */
#define PROF_PY_VALIDATED 1

#include <semaphore.h>

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#define PROF_PY_BORROWED_BUILD_CORE
#endif
#undef HAVE_STD_ATOMIC /* the internal headers' own atomics are for the interpreter's build */
#include "internal/pycore_frame.h"
#undef _PyGC_FINALIZED /* a macro of the public headers and of the internal ones */
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#include "opcode.h"
#ifdef PROF_PY_BORROWED_BUILD_CORE
#undef Py_BUILD_CORE
#endif

/* ---- what the public interface has under these names from 3.12 on ---- */

#define PyUnstable_Eval_RequestCodeExtraIndex _PyEval_RequestCodeExtraIndex
#define PyUnstable_Code_GetExtra _PyCode_GetExtra
#define PyUnstable_Code_SetExtra _PyCode_SetExtra
#define PyErr_GetRaisedException() prof_py_get_raised()
#define PyErr_SetRaisedException(e) prof_py_set_raised(e)
static inline PyObject *prof_py_get_raised(void) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (!type) return NULL;
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace) PyException_SetTraceback(value, trace);
    Py_DECREF(type);
    Py_XDECREF(trace);
    return value;
}
static inline void prof_py_set_raised(PyObject *e) {
    if (e) PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(e)), e, PyException_GetTraceback(e));
    else PyErr_Clear();
}

/* ---- quirks ---- */

#define PROF_QUIRK_MONITORING 0
#define PROF_QUIRK_END_FOR_UNITS 0
#define PROF_QUIRK_SEND_BEFORE_YIELD 1
#define PROF_QUIRK_JUMP_RAISES_AT_TARGET 1
#define PROF_QUIRK_PAIR_RAISES_AT_FIRST 1
#define PROF_QUIRK_CLOSES_UNENTERED 0
#define PROF_QUIRK_START_IS_TOLD_LATE 0
#define PROF_QUIRK_CURRENT_STATE_IS_OF_THE_THREAD 0
#define PROF_QUIRK_EACH_JUMP_BACK_IS_A_LINE 1
#define PROF_QUIRK_OFFSET_IS_TAGGED 0
#define PROF_QUIRK_RUNS_WITHOUT_LOCK 0
#define PROF_QUIRK_SEND_HAS_INDEX 0
#define PROF_QUIRK_RESUME_PLACE_MASK 3

/* Rows that hold here in place of those of opcodes.def. */
#define PROF_PY_OWN_OPCODES(OPCODE)                                                  \
    OPCODE(COMPARE_OP, OTHER, PLAIN, COMPARISON, NONE, COMPARISON, 0, NONE, NONE, 2) \
    OPCODE(LOAD_ATTR, OTHER, PLAIN, ATTRIBUTE, NONE, NAME, 0, READ, NONE, 1)         \
    OPCODE(CALL, OTHER, PLAIN, NONE, NONE, NONE, 0, NONE, NONE, 0) /* PRECALL stands before it, and is the call */

/* ---- thread states ---- */

typedef PyThreadState prof_py_state;

static inline prof_py_state *prof_py_state_now(void) { return _PyThreadState_UncheckedGet(); }

static inline int prof_py_holds_gil(void) {
    PyThreadState *state = _PyThreadState_UncheckedGet();
    if (state != PyGILState_GetThisThreadState()) return 0; /* the holder's, whoever that is */
    return state && state->interp == PyInterpreterState_Main();
}

static inline PyInterpreterState *prof_py_interpreter(const prof_py_state *state) { return state->interp; }
static inline uint64_t prof_py_native_thread(const prof_py_state *state) { return state->native_thread_id; }
static inline uint64_t prof_py_state_id(const prof_py_state *state) { return state->id; }
static inline prof_py_state *prof_py_next_state(const prof_py_state *state) { return state->next; }

/* ---- types and functions ---- */

static inline PyObject *prof_py_type_dict(PyTypeObject *type) { return Py_NewRef(type->tp_dict); }

static inline int prof_py_set_code(PyObject *function, PyObject *code) {
    return PyObject_SetAttrString(function, "__code__", code);
}

static inline size_t prof_py_head(PyTypeObject *type) {
    const unsigned long before = Py_TPFLAGS_MANAGED_DICT;
    return (PyType_IS_GC(type) ? 2 * sizeof(void *) : 0) + (type->tp_flags & before ? 2 * sizeof(void *) : 0);
}

/* ---- code objects ---- */

#define PROF_PY_UNIT_BYTES ((long)sizeof(_Py_CODEUNIT))
static inline uint8_t *prof_py_bytecode(const PyCodeObject *code) { return (uint8_t *)_PyCode_CODE(code); }
static inline size_t prof_py_bytecode_offset(void) { return offsetof(PyCodeObject, co_code_adaptive); }
static inline int prof_py_first_traceable(const PyCodeObject *code) { return code->_co_firsttraceable; }

/* ---- frames ---- */

typedef struct _PyInterpreterFrame prof_py_frame;

static inline prof_py_frame *prof_py_frame_of(const prof_py_state *state) { return state->cframe->current_frame; }
static inline prof_py_frame *prof_py_previous(const prof_py_frame *frame) { return frame->previous; }

static inline PyCodeObject *prof_py_code(const prof_py_frame *frame) {
    return PyCode_Check((PyObject *)frame->f_code) ? frame->f_code : NULL;
}

static inline const void *prof_py_instruction(const prof_py_frame *frame) { return frame->prev_instr; }

static inline int prof_py_is_entry(const prof_py_frame *frame) { return 0; } /* the interpreter's own loop has no frame */

static inline int prof_py_incomplete(prof_py_frame *frame) {
    if (prof_py_is_entry(frame)) return 1;
    return !prof_py_code(frame) || _PyFrame_IsIncomplete(frame);
}

static inline prof_py_frame *prof_py_generator_frame(PyObject *generator) {
    return (prof_py_frame *)(void *)((PyGenObject *)generator)->gi_iframe;
}
static inline int prof_py_generator_ended(PyObject *generator) {
    return ((PyGenObject *)generator)->gi_frame_state >= FRAME_COMPLETED;
}

/* A pair that runs as one has the offset of the first also where the second finds its variable unbound. Nobody else of the
 * pair can raise, or the first has its variable. */
static inline int prof_py_second_raised(const prof_py_frame *frame, uint8_t first, uint32_t arg, uint8_t second) {
    if (second != LOAD_FAST) return 0;
    return first == STORE_FAST || first == LOAD_CONST || (first == LOAD_FAST && frame->localsplus[arg]);
}

static inline uint32_t prof_py_raised_at(const prof_py_frame *frame, PyObject *offset) {
    return (uint32_t)PyLong_AsUnsignedLong(offset);
}

/* ---- through copies ---- */

static inline int prof_py_layout_matches(void) { return 1; } /* this version has nothing to compare with */

typedef struct _gil_runtime_state prof_py_lock;

static inline const prof_py_lock *prof_py_gil(PyInterpreterState *interpreter) { return &_PyRuntime.ceval.gil; }

static inline const void *prof_py_gil_holder(const prof_py_lock *gil) {
    const void *last;
    int locked;
    memcpy(&locked, (const void *)&gil->locked, sizeof locked);
    memcpy(&last, (const void *)&gil->last_holder, sizeof last);
    return locked > 0 ? last : NULL;
}

static inline const prof_py_state *prof_py_first_state(PyInterpreterState *interpreter) {
    return __atomic_load_n(&interpreter->threads.head, __ATOMIC_ACQUIRE);
}
static inline uint64_t prof_py_next_id(PyInterpreterState *interpreter) {
    return __atomic_load_n(&interpreter->threads.next_unique_id, __ATOMIC_RELAXED);
}

#define PROF_PY_STATE_BYTES (offsetof(PyThreadState, datastack_limit) + sizeof(void *))
static inline uintptr_t prof_py_stack_begin(const prof_py_state *state) { return (uintptr_t)state->datastack_chunk; }
static inline uintptr_t prof_py_stack_top(const prof_py_state *state) { return (uintptr_t)state->datastack_top; }
static inline uintptr_t prof_py_stack_limit(const prof_py_state *state) { return (uintptr_t)state->datastack_limit; }

typedef _PyCFrame prof_py_cframe; /* the state names a structure on the C stack that names the frame */
#define PROF_PY_CFRAME_BYTES sizeof(prof_py_cframe)
static inline const void *prof_py_cframe_at(const prof_py_state *state) { return state->cframe; }
static inline const void *prof_py_remote_top(const prof_py_state *state, const prof_py_cframe *cframe) {
    return cframe->current_frame;
}

static inline const void *prof_py_remote_base(const prof_py_state *state) { return NULL; }

#define PROF_PY_FRAME_BYTES offsetof(prof_py_frame, localsplus)

static inline const void *prof_py_remote_code(const prof_py_frame *copy) { return copy->f_code; }
static inline int prof_py_remote_generator(const prof_py_frame *copy) { return copy->owner == FRAME_OWNED_BY_GENERATOR; }
static inline int prof_py_remote_outermost(const prof_py_frame *copy) { return copy->owner != FRAME_OWNED_BY_GENERATOR; }

/* ---- calls between two instructions ---- */

/* The lock is a semaphore of the C library's. */
#define PROF_PY_QUEUE_LOCK_BYTES sizeof(sem_t)
static inline int prof_py_queue_is_free(const void *copy) {
    int value = 0;
    return !sem_getvalue((sem_t *)(size_t)copy, &value) && value > 0;
}

static inline void prof_py_queue_at(PyInterpreterState *interpreter, struct _pending_calls *p, prof_py_queue *q) {
    memset(q, 0, sizeof *q);
    q->lock = (uintptr_t)&p->lock;
    q->lock_is_there = 1;
    q->calls = (uintptr_t)p->calls;
    q->call_bytes = sizeof *p->calls;
    q->room = NPENDINGCALLS;
    q->first = (uintptr_t)&p->first;
    q->next = (uintptr_t)&p->last;
    q->count = (uintptr_t)&p->calls_to_do;
    q->breaker = (uintptr_t)&interpreter->ceval.eval_breaker;
    q->first_state = (uintptr_t)&interpreter->threads.head;
}
/* The main thread makes them. */
static inline void prof_py_queue_of(PyInterpreterState *interpreter, prof_py_queue *q) {
    prof_py_queue_at(interpreter, &interpreter->ceval.pending, q);
}
static inline void prof_py_queue_of_api(prof_py_queue *q) { prof_py_queue_of(PyInterpreterState_Main(), q); }
