/* Ends that no atexit callback hears of. A worker leaves by os._exit(), a launcher by os.execv(), a server that was told to stop
 * closes its connections and then sends the signal to itself once more. Without this their captures would read as if somebody had
 * killed them.
 *
 * The functions of `posix` and `signal` are watched where CPython calls them, in their method tables: the program finds the objects it
 * always did, in whatever name it keeps them. What they do is not changed. */
#include "ending.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "python/control.h"
#include "python/version/version.h"

static PyObject *stop; /* Owned: ends the recording as at the program's end, with all its files */

/* ---- what is done ----------------------------------------------------------------------------------------------------- */

static void end_capture(void) {
    if (prof_recording()) prof_py_close();
}

static void end_recording(void) {
    PyObject *error = PyErr_GetRaisedException();
    PyObject *result = stop && prof_recording() ? PyObject_CallNoArgs(stop) : NULL;
    if (!result) PyErr_Clear(); /* it has said why */
    Py_XDECREF(result);
    PyErr_SetRaisedException(error);
}

/* Whether sending this process the signal now ends it. */
static int is_fatal(int number) {
    struct sigaction action;
    sigset_t blocked;
    if (number <= 0 || number >= NSIG || number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH ||
        number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
        return 0;
    if (number == SIGKILL) return 1;
    if (sigaction(number, NULL, &action) || action.sa_flags & SA_SIGINFO || action.sa_handler != SIG_DFL) return 0;
    return !pthread_sigmask(SIG_SETMASK, NULL, &blocked) && !sigismember(&blocked, number);
}

/* ---- the functions ------------------------------------------------------------------------------------------------------ */

typedef PyObject *(*fast)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*fast_with_names)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

typedef struct {
    const char *module, *name;
    int flags; /* how it takes its arguments; of another kind it is left alone */
    PyCFunction instead, original;
    PyMethodDef *method; /* Borrowed from the interpreter; NULL while it is not watched */
} function;
enum { EXIT, EXECV, EXECVE, RAISE, KILL, WATCHED };
static function watched[WATCHED];

static PyObject *exit_now(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    end_capture();
    return ((fast_with_names)(void (*)(void))watched[EXIT].original)(self, args, n, names);
}

static PyObject *execv_now(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    prof_replaced(1);
    PyObject *result = ((fast)(void (*)(void))watched[EXECV].original)(self, args, n);
    prof_replaced(0); /* there is no such program */
    return result;
}

static PyObject *execve_now(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
    prof_replaced(1);
    PyObject *result = ((fast_with_names)(void (*)(void))watched[EXECVE].original)(self, args, n, names);
    prof_replaced(0);
    return result;
}

static int number_in(PyObject *o) {
    int number = PyLong_Check(o) ? (int)PyLong_AsLong(o) : 0;
    PyErr_Clear();
    return number;
}

static PyObject *raise_now(PyObject *self, PyObject *number) {
    if (is_fatal(number_in(number))) end_recording();
    return watched[RAISE].original(self, number);
}

static PyObject *kill_now(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (n == 2 && number_in(args[0]) == (int)getpid() && is_fatal(number_in(args[1]))) end_recording();
    return ((fast)(void (*)(void))watched[KILL].original)(self, args, n);
}

#define FUNCTION(f) (PyCFunction)(void (*)(void))(f)
static function watched[WATCHED] = {
    [EXIT] = {"posix", "_exit", METH_FASTCALL | METH_KEYWORDS, FUNCTION(exit_now)},
    [EXECV] = {"posix", "execv", METH_FASTCALL, FUNCTION(execv_now)},
    [EXECVE] = {"posix", "execve", METH_FASTCALL | METH_KEYWORDS, FUNCTION(execve_now)},
    [RAISE] = {"_signal", "raise_signal", METH_O, raise_now},
    [KILL] = {"posix", "kill", METH_FASTCALL, FUNCTION(kill_now)},
};

static PyMethodDef *method_of(const char *module, const char *name, int flags) {
    PyObject *found = PyDict_GetItemString(PyImport_GetModuleDict(), module); /* Borrowed */
    PyObject *function = found && PyModule_Check(found) ? PyDict_GetItemString(PyModule_GetDict(found), name) : NULL;
    if (!function || !PyCFunction_CheckExact(function)) return NULL;
    PyMethodDef *method = ((PyCFunctionObject *)function)->m_ml;
    return method->ml_flags == flags && !strcmp(method->ml_name, name) ? method : NULL;
}

static void watch(int on) {
    for (int i = 0; i < WATCHED; i++) {
        if (on && !watched[i].method) {
            watched[i].method = method_of(watched[i].module, watched[i].name, watched[i].flags);
            if (!watched[i].method) continue;
            watched[i].original = watched[i].method->ml_meth;
            watched[i].method->ml_meth = watched[i].instead;
        } else if (!on && watched[i].method && watched[i].method->ml_meth == watched[i].instead) {
            watched[i].method->ml_meth = watched[i].original;
            watched[i].method = NULL;
        }
    }
}

static PyObject *stop_with(PyObject *self, PyObject *callable) {
    static int at_exit;
    if (!at_exit) at_exit = !atexit(prof_close); /* an embedding program may leave the interpreter as it is */
    Py_XSETREF(stop, callable == Py_None ? NULL : Py_NewRef(callable));
    watch(stop != NULL);
    Py_RETURN_NONE;
}

PyMethodDef prof_ending_methods[] = {
    {"stop_with", stop_with, METH_O,
     "stop_with(callable: Callable[[], object] | None, /) -> None: is called before this process ends itself by a signal; ends by\n"
     "os._exit() and os.exec*() are noted in the capture. None: they are not."},
    {NULL}};
