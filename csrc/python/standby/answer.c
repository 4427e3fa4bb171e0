/* In the process that is asked. */
#define PY_SSIZE_T_CLEAN
#include "standby.h"

#include <stdio.h>
#include <unistd.h>

#include "core/threads.h"
#include "modes/samples/remote.h"
#include "python/control.h"

#if PROF_PY_VALIDATED

#define LONGEST_TEXT 65536

static int answer(void *unused);

/* Not zero from the beginning, so that it lies in the library's own part of the memory, where it is looked for. */
prof_standby prof_standing = {
    .cookie = {'p', 'r', 'o', 'f', 0xe2, 0x9c, 0x8b, 's', 't', 'a', 'n', 'd', 'b', 'y', 0x9d, 0x01},
    .bytes = sizeof(prof_standby),
    .python = PROF_PY_RELEASE,
    .thread_bytes = sizeof(prof_thread),
    .frame_bytes = sizeof(prof_frame),
};

/* ---- is the queue where we think it is? -------------------------------------------------------------------------------------- */

static int word_at(uint64_t address, int *word) { return prof_remote_get(word, (const void *)(uintptr_t)address, sizeof *word); }

/* Whether the queue's lock can be read, and is free, as it is while its owner is in here. */
static int lock_is_there(const prof_py_queue *q) {
    unsigned char copy[PROF_PY_QUEUE_LOCK_BYTES];
    uint64_t at = q->lock;
    if (q->lock_is_there && !prof_remote_get(&at, (const void *)(uintptr_t)q->lock, sizeof at)) return 0;
    return prof_remote_get(copy, (const void *)(uintptr_t)at, sizeof copy) && prof_py_queue_is_free(copy);
}

/* Whether a call lies in the queue, as its latest one. */
static int has_latest(const prof_py_queue *q, int (*function)(void *), void *argument) {
    int first, next, count;
    void *call[2];
    if (!word_at(q->first, &first) || !word_at(q->next, &next) || !word_at(q->count, &count) || !count) return 0;
    if (first < 0 || next < 0 || (uint32_t)first >= q->room || (uint32_t)next >= q->room) return 0;
    uint64_t latest = q->calls + ((uint32_t)next + q->room - 1) % q->room * q->call_bytes;
    if (!prof_remote_get(call, (const void *)(uintptr_t)latest, sizeof call)) return 0;
    return call[0] == (void *)function && call[1] == argument;
}

static int is_empty(const prof_py_queue *q) {
    int first, next;
    return word_at(q->first, &first) && word_at(q->next, &next) && first == next && first >= 0 && (uint32_t)first < q->room;
}

static int nothing(void *unused) { return 0; }

/* A patch release may have moved a field. So a call is added by the public function, and looked for where we would have put it; the
 * interpreter makes it, which does nothing, a moment later. */
static int queue_is_known(const prof_py_queue *q) {
    prof_py_queue public;
    prof_py_queue_of_api(&public);
    if (prof_remote_allowed() || !prof_py_layout_matches() || !lock_is_there(q) || !is_empty(q) || !lock_is_there(&public))
        return 0;
    if (Py_AddPendingCall(nothing, &prof_standing)) return 0;
    int breaks = 1;
    if (q->breaker && !word_at(q->breaker, &breaks)) return 0;
    return breaks == 1 && has_latest(&public, nothing, &prof_standing);
}

int prof_py_stand_by(void) {
    PyGILState_STATE gil = PyGILState_Ensure();
    prof_standby *s = &prof_standing;
    PyInterpreterState *interpreter = PyInterpreterState_Main();
    if (!s->ready) {
        s->answer = (uintptr_t)answer;
        s->gil = (uintptr_t)prof_py_gil(interpreter);
        s->code_type = (uintptr_t)&PyCode_Type;
        s->str_type = (uintptr_t)&PyUnicode_Type;
        s->arena = (uintptr_t)&prof_arena_base;
        s->threads = (uintptr_t)prof_threads_list();
        prof_py_queue_of(interpreter, &s->queue);
        s->ready = queue_is_known(&s->queue);
    }
    int ready = s->ready;
    PyGILState_Release(gil);
    return ready ? 0 : -1;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------------------- */

static int run(const char *text) {
    PyObject *names = PyDict_New();
    PyObject *result = NULL;
    if (names && !PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()))
        result = PyRun_String(text, Py_file_input, names, names);
    Py_XDECREF(names);
    Py_XDECREF(result);
    if (result) return 0;
    /* Ctrl-C is the program's, whoever runs when it comes. */
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyErr_Clear();
    return 0;
}

/* What the interpreter calls between two instructions. Whoever has gone away has taken the file away. */
static int answer(void *unused) {
    char path[PROF_STANDBY_PATH];
    prof_standing.queued = 0;
    memcpy(path, prof_standing.path, sizeof path);
    path[sizeof path - 1] = prof_standing.path[0] = 0;
    FILE *file = path[0] && prof_standing.pid == getpid() ? fopen(path, "rbe") : NULL;
    if (!file) return 0;
    char *text = PyMem_RawMalloc(LONGEST_TEXT);
    size_t length = text ? fread(text, 1, LONGEST_TEXT - 1, file) : 0;
    fclose(file);
    int failed = 0;
    if (length) {
        text[length] = 0;
        failed = run(text);
    }
    PyMem_RawFree(text);
    return failed;
}

#else
int prof_py_stand_by(void) { return -1; }
#endif
