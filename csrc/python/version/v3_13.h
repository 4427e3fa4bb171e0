/* CPython 3.13. The files v3_*.h define the same names, in the same order; what an accessor is for stands in version.h. */
#define PROF_PY_VALIDATED 1

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#define PROF_PY_BORROWED_BUILD_CORE
#endif
#undef HAVE_STD_ATOMIC /* the internal headers' own atomics are for the interpreter's build */
#include "internal/pycore_frame.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#ifdef PROF_PY_BORROWED_BUILD_CORE
#undef Py_BUILD_CORE
#endif

/* ---- quirks ---- */

#define PROF_QUIRK_MONITORING 1
#define PROF_QUIRK_END_FOR_UNITS 2 /* END_FOR; POP_TOP */
#define PROF_QUIRK_SEND_BEFORE_YIELD 0
#define PROF_QUIRK_JUMP_RAISES_AT_TARGET 0
#define PROF_QUIRK_PAIR_RAISES_AT_FIRST 0
#define PROF_QUIRK_CLOSES_UNENTERED 1
#define PROF_QUIRK_START_IS_TOLD_LATE 1
#define PROF_QUIRK_CURRENT_STATE_IS_OF_THE_THREAD 1
#define PROF_QUIRK_EACH_JUMP_BACK_IS_A_LINE 0
#define PROF_QUIRK_OFFSET_IS_TAGGED 0
#define PROF_QUIRK_RUNS_WITHOUT_LOCK 0
#define PROF_QUIRK_SEND_HAS_INDEX 0
#define PROF_QUIRK_RESUME_PLACE_MASK 3

/* Rows that hold here in place of those of opcodes.def. */
#define PROF_PY_OWN_OPCODES(OPCODE) /* none */

/* ---- thread states ---- */

typedef PyThreadState prof_py_state;

static inline prof_py_state *prof_py_state_now(void) { return PyThreadState_GetUnchecked(); }

static inline int prof_py_holds_gil(void) {
    PyThreadState *state = PyThreadState_GetUnchecked();
    return state && state->interp == PyInterpreterState_Main();
}

static inline PyInterpreterState *prof_py_interpreter(const prof_py_state *state) { return state->interp; }
static inline uint64_t prof_py_native_thread(const prof_py_state *state) { return state->native_thread_id; }
static inline uint64_t prof_py_state_id(const prof_py_state *state) { return state->id; }
static inline prof_py_state *prof_py_next_state(const prof_py_state *state) { return state->next; }

/* ---- types and functions ---- */

static inline PyObject *prof_py_type_dict(PyTypeObject *type) { return PyType_GetDict(type); }

/* This version never gives a function another version than its code's, which is what it was when the function was made. */
static inline int prof_py_set_code(PyObject *function, PyObject *code) {
    PyFunctionObject *f = (PyFunctionObject *)function;
    uint32_t before = f->func_version;
    int failed = PyObject_SetAttrString(function, "__code__", code);
    if (!failed && before) f->func_version = ((PyCodeObject *)code)->co_version;
    return failed;
}

static inline size_t prof_py_head(PyTypeObject *type) {
    const unsigned long before = Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF;
    return (PyType_IS_GC(type) ? 2 * sizeof(void *) : 0) + (type->tp_flags & before ? 2 * sizeof(void *) : 0);
}

/* ---- code objects ---- */

#define PROF_PY_UNIT_BYTES ((long)sizeof(_Py_CODEUNIT))
static inline uint8_t *prof_py_bytecode(const PyCodeObject *code) { return (uint8_t *)_PyCode_CODE(code); }
static inline size_t prof_py_bytecode_offset(void) { return offsetof(PyCodeObject, co_code_adaptive); }
static inline int prof_py_first_traceable(const PyCodeObject *code) { return code->_co_firsttraceable; }

/* ---- frames ---- */

typedef struct _PyInterpreterFrame prof_py_frame;

static inline prof_py_frame *prof_py_frame_of(const prof_py_state *state) { return state->current_frame; }
static inline prof_py_frame *prof_py_previous(const prof_py_frame *frame) { return frame->previous; }

static inline PyCodeObject *prof_py_code(const prof_py_frame *frame) {
    return PyCode_Check(frame->f_executable) ? (PyCodeObject *)frame->f_executable : NULL;
}

static inline const void *prof_py_instruction(const prof_py_frame *frame) { return frame->instr_ptr; }

/* The entry frames of the interpreter's own loop, which lie on the C stack. */
static inline int prof_py_is_entry(const prof_py_frame *frame) { return frame->owner == FRAME_OWNED_BY_CSTACK; }

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

static inline int prof_py_second_raised(const prof_py_frame *frame, uint8_t first, uint32_t arg, uint8_t second) { return 0; }

static inline uint32_t prof_py_raised_at(const prof_py_frame *frame, PyObject *offset) {
    return (uint32_t)PyLong_AsUnsignedLong(offset);
}

/* ---- through copies ---- */

/* The table of offsets that this version has for debuggers. */
static inline int prof_py_layout_matches(void) {
    const _Py_DebugOffsets *o = &_PyRuntime.debug_offsets;
    return !memcmp(o->cookie, _Py_Debug_Cookie, sizeof o->cookie) && o->version >> 16 == PY_VERSION_HEX >> 16 &&
           o->thread_state.current_frame == offsetof(PyThreadState, current_frame) &&
           o->thread_state.native_thread_id == offsetof(PyThreadState, native_thread_id) &&
           o->interpreter_state.threads_head == offsetof(PyInterpreterState, threads.head) &&
           o->interpreter_frame.executable == offsetof(prof_py_frame, f_executable) &&
           o->interpreter_frame.instr_ptr == offsetof(prof_py_frame, instr_ptr) &&
           o->code_object.linetable == offsetof(PyCodeObject, co_linetable) &&
           o->code_object.co_code_adaptive == offsetof(PyCodeObject, co_code_adaptive);
}

typedef struct _gil_runtime_state prof_py_lock;

static inline const prof_py_lock *prof_py_gil(PyInterpreterState *interpreter) { return interpreter->ceval.gil; }

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

#define PROF_PY_CFRAME_BYTES 0 /* the state names the frame itself */
typedef struct {
    char none;
} prof_py_cframe;
static inline const void *prof_py_cframe_at(const prof_py_state *state) { return NULL; }
static inline const void *prof_py_remote_top(const prof_py_state *state, const prof_py_cframe *cframe) {
    return state->current_frame;
}

static inline const void *prof_py_remote_base(const prof_py_state *state) { return NULL; }

#define PROF_PY_FRAME_BYTES offsetof(prof_py_frame, localsplus)

static inline const void *prof_py_remote_code(const prof_py_frame *copy) {
    return prof_py_is_entry(copy) ? NULL : copy->f_executable;
}
static inline int prof_py_remote_generator(const prof_py_frame *copy) { return copy->owner == FRAME_OWNED_BY_GENERATOR; }
static inline int prof_py_remote_outermost(const prof_py_frame *copy) { return prof_py_is_entry(copy); }

/* ---- calls between two instructions ---- */

#define PROF_PY_QUEUE_LOCK_BYTES sizeof(PyMutex)
static inline int prof_py_queue_is_free(const void *copy) { return !((const PyMutex *)copy)->_bits; }

static inline void prof_py_queue_at(PyInterpreterState *interpreter, struct _pending_calls *p, prof_py_queue *q) {
    memset(q, 0, sizeof *q);
    q->lock = (uintptr_t)&p->mutex;
    q->calls = (uintptr_t)p->calls;
    q->call_bytes = sizeof *p->calls;
    q->room = PENDINGCALLSARRAYSIZE;
    q->first = (uintptr_t)&p->first;
    q->next = (uintptr_t)&p->next;
    q->count = (uintptr_t)&p->npending;
    q->counts = 1;
    q->first_state = (uintptr_t)&interpreter->threads.head;
    q->next_state = offsetof(PyThreadState, next);
    q->breaker_of_state = offsetof(PyThreadState, eval_breaker);
    q->breaker_bit = 1u << 2; /* _PY_CALLS_TO_DO_BIT, of a header that only the interpreter's build can include */
}
static inline void prof_py_queue_of(PyInterpreterState *interpreter, prof_py_queue *q) {
    prof_py_queue_at(interpreter, &interpreter->ceval.pending, q);
}
static inline void prof_py_queue_of_api(prof_py_queue *q) {
    prof_py_queue_at(PyInterpreterState_Main(), &_PyRuntime.ceval.pending_mainthread, q);
}
