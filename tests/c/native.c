/* An extension module that says what it does: `work(count, callback)` calls back `count` times, and the others do one thing each. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <prof.h>
#include <pthread.h>

static prof_site outer = PROF_SITE("native.outer"), inner = PROF_SITE("native.inner"), part = PROF_SECTION_SITE("native.part");
static prof_site pool_site = PROF_SITE("native.pool");
static char pool[1 << 16];

static PyObject *work(PyObject *self, PyObject *args) {
    int count;
    PyObject *callback;
    if (!PyArg_ParseTuple(args, "iO", &count, &callback)) return NULL;
    prof_enter(&outer);
    for (int i = 0; i < count; i++) {
        prof_enter(&inner);
        PyObject *result = PyObject_CallNoArgs(callback);
        prof_exit(&inner);
        prof_record("round", i);
        if (!result) {
            prof_exit(&outer);
            return NULL;
        }
        Py_DECREF(result);
    }
    prof_exit(&outer);
    Py_RETURN_NONE;
}

/* Allocates and frees `count` blocks of 48 bytes, all but the last ten, with the lock or without. */
static PyObject *allocate(PyObject *self, PyObject *args) {
    int count, release, result = PROF_OK;
    if (!PyArg_ParseTuple(args, "ip", &count, &release)) return NULL;
    PyThreadState *state = release ? PyEval_SaveThread() : NULL;
    for (int i = 0; i < count; i++) result |= prof_allocated(&pool_site, pool + 64 * i, 48);
    for (int i = 0; i < count - 10; i++) result |= prof_freed(pool + 64 * i);
    if (state) PyEval_RestoreThread(state);
    return PyLong_FromLong(result);
}

static PyObject *sample(PyObject *self, PyObject *ignored) {
    prof_site *stack[] = {&outer, &inner};
    return PyLong_FromLong(prof_sample(stack, 2, 1000000, 1000000));
}

static void *run(void *nothing) {
    (void)nothing;
    prof_set_thread_name("worker in C");
    for (int i = 0; i < 1000; i++) {
        prof_enter(&outer);
        prof_enter(&part);
        prof_exit(&part);
        prof_exit(&outer);
    }
    return NULL;
}

/* A thread that Python does not know. */
static PyObject *thread(PyObject *self, PyObject *ignored) {
    pthread_t running;
    Py_BEGIN_ALLOW_THREADS;
    if (!pthread_create(&running, NULL, run, NULL)) pthread_join(running, NULL);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

/* A span that is left open, and one that was never begun. */
static PyObject *careless(PyObject *self, PyObject *ignored) {
    int result = prof_exit(&inner);
    prof_enter(&outer);
    return PyLong_FromLong(result);
}

/* start() and stop(): a profiler of the extension's own, in the file of that name. */
static prof_profiler own;

static PyObject *start(PyObject *self, PyObject *args) {
    prof_options options = PROF_OPTIONS;
    if (!PyArg_ParseTuple(args, "s", &options.path)) return NULL;
    own = prof_profiler_create(&options);
    int result = prof_profiler_start(own);
    return Py_BuildValue("ii", result, prof_profiler_joined(own));
}

static PyObject *stop(PyObject *self, PyObject *ignored) { return PyLong_FromLong(prof_profiler_destroy(own)); }

static PyObject *running(PyObject *self, PyObject *ignored) { return PyBool_FromLong(prof_running()); }

static PyMethodDef methods[] = {
    {"work", work, METH_VARARGS, NULL},    {"allocate", allocate, METH_VARARGS, NULL}, {"sample", sample, METH_NOARGS, NULL},
    {"thread", thread, METH_NOARGS, NULL}, {"careless", careless, METH_NOARGS, NULL},  {"start", start, METH_VARARGS, NULL},
    {"stop", stop, METH_NOARGS, NULL},     {"running", running, METH_NOARGS, NULL},    {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&definition); }
