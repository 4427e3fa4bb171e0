/* Everything this project knows of CPython's internals and of its versions: the one place with version checks.
 * Validated on CPython 3.11, 3.12 and 3.13; on others PROF_PY_VALIDATED is 0, no frame is ever read and no code rewritten.
 * All functions need the GIL. */
#ifndef PROF_PYTHON_FRAME_H
#define PROF_PYTHON_FRAME_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(Py_GIL_DISABLED) || defined(PROF_PY_UNKNOWN) /* the latter: a test that the rest stands without */
#define PROF_PY_VALIDATED 0 /* probes rely on the GIL */
#else
#define PROF_PY_VALIDATED (PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030E0000)
#endif

/* sys.monitoring came with 3.12. */
#define PROF_PY_MONITORING (PY_VERSION_HEX >= 0x030C0000 && !defined(Py_GIL_DISABLED))

/* 3.11: generator.throw() reads the instruction before YIELD_VALUE and expects SEND there. */
#define PROF_PY_SEND_BEFORE_YIELD (PY_VERSION_HEX < 0x030C0000)

/* Units that FOR_ITER jumps over at its target when the iterator is exhausted: END_FOR, and POP_TOP from 3.13 on. */
#define PROF_PY_END_FOR (PY_VERSION_HEX >= 0x030D0000 ? 2 : PY_VERSION_HEX >= 0x030C0000 ? 1 : 0)

/* A signal that JUMP_BACKWARD looks at arises once it has jumped: the handler is that of the unit before its target. */
#define PROF_PY_JUMP_RAISES_AT_TARGET (PY_VERSION_HEX < 0x030D0000)

/* 3.13: a generator that is closed or dropped while it is suspended outside of any `try` is not entered for it. */
#define PROF_PY_CLOSES_UNENTERED (PROF_PY_VALIDATED && PY_VERSION_HEX >= 0x030D0000)

/* A handler's stack depth may be larger than the stack is: then all is kept. Debug builds assert that it is not. */
#ifdef Py_DEBUG
#define PROF_PY_DEEP_HANDLERS 0
#else
#define PROF_PY_DEEP_HANDLERS 1
#endif

#if PY_VERSION_HEX < 0x030C0000
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
#endif

/* Whether the calling thread holds the main interpreter's GIL. Any thread. */
static inline int prof_py_holds_gil(void) {
#if PY_VERSION_HEX >= 0x030D0000
    PyThreadState *state = PyThreadState_GetUnchecked();
#else
    PyThreadState *state = _PyThreadState_UncheckedGet();
#endif
#if PY_VERSION_HEX < 0x030C0000
    if (state != PyGILState_GetThisThreadState()) return 0; /* the holder's, whoever that is */
#endif
    return state && state->interp == PyInterpreterState_Main();
}

/* The dictionary of a type of the interpreter's own, to be written to: the main interpreter's. New reference. */
static inline PyObject *prof_py_type_dict(PyTypeObject *type) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyType_GetDict(type);
#else
    return Py_NewRef(type->tp_dict);
#endif
}

/* Gives the function another code object. Callers specialise their calls by the function's version, which the assignment
 * takes away, and 3.13 never gives another: it is the code's, as it was when the function was made, unless somebody has
 * changed the function since. 0, or -1 with an exception set. */
static inline int prof_py_set_code(PyObject *function, PyObject *code) {
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030E0000
    PyFunctionObject *f = (PyFunctionObject *)function;
    uint32_t before = f->func_version;
    int failed = PyObject_SetAttrString(function, "__code__", code);
    if (!failed && before) f->func_version = ((PyCodeObject *)code)->co_version;
    return failed;
#else
    return PyObject_SetAttrString(function, "__code__", code);
#endif
}

#if PROF_PY_VALIDATED

#ifndef Py_BUILD_CORE
#define PROF_PY_BORROWED_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#undef HAVE_STD_ATOMIC /* the internal headers' own atomics are for the interpreter's build */
#include "internal/pycore_frame.h"
#include "opcode.h"
#ifdef PROF_PY_BORROWED_BUILD_CORE
#undef Py_BUILD_CORE
#endif

typedef struct _PyInterpreterFrame prof_py_frame;

typedef PyThreadState prof_py_state;

/* The thread state that holds the GIL: with it, the calling thread's. */
static inline prof_py_state *prof_py_state_now(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

static inline prof_py_frame *prof_py_frame_of(const prof_py_state *state) {
#if PY_VERSION_HEX >= 0x030D0000
    return state->current_frame;
#else
    return state->cframe->current_frame;
#endif
}

/* The interpreter frame that runs now. A generator's stays at one address for its whole life. */
static inline prof_py_frame *prof_py_current(void) { return prof_py_frame_of(prof_py_state_now()); }

/* Its code object (Borrowed); NULL for the interpreter's own entry frames. */
static inline PyCodeObject *prof_py_code(const prof_py_frame *frame) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyCode_Check(frame->f_executable) ? (PyCodeObject *)frame->f_executable : NULL;
#else
    return PyCode_Check((PyObject *)frame->f_code) ? frame->f_code : NULL;
#endif
}

/* Address of the instruction that runs. */
static inline const void *prof_py_instruction(const prof_py_frame *frame) {
#if PY_VERSION_HEX >= 0x030D0000
    return frame->instr_ptr;
#else
    return frame->prev_instr;
#endif
}

/* Byte offset from which on an exception came out of a body that monitoring has seen to start: its RESUME, or from 3.13 on,
 * where signals are looked at before PY_START is told, what stands behind that. */
static inline long prof_py_body(const PyCodeObject *code) {
    return ((long)code->_co_firsttraceable + (PY_VERSION_HEX >= 0x030D0000)) * (long)sizeof(_Py_CODEUNIT);
}

/* The frame of a generator, coroutine or asynchronous generator, and whether it will not run again. */
static inline prof_py_frame *prof_py_generator_frame(PyObject *generator) {
    return (prof_py_frame *)(void *)((PyGenObject *)generator)->gi_iframe;
}
static inline int prof_py_generator_ended(PyObject *generator) {
    return ((PyGenObject *)generator)->gi_frame_state >= FRAME_COMPLETED;
}

/* The instructions of a code object, as they run; may be changed under the GIL. */
static inline uint8_t *prof_py_bytecode(PyCodeObject *code) { return (uint8_t *)_PyCode_CODE(code); }

/* The code unit that runs in it; of a caller, the last one of its call. */
static inline uint32_t prof_py_unit(const prof_py_frame *frame) {
    const char *code = (const char *)_PyCode_CODE(prof_py_code(frame));
    return (uint32_t)(((const char *)prof_py_instruction(frame) - code) / (long)sizeof(_Py_CODEUNIT));
}

/* The Python frame that called it, skipping the interpreter's own; NULL at the bottom. */
static inline prof_py_frame *prof_py_caller(const prof_py_frame *frame) {
    prof_py_frame *f = frame->previous;
    while (f && !prof_py_code(f)) f = f->previous;
#if PY_VERSION_HEX >= 0x030C0000
    while (f && f->owner == FRAME_OWNED_BY_CSTACK) f = f->previous;
#endif
    return f;
}

/* 3.11 runs some pairs of instructions as one, which has the offset of the first also where the second finds its variable
 * unbound. Whether it was the second that raised there: nobody else of the pair can, or the first has its variable. */
static inline int prof_py_second_raised(const prof_py_frame *frame, uint8_t first, uint32_t arg, uint8_t second) {
#if PY_VERSION_HEX < 0x030C0000
    if (second != LOAD_FAST) return 0;
    return first == STORE_FAST || first == LOAD_CONST || (first == LOAD_FAST && frame->localsplus[arg]);
#else
    return 0;
#endif
}

/* Bytes that lie before an object of the type in its block: the collector's head, the managed dict and weak references. */
static inline size_t prof_py_head(PyTypeObject *type) {
    unsigned long before = Py_TPFLAGS_MANAGED_DICT;
#if PY_VERSION_HEX >= 0x030C0000
    before |= Py_TPFLAGS_MANAGED_WEAKREF;
#endif
    return (PyType_IS_GC(type) ? 2 * sizeof(void *) : 0) + (type->tp_flags & before ? 2 * sizeof(void *) : 0);
}

/* Whether it has not begun, or is the interpreter's own: what it allocates is its caller's. */
static inline int prof_py_incomplete(prof_py_frame *frame) {
#if PY_VERSION_HEX >= 0x030C0000
    if (frame->owner == FRAME_OWNED_BY_CSTACK) return 1;
#endif
    return !prof_py_code(frame) || _PyFrame_IsIncomplete(frame);
}

/* The line that runs in it, 1-based; 0 unknown. */
static inline int prof_py_line(const prof_py_frame *frame) {
    PyCodeObject *code = prof_py_code(frame);
    if (!code) return 0;
    Py_ssize_t offset = (const char *)prof_py_instruction(frame) - (const char *)_PyCode_CODE(code);
    int line = PyCode_Addr2Line(code, (int)offset);
    return line > 0 ? line : 0;
}

#else /* not validated: the public interface, which makes a frame object for each frame it is asked for */

typedef PyFrameObject prof_py_frame;

static inline prof_py_frame *prof_py_current(void) { return PyEval_GetFrame(); }

static inline long prof_py_body(const PyCodeObject *code) { return 0; }

static inline PyCodeObject *prof_py_code(prof_py_frame *frame) {
    PyCodeObject *code = PyFrame_GetCode(frame);
    Py_DECREF(code); /* the frame holds it */
    return code;
}

static inline const void *prof_py_instruction(prof_py_frame *frame) {
    return (const void *)(intptr_t)PyFrame_GetLasti(frame);
}

static inline prof_py_frame *prof_py_caller(prof_py_frame *frame) {
    PyFrameObject *back = PyFrame_GetBack(frame);
    Py_XDECREF(back); /* the callee holds it */
    return back;
}

static inline int prof_py_line(prof_py_frame *frame) { return PyFrame_GetLineNumber(frame); }

/* What asks for these only does it in rewritten code. */
static inline int prof_py_second_raised(const prof_py_frame *f, uint8_t first, uint32_t arg, uint8_t second) { return 0; }
static inline int prof_py_incomplete(const prof_py_frame *frame) { return 0; }
static inline uint32_t prof_py_unit(const prof_py_frame *frame) { return 0; }
static inline prof_py_frame *prof_py_generator_frame(PyObject *generator) { return NULL; }
static inline int prof_py_generator_ended(PyObject *generator) { return 0; }
static inline uint8_t *prof_py_bytecode(PyCodeObject *code) { return NULL; }
static inline PyThreadState *prof_py_state_now(void) { return PyThreadState_Get(); }
static inline prof_py_frame *prof_py_frame_of(const PyThreadState *state) { return NULL; }

#endif
#endif
