/* The second half of frame.h: what is known of CPython's structures to follow them through copies, by the sampler's thread,
 * which holds no lock of the interpreter's and must dereference nothing of it. */
#ifndef PROF_PYTHON_FRAME_REMOTE_H
#define PROF_PYTHON_FRAME_REMOTE_H
#include "frame.h"

#if PROF_PY_VALIDATED
#include <string.h>

#ifndef Py_BUILD_CORE
#define PROF_PY_BORROWED_BUILD_CORE_AGAIN
#define Py_BUILD_CORE 1
#endif
#undef _PyGC_FINALIZED /* 3.12: a macro of the public headers, a function of the internal ones */
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#ifdef PROF_PY_BORROWED_BUILD_CORE_AGAIN
#undef Py_BUILD_CORE
#endif

/* Whether the interpreter that runs has the layout that this was compiled for; 3.13 tells. */
static inline int prof_py_layout_matches(void) {
#if PY_VERSION_HEX >= 0x030D0000
    const _Py_DebugOffsets *o = &_PyRuntime.debug_offsets;
    return !memcmp(o->cookie, _Py_Debug_Cookie, sizeof o->cookie) && o->version >> 16 == PY_VERSION_HEX >> 16 &&
           o->thread_state.current_frame == offsetof(PyThreadState, current_frame) &&
           o->thread_state.native_thread_id == offsetof(PyThreadState, native_thread_id) &&
           o->interpreter_state.threads_head == offsetof(PyInterpreterState, threads.head) &&
           o->interpreter_frame.executable == offsetof(prof_py_frame, f_executable) &&
           o->interpreter_frame.instr_ptr == offsetof(prof_py_frame, instr_ptr) &&
           o->code_object.linetable == offsetof(PyCodeObject, co_linetable) &&
           o->code_object.co_code_adaptive == offsetof(PyCodeObject, co_code_adaptive);
#else
    return 1;
#endif
}

/* The interpreter's lock, in memory that is never freed; needs the GIL. */
static inline const struct _gil_runtime_state *prof_py_gil(PyInterpreterState *interp) {
#if PY_VERSION_HEX >= 0x030C0000
    return interp->ceval.gil;
#else
    return &_PyRuntime.ceval.gil;
#endif
}

/* The state that holds the lock; NULL when nobody does. */
static inline const void *prof_py_gil_holder(const struct _gil_runtime_state *gil) {
    const void *last;
    int locked;
    memcpy(&locked, (const void *)&gil->locked, sizeof locked);
    memcpy(&last, (const void *)&gil->last_holder, sizeof last);
    return locked > 0 ? last : NULL;
}

/* What is copied of a thread's state: all up to where its frames lie. */
#define PROF_PY_STATE_BYTES (offsetof(PyThreadState, datastack_limit) + sizeof(void *))

/* Until 3.12 the state names a structure on the C stack that names the frame; 0 bytes from then on. */
#if PY_VERSION_HEX >= 0x030D0000
#define PROF_PY_CFRAME_BYTES 0
typedef struct { char none; } prof_py_cframe;
static inline const void *prof_py_cframe_at(const PyThreadState *state) { return NULL; }
static inline const void *prof_py_remote_top(const PyThreadState *state, const prof_py_cframe *cframe) {
    return state->current_frame;
}
#else
typedef _PyCFrame prof_py_cframe;
#define PROF_PY_CFRAME_BYTES sizeof(prof_py_cframe)
static inline const void *prof_py_cframe_at(const PyThreadState *state) { return state->cframe; }
static inline const void *prof_py_remote_top(const PyThreadState *state, const prof_py_cframe *cframe) {
    return cframe->current_frame;
}
#endif

#define PROF_PY_FRAME_BYTES offsetof(prof_py_frame, localsplus)

/* Of a frame's copy: its code, NULL for the interpreter's own frames. */
static inline const void *prof_py_remote_code(const prof_py_frame *copy) {
#if PY_VERSION_HEX >= 0x030D0000
    return copy->owner == FRAME_OWNED_BY_CSTACK ? NULL : copy->f_executable;
#elif PY_VERSION_HEX >= 0x030C0000
    return copy->owner == FRAME_OWNED_BY_CSTACK ? NULL : copy->f_code;
#else
    return copy->f_code;
#endif
}

static inline int prof_py_remote_generator(const prof_py_frame *copy) { return copy->owner == FRAME_OWNED_BY_GENERATOR; }

/* Whether a frame may have no caller, other than a generator's that is suspended and, from 3.12 on, one that is made just now. */
static inline int prof_py_remote_outermost(const prof_py_frame *copy) {
#if PY_VERSION_HEX >= 0x030C0000
    return copy->owner == FRAME_OWNED_BY_CSTACK;
#else
    return copy->owner != FRAME_OWNED_BY_GENERATOR;
#endif
}

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
