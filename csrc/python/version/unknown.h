/* A CPython that nobody has looked into, or one without the lock that probes rely on: the public interface alone, which makes a
 * frame object for each frame that it is asked for. No frame of the interpreter's is read and no code rewritten here. */
#define PROF_PY_VALIDATED 0

/* ---- quirks: of the newest version that is known, as far as the public interface shows them ---- */

#define PROF_QUIRK_MONITORING 1
#define PROF_QUIRK_END_FOR_UNITS 2
#define PROF_QUIRK_SEND_BEFORE_YIELD 0
#define PROF_QUIRK_JUMP_RAISES_AT_TARGET 0
#define PROF_QUIRK_PAIR_RAISES_AT_FIRST 0
#define PROF_QUIRK_CLOSES_UNENTERED 0 /* what is closed is not asked for */
#define PROF_QUIRK_START_IS_TOLD_LATE 1
#define PROF_QUIRK_CURRENT_STATE_IS_OF_THE_THREAD 1
#define PROF_QUIRK_EACH_JUMP_BACK_IS_A_LINE 0
#define PROF_QUIRK_OFFSET_IS_TAGGED 1
#define PROF_QUIRK_SEND_HAS_INDEX 0
#define PROF_QUIRK_RESUME_PLACE_MASK 7
#ifdef Py_GIL_DISABLED
#define PROF_QUIRK_RUNS_WITHOUT_LOCK 1
#else
#define PROF_QUIRK_RUNS_WITHOUT_LOCK 0
#endif

/* As the newest version has it: below are the bits of `lazy`. */
#define PROF_PY_OWN_OPCODES(OPCODE) OPCODE(IMPORT_NAME, OTHER, PLAIN, IMPORT, NONE, NAME, 2, READ, NONE, 0)

/* ---- thread states ---- */

typedef PyThreadState prof_py_state;

static inline prof_py_state *prof_py_state_now(void) { return PyThreadState_Get(); }

static inline int prof_py_holds_gil(void) {
    PyThreadState *state = PyThreadState_GetUnchecked();
    return state && state->interp == PyInterpreterState_Main();
}

static inline PyInterpreterState *prof_py_interpreter(const prof_py_state *state) { return state->interp; }
static inline uint64_t prof_py_native_thread(const prof_py_state *state) { return state->native_thread_id; }

/* ---- types and functions ---- */

static inline PyObject *prof_py_type_dict(PyTypeObject *type) { return PyType_GetDict(type); }

static inline int prof_py_set_code(PyObject *function, PyObject *code) {
    return PyObject_SetAttrString(function, "__code__", code);
}

/* ---- code objects: what asks for these only does so in rewritten code ---- */

#define PROF_PY_UNIT_BYTES 2L
static inline uint8_t *prof_py_bytecode(const PyCodeObject *code) { return NULL; }
static inline int prof_py_first_traceable(const PyCodeObject *code) { return 0; }

/* ---- frames ---- */

typedef PyFrameObject prof_py_frame;

static inline prof_py_frame *prof_py_frame_of(const prof_py_state *state) { return NULL; }

static inline prof_py_frame *prof_py_previous(const prof_py_frame *frame) {
    PyFrameObject *back = PyFrame_GetBack((PyFrameObject *)frame);
    Py_XDECREF(back); /* the callee holds it */
    return back;
}

static inline PyCodeObject *prof_py_code(const prof_py_frame *frame) {
    PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)frame);
    Py_DECREF(code); /* the frame holds it */
    return code;
}

static inline const void *prof_py_instruction(const prof_py_frame *frame) {
    return (const void *)(intptr_t)PyFrame_GetLasti((PyFrameObject *)frame);
}

static inline int prof_py_is_entry(const prof_py_frame *frame) { return 0; }
static inline int prof_py_incomplete(const prof_py_frame *frame) { return 0; }
static inline prof_py_frame *prof_py_generator_frame(PyObject *generator) { return NULL; }
static inline int prof_py_generator_ended(PyObject *generator) { return 0; }
static inline int prof_py_second_raised(const prof_py_frame *f, uint8_t first, uint32_t arg, uint8_t second) { return 0; }
static inline uint32_t prof_py_raised_at(const prof_py_frame *frame, PyObject *offset) { return 0; }
