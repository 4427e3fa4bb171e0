#include "python/version/version.h"
#include "layout.h"

#include "modes/samples/remote.h"

#if PROF_PY_VALIDATED
#define FRAMES_BETWEEN 8 /* the interpreter's own, and one that has not begun, may lie between a frame and its caller */

/* The innermost frame, by a copy of the state. */
static const void *top_of(const prof_py_state *state) {
    prof_py_cframe cframe = {0};
    const void *at = PROF_PY_CFRAME_BYTES ? prof_py_cframe_at(state) : NULL;
    if (PROF_PY_CFRAME_BYTES && !prof_remote_get(&cframe, at, PROF_PY_CFRAME_BYTES)) return NULL;
    return prof_py_remote_top(state, &cframe);
}

/* Copies the next frame, from `at` outwards, that runs `code`. 1 if it is there. */
static int copy_frame(prof_py_frame *copy, const void *at, const PyCodeObject *code) {
    for (int n = 0; at && n < FRAMES_BETWEEN; n++, at = prof_py_previous(copy)) {
        if (!prof_remote_get(copy, at, PROF_PY_FRAME_BYTES)) return 0;
        if (prof_py_remote_code(copy) == code) return 1;
    }
    return 0;
}

static int same_frame(prof_py_frame *copy, const void *at, PyFrameObject *frame) {
    PyCodeObject *code = PyFrame_GetCode(frame);
    int same = copy_frame(copy, at, code) &&
               (const char *)prof_py_instruction(copy) - (const char *)prof_py_bytecode(code) == PyFrame_GetLasti(frame);
    Py_DECREF(code);
    return same;
}

int prof_layout_agrees(void) {
    prof_py_state *state = PyThreadState_Get();
    PyFrameObject *frame = PyEval_GetFrame();
    if (!prof_py_layout_matches()) return 0;
    if (!frame || prof_remote_allowed()) return 1;
    if (prof_py_interpreter(state) != PyThreadState_GetInterpreter(state) || prof_py_state_id(state) != PyThreadState_GetID(state))
        return 0;
    PyFrameObject *caller = PyFrame_GetBack(frame);
    prof_py_frame copy;
    memset(&copy, 0, sizeof copy);
    int same = same_frame(&copy, top_of(state), frame) && (!caller || same_frame(&copy, prof_py_previous(&copy), caller));
    Py_XDECREF(caller);
    return same;
}
#else
int prof_layout_agrees(void) { return 1; }
#endif
