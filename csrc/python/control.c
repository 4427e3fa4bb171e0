#include "python/version/version.h"
#include "control.h"
#include "python/spans/generators.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/copy.h"
#include "python/spans/awaits.h"
#include "python/spans/tasks.h"
#include "python/spans/child.h"
#include "python/ops/count.h"
#include "python/spans/ending.h"
#include "python/spans/flight.h"
#include "python/spans/greenlets.h"
#include "python/bytecode/opcodes.h"
#include "python/spans/probes.h"
#include "python/samples/layout.h"
#include "modes/memory/memory.h"
#include "modes/samples/sampler.h"
#include "recorder/host.h"

void prof_ambient_init(void);

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "prof._probes", "Probes, sections and callbacks of the C core.", -1,
                                        NULL};

static int fill(PyObject *module) {
    PyMethodDef *const tables[] = {prof_attach_methods,  prof_loading_methods, prof_count_methods, prof_section_methods,
                                   prof_ambient_methods, prof_monitor_methods, prof_live_methods,  prof_child_methods,
                                   prof_ending_methods,  prof_guard_methods,   prof_task_methods,  prof_greenlet_methods,
                                   prof_flight_methods};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (PyModule_AddFunctions(module, tables[i])) return -1;
    return PyModule_AddObjectRef(module, "Section", (PyObject *)&prof_section_type);
}

int prof_py_init(char *why, size_t why_size) {
    PyGILState_STATE gil = PyGILState_Ensure();
    static PyObject *module; /* Owned: the one of this process, which a program may have thrown out of sys.modules */
    int failed = 0;
    if (!module) {
        failed = prof_probes_init() || prof_attach_init() || prof_count_init() || prof_sections_init() || prof_guards_init() ||
                 !(module = PyModule_Create(&definition)) || fill(module) || prof_awaits_init() || prof_tasks_init(module);
        prof_monitoring_init();
        prof_ambient_init();
        prof_child_init();
        prof_generators_init();
        prof_flight_init();
        prof_recorder_locked = prof_py_holds_gil;
        if (!failed) prof_recorder_publish();
        prof_py_stand_by(); /* a process that is recorded can be asked, too */
    }
    failed = failed || PyDict_SetItemString(PyImport_GetModuleDict(), definition.m_name, module);
    if (failed) {
        PyObject *error = PyErr_GetRaisedException();
        PyObject *text = error ? PyObject_Str(error) : NULL;
        snprintf(why, why_size, "%s", text && PyUnicode_AsUTF8(text) ? PyUnicode_AsUTF8(text) : "unknown");
        Py_XDECREF(text);
        Py_XDECREF(error);
        PyErr_Clear();
    }
    PyGILState_Release(gil);
    return failed ? -1 : 0;
}

int prof_py_open(const char *path, const prof_config *config, char *why, size_t why_size) {
    PyGILState_STATE gil = PyGILState_Ensure();
    int error = prof_open(path, config, why, why_size);
    PyGILState_Release(gil);
    return error;
}

void prof_py_count_live(void) {
    PyGILState_STATE gil = PyGILState_Ensure();
    prof_count_live();
    PyGILState_Release(gil);
}

unsigned char *prof_py_copy(uint64_t *size) {
    PyGILState_STATE gil = PyGILState_Ensure();
    unsigned char *copy = NULL;
    if (prof_recording()) {
        prof_count_live();
        prof_heartbeat();
        prof_sampler_pause();
        *size = __atomic_load_n(&prof_arena_header()->end, __ATOMIC_ACQUIRE);
        copy = malloc(*size);
        if (copy) memcpy(copy, prof_arena_base, *size);
        prof_sampler_resume();
    }
    PyGILState_Release(gil);
    return copy;
}

int prof_py_dump(const char *path, uint32_t mode, const char *meta, size_t length, char *why, size_t why_size) {
    uint64_t size;
    unsigned char *copy = prof_py_copy(&size);
    int error = copy ? prof_copy_write(path, mode, copy, size, meta, length) : prof_recording() ? ENOMEM : EINVAL;
    free(copy);
    if (error) snprintf(why, why_size, "cannot write %s: %s", path, strerror(error));
    return error;
}

void prof_py_close(void) {
    PyGILState_STATE gil = PyGILState_Ensure();
    prof_count_live();
    prof_greenlets_end();
    prof_close();
    prof_awaits_reset();
    prof_tasks_reset();
    PyGILState_Release(gil);
}

int prof_py_memory_type(const char *name, uint64_t count, uint64_t bytes) { return prof_memory_type(name, count, bytes); }

int prof_py_layout_agrees(void) {
    PyGILState_STATE gil = PyGILState_Ensure();
    int agrees = prof_layout_agrees();
    PyGILState_Release(gil);
    return agrees;
}

int prof_py_validated(void) { return PROF_PY_VALIDATED && prof_opcodes_known() && prof_py_layout_agrees(); }
