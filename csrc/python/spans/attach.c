/* Which code gets which probes: functions, whole modules, and what they are made of, once for each code object. */
#include "python/version/version.h"

#include <string.h>

#include "core/stack.h"
#include "python/ops/count.h"
#include "python/bytecode/opcodes.h"
#include "python/introspection/view.h"
#include "probes.h"
#include "python/bytecode/rewrite.h"
#include "python/text.h"

static Py_ssize_t extra = -1; /* slot of code objects: the probed copy, or the site that monitoring drives */
static PyObject *main_name;   /* Owned: what module __main__ is called */

/* What a module is called: the program by its own name. Borrowed. */
static PyObject *shown_module(PyObject *module) {
    /* __mp_main__: the same module in a process that multiprocessing has spawned. */
    int is_main =
        PyUnicode_CompareWithASCIIString(module, "__main__") == 0 || PyUnicode_CompareWithASCIIString(module, "__mp_main__") == 0;
    return is_main && main_name ? main_name : module;
}

/* "module.Class.method" of a code object. New reference. */
static PyObject *full_name(PyObject *module, PyObject *qualname) {
    static PyObject *locals, *nothing; /* Owned: a program has very many functions */
    if (!locals) locals = PyUnicode_FromString("<locals>.");
    if (!nothing) nothing = PyUnicode_FromString("");
    PyObject *plain = locals && nothing ? PyUnicode_Replace(qualname, locals, nothing, -1) : NULL;
    PyObject *name = plain ? PyUnicode_FromFormat("%U.%U", shown_module(module), plain) : NULL;
    Py_XDECREF(plain);
    return name;
}

/* The site of a function's code. `name` NULL takes the qualified name. New reference, or NULL. */
static prof_site *site_of_code(PyTypeObject *type, PyCodeObject *code, PyObject *module, PyObject *name, uint32_t flags) {
    if (type == &prof_generator_type) flags |= PROF_LABEL_GENERATOR;
    uint32_t awaits = code->co_flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE) ? 1 : code->co_flags & CO_ASYNC_GENERATOR ? 2 : 0;
    if (awaits) flags |= PROF_LABEL_AWAITS;
    PyObject *full = name ? Py_NewRef(name) : full_name(module, code->co_qualname);
    prof_site *site = !full ? NULL
                            : prof_site_new(type, PROF_FUNCTION, full, shown_module(module), code->co_filename,
                                            prof_py_original_line(code->co_filename, code->co_firstlineno), flags);
    if (site) site->awaits = awaits;
    Py_XDECREF(full);
    return site;
}

static PyTypeObject *type_for(PyCodeObject *code) {
    return code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) ? &prof_generator_type : &prof_function_type;
}

/* Whether the code is of a `def`: not of a class, a lambda or a comprehension. */
static int is_def(PyCodeObject *code) { return code->co_flags & CO_OPTIMIZED && PyUnicode_READ_CHAR(code->co_name, 0) != '<'; }

/* Before the first code is probed: from then on others read plain code. 0, or -1 with an exception set. */
static int readers_ready(void) {
    static int ready; /* 1, or -1 */
    if (!ready) ready = prof_readers_install() || prof_shipped_install() || prof_events_install() ? -1 : 1;
    if (ready < 0 && !PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "code objects cannot be shown without their probes");
    return ready < 0 ? -1 : 0;
}

static PyObject *counting_consts(PyCodeObject *code, PyObject *consts, PyObject *module);

/* `code` with counters that count in the span of its caller, and these constants; `code` itself where it cannot be counted. */
static PyObject *add_counters(PyCodeObject *code, PyObject *consts, PyObject *name) {
    prof_counted *counted = prof_counted_new(code, name, NULL);
    if (!counted) return PyErr_Occurred() ? NULL : Py_NewRef((PyObject *)code);
    PyObject *result = NULL;
    prof_probe_set set = {.raise = prof_recorder_unhandled(counted), .plain = counted->plain = prof_plain_new(code, consts)};
    prof_counted_fill(counted, &set, (uint32_t)PyTuple_GET_SIZE(consts));
    if (set.raise && set.plain) result = prof_rewrite(code, consts, &set);
    Py_XDECREF(set.raise);
    if (prof_counted_release(counted, result)) Py_CLEAR(result);
    Py_DECREF(counted);
    return result;
}

/* Code that runs in the span of its caller, with counters; the code itself where it has them, or cannot be counted. */
static PyObject *only_counting(PyCodeObject *code, PyObject *module) {
    if (prof_is_probed(code) || prof_counted_only(code)) return Py_NewRef((PyObject *)code);
    PyObject *name = full_name(module, code->co_qualname);
    PyObject *consts = name ? counting_consts(code, code->co_consts, module) : NULL;
    PyObject *result = consts ? add_counters(code, consts, name) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(consts);
    return result;
}

/* The constants with counters in the lambdas, comprehensions and class bodies among them. New reference, or NULL. */
static PyObject *counting_consts(PyCodeObject *code, PyObject *consts, PyObject *module) {
    Py_ssize_t n = PyTuple_GET_SIZE(consts);
    PyObject *all = PyTuple_New(n);
    for (Py_ssize_t i = 0; all && i < n; i++) {
        PyObject *c = PyTuple_GET_ITEM(consts, i);
        int counts = PyCode_Check(c) && !is_def((PyCodeObject *)c);
        PyObject *new = counts ? only_counting((PyCodeObject *)c, module) : Py_NewRef(c);
        if (!new) Py_CLEAR(all);
        else PyTuple_SET_ITEM(all, i, new);
    }
    return all;
}

/* `code` with these constants and the probes of `site`. New reference, or NULL. */
static PyObject *rewrite_for(prof_site *site, PyCodeObject *code, PyObject *consts) {
    int yields = Py_TYPE(site) == &prof_generator_type;
    prof_counted *counted = site->counted;
    prof_probe_set set = {.span = (PyObject *)site,
                          .suspend = yields ? prof_site_dependent(&prof_suspend_type, site) : NULL,
                          .raise = prof_site_dependent(&prof_raise_type, site),
                          .plain = site->plain,
                          .awaits = site->awaits != 0};
    if (counted) prof_counted_fill(counted, &set, (uint32_t)PyTuple_GET_SIZE(consts));
    PyObject *probed = set.raise && (set.suspend || !yields) ? prof_rewrite(code, consts, &set) : NULL;
    Py_XDECREF(set.suspend);
    Py_XDECREF(set.raise);
    return probed;
}

enum { AT_ONCE, WHEN_CALLED }; /* when a function gets its label */

/* `code` with probes and these constants. New reference, or NULL. */
static PyObject *add_probes(PyCodeObject *code, PyObject *consts, PyObject *module, PyObject *name, uint32_t flags, int label) {
    prof_site *site = readers_ready() ? NULL : site_of_code(type_for(code), code, module, name, flags);
    if (!site) return NULL;
    if (label == AT_ONCE) prof_site_label(site);
    else if (prof_recording()) prof_site_label_later(site);
    PyObject *own = NULL, *probed = NULL;
    if (prof_count_ops && !(flags & PROF_LABEL_NO_OPS)) {
        site->counted = prof_counted_new(code, site->name, site);
        consts = own = PyErr_Occurred() ? NULL : counting_consts(code, consts, module);
    }
    if (consts) site->plain = prof_plain_new(code, consts);
    if (site->plain) probed = rewrite_for(site, code, consts);
    if (site->counted && prof_counted_release(site->counted, probed)) Py_CLEAR(probed);
    Py_XDECREF(own);
    Py_DECREF(site);
    return probed;
}

/* `code` with probes that record it as the site's. New reference, or NULL. */
static PyObject *add_probes_of(const prof_site *site, PyCodeObject *code) {
    return add_probes(code, code->co_consts, site->module, site->name,
                      site->flags & ~(uint32_t)(PROF_LABEL_GENERATOR | PROF_LABEL_AWAITS), AT_ONCE);
}

/* The probed copy, made once for each code object and kept as long as that lives: two would be two sites. */
static PyObject *remember(PyCodeObject *code, PyObject *probed) {
    if (probed && PyUnstable_Code_SetExtra((PyObject *)code, extra, Py_NewRef(probed))) {
        Py_DECREF(probed);
        Py_CLEAR(probed);
    }
    return probed;
}

/* The probed copy of `code` made before (Borrowed), or NULL. */
static PyObject *remembered(PyObject *code) {
    void *probed = NULL;
    if (PyUnstable_Code_GetExtra(code, extra, &probed)) PyErr_Clear();
    return probed;
}

/* The same; NULL where monitoring drives a site instead. */
static PyObject *probed_before(PyCodeObject *code) {
    PyObject *probed = remembered((PyObject *)code);
    return probed && PyCode_Check(probed) ? probed : NULL;
}

prof_site *prof_watched(PyObject *code) {
    PyObject *site = remembered(code);
    return site && (Py_TYPE(site) == &prof_function_type || Py_TYPE(site) == &prof_generator_type) ? (prof_site *)site : NULL;
}

/* Which code of a tree gets probes: every `def` that `choose` (called with the code; NULL: all) wants; with `all`, lambdas,
 * comprehensions and classes as well. */
typedef struct {
    PyObject *module, *choose; /* Borrowed */
    int all;
    int label; /* WHEN_CALLED of code that nobody has run yet */
} wanted;

/* 1, 0, or -1 with an exception set. */
static int is_wanted(const wanted *w, PyCodeObject *code) {
    if (!w->all && !is_def(code)) return 0;
    PyObject *answer = w->choose ? PyObject_CallOneArg(w->choose, (PyObject *)code) : Py_NewRef(Py_True);
    int is = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return is;
}

static PyObject *probed_tree(PyCodeObject *code, const wanted *w, int top);

/* The constants with every nested code object probed. New reference, or NULL. */
static PyObject *probed_consts(PyCodeObject *code, const wanted *w) {
    Py_ssize_t n = PyTuple_GET_SIZE(code->co_consts);
    PyObject *consts = PyTuple_New(n);
    for (Py_ssize_t i = 0; consts && i < n; i++) {
        PyObject *c = PyTuple_GET_ITEM(code->co_consts, i);
        PyObject *new = PyCode_Check(c) ? probed_tree((PyCodeObject *)c, w, 0) : Py_NewRef(c);
        if (!new) Py_CLEAR(consts);
        else PyTuple_SET_ITEM(consts, i, new);
    }
    return consts;
}

static int same_items(PyObject *a, PyObject *b) {
    Py_ssize_t i = 0, n = PyTuple_GET_SIZE(a);
    while (i < n && PyTuple_GET_ITEM(a, i) == PyTuple_GET_ITEM(b, i)) i++;
    return i == n;
}

static PyObject *probed_tree(PyCodeObject *code, const wanted *w, int top) {
    if (prof_is_probed(code)) return Py_NewRef(code);
    PyObject *probed = top ? NULL : probed_before(code);
    if (probed) return Py_NewRef(probed);
    int itself = top ? 0 : is_wanted(w, code);
    PyObject *consts = itself < 0 ? NULL : probed_consts(code, w);
    if (!consts) return NULL;
    if (itself) {
        probed = remember(code, add_probes(code, consts, w->module, NULL, 0, w->label));
    } else if (same_items(consts, code->co_consts)) {
        probed = Py_NewRef(code);
    } else {
        PyObject *replace = PyObject_GetAttrString((PyObject *)code, "replace");
        PyObject *none = PyTuple_New(0), *names = Py_BuildValue("{sO}", "co_consts", consts);
        probed = replace && none && names ? PyObject_Call(replace, none, names) : NULL;
        Py_XDECREF(replace);
        Py_XDECREF(none);
        Py_XDECREF(names);
    }
    Py_DECREF(consts);
    return probed;
}

/* ---- for Python ----------------------------------------------------------------------------------------------------- */

/* Whether its operations could be counted and are not: it got its probes for a recording without them. */
static int lacks_counters(PyCodeObject *code) {
    prof_site *site = prof_probed_site(code);
    return site && prof_count_ops && !site->counted && !(site->flags & PROF_LABEL_NO_OPS);
}

enum { PROBED_BEFORE, PROBES_SHARED, PROBES_MADE }; /* what `probe` found or did */

/* The code with probes for this recording: those it has, those made for it before, or new ones. New reference, or NULL. */
static PyObject *probed_code(PyCodeObject *code, PyObject *module, PyObject *name, uint32_t flags, int *what) {
    PyObject *before = probed_before(code);
    *what = PROBES_SHARED;
    if (before && !lacks_counters((PyCodeObject *)before)) return Py_NewRef(before);
    *what = PROBES_MADE;
    PyCodeObject *plain = prof_plain_view(code); /* a lambda may have counters, of the function that it is in */
    if (!plain) return NULL;
    if (!prof_is_probed(code)) return remember(code, add_probes(plain, plain->co_consts, module, name, flags, AT_ONCE));
    if (!lacks_counters(code)) return Py_NewRef((PyObject *)code);
    return remember(code, add_probes_of(prof_probed_site(code), plain));
}

static PyObject *probe_copy(PyCodeObject *probed, PyCodeObject *copy) {
    const prof_plain *plain = prof_plain_of(probed);
    PyObject *bytes = PyCode_GetCode(copy);
    int same = bytes ? PyObject_RichCompareBool(bytes, plain->code, Py_EQ) : -1;
    Py_XDECREF(bytes);
    if (same > 0) same = PyObject_RichCompareBool(copy->co_exceptiontable, plain->handlers, Py_EQ);
    if (same <= 0) return same ? NULL : Py_NewRef((PyObject *)copy); /* nobody vouches for bytecode that a program wrote */
    prof_site *site = prof_probed_site(probed);
    if (site) return add_probes_of(site, copy);
    return add_counters(copy, copy->co_consts, prof_counted_only(probed)->name);
}

static PyObject *probe(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    long flags = n == 3 ? PyLong_AsLong(args[2]) : 0;
    if (n < 2 || n > 3 || flags < 0 || !PyFunction_Check(args[0]) || !(args[1] == Py_None || PyUnicode_Check(args[1]))) {
        PyErr_SetString(PyExc_TypeError, "probe(function, name or None, flags=0)");
        return NULL;
    }
    PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(args[0]);
    PyObject *module = PyFunction_GET_MODULE(args[0]), *unknown = NULL, *name = args[1] == Py_None ? NULL : args[1];
    prof_own_begin();
    if (!module || !PyUnicode_Check(module)) module = unknown = PyUnicode_FromString("<unknown>");
    int what = PROBED_BEFORE;
    PyObject *probed = module ? probed_code(code, module, name, (uint32_t)flags, &what) : NULL;
    Py_XDECREF(unknown);
    prof_own_end();
    if (!probed) return NULL;
    int changed = probed != (PyObject *)code, failed = changed && prof_py_set_code(args[0], probed);
    Py_DECREF(probed);
    return failed ? NULL : PyLong_FromLong(changed ? what : PROBED_BEFORE);
}

static PyObject *lacks(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "lacks_counters(code)");
    return PyBool_FromLong(lacks_counters((PyCodeObject *)code));
}

static PyObject *record_modes(PyObject *self, PyObject *args) {
    int timed, counting;
    long types = 0;
    if (!PyArg_ParseTuple(args, "pp|l:record", &timed, &counting, &types)) return NULL;
    prof_choose_operators(timed, counting, types);
    Py_RETURN_NONE;
}

static PyObject *probe_code(PyObject *self, PyObject *args) {
    PyObject *code, *choose = Py_None;
    wanted w = {0};
    int top = 1;
    if (!PyArg_ParseTuple(args, "O!U|ppO:probe_code", &PyCode_Type, &code, &w.module, &w.all, &top, &choose)) return NULL;
    w.choose = choose == Py_None ? NULL : choose;
    w.label = top ? WHEN_CALLED : AT_ONCE;
    prof_own_begin();
    PyObject *probed = probed_tree((PyCodeObject *)code, &w, top);
    prof_own_end();
    return probed;
}

/* In place: the interpreter holds the code of the program's script, gives it to nobody before it runs, and has no other way to
 * run it. */
static PyObject *replace_functions_of(PyObject *self, PyObject *args) {
    PyObject *code, *other;
    if (!PyArg_ParseTuple(args, "O!O!:replace_functions_of", &PyCode_Type, &code, &PyCode_Type, &other)) return NULL;
    PyObject *own = ((PyCodeObject *)code)->co_consts, *others = ((PyCodeObject *)other)->co_consts;
    Py_ssize_t at = 0, n = PyTuple_GET_SIZE(others);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(own); i++) {
        PyObject *before = PyTuple_GET_ITEM(own, i);
        if (!PyCode_Check(before)) continue;
        while (at < n && !PyCode_Check(PyTuple_GET_ITEM(others, at))) at++;
        if (at == n) break;
        PyTuple_SET_ITEM(own, i, Py_NewRef(PyTuple_GET_ITEM(others, at++)));
        Py_DECREF(before);
    }
    Py_RETURN_NONE;
}

static PyObject *watch(PyObject *self, PyObject *args) {
    PyObject *code, *module, *name;
    unsigned flags = 0;
    if (!PyArg_ParseTuple(args, "O!UO|I:watch", &PyCode_Type, &code, &module, &name, &flags)) return NULL;
    if (prof_is_probed((PyCodeObject *)code)) Py_RETURN_FALSE; /* its probes do it */
    if (prof_watched(code)) Py_RETURN_TRUE;
    prof_site *new =
        site_of_code(type_for((PyCodeObject *)code), (PyCodeObject *)code, module, name == Py_None ? NULL : name, flags);
    if (new) prof_site_label(new);
    PyObject *site = remember((PyCodeObject *)code, (PyObject *)new);
    Py_XDECREF(site);
    return site ? Py_NewRef(Py_True) : NULL;
}

/* The site of the code's span (Borrowed), or NULL. */
static prof_site *site_with_span(PyObject *code) {
    prof_site *site = prof_probed_site((PyCodeObject *)code);
    return site ? site : prof_watched(code);
}

/* Counts the operations of `code` by events: in the span of `site`, or for NULL in that of its caller. 0, or -1. */
static int count_by_events(PyCodeObject *code, PyObject *module, prof_site *site, PyObject *found) {
    prof_counted *before = prof_counted_for_events((PyObject *)code), *counted = before;
    if (!before || before->site != site) {
        PyObject *name = site ? Py_NewRef(site->name) : full_name(module, code->co_qualname);
        counted = name ? prof_counted_new_for_events(code, name, site) : NULL;
        Py_XDECREF(name);
        if (!counted) return PyErr_Occurred() ? -1 : 0;
        if (site) Py_XSETREF(site->counted, (prof_counted *)Py_NewRef(counted));
    }
    if (PyList_Append(found, (PyObject *)code)) return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *c = PyTuple_GET_ITEM(code->co_consts, i);
        if (!PyCode_Check(c) || is_def((PyCodeObject *)c) || site_with_span(c)) continue;
        if (count_by_events((PyCodeObject *)c, module, NULL, found)) return -1;
    }
    return 0;
}

static PyObject *count_watched(PyObject *self, PyObject *args) {
    PyObject *code, *module;
    if (!PyArg_ParseTuple(args, "O!U:count_watched", &PyCode_Type, &code, &module)) return NULL;
    prof_site *site = prof_watched(code);
    PyObject *found = PyList_New(0);
    prof_own_begin();
    int failed = found && site && !(site->flags & PROF_LABEL_NO_OPS) && count_by_events((PyCodeObject *)code, module, site, found);
    prof_own_end();
    if (failed) Py_CLEAR(found);
    return found;
}

static PyObject *is_probed(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "is_probed(code)");
    return PyBool_FromLong(prof_is_probed((PyCodeObject *)code));
}

static PyObject *show_probes(PyObject *self, PyObject *shown) {
    int before = prof_probes_shown;
    prof_probes_shown = PyObject_IsTrue(shown);
    return PyBool_FromLong(before);
}

static PyObject *has_span(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "has_span(code)");
    return PyBool_FromLong(site_with_span(code) != NULL);
}

static PyObject *completed(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "completed(code)");
    prof_site *site = site_with_span(code);
    prof_thread *t = prof_current;
    if (site && prof_is_labelled(site) && t->epoch == prof_epoch) prof_pending_count(t);
    /* Without a clock, calls are not completed; the first that is counted writes the code down. */
    return PyBool_FromLong(site && prof_is_labelled(site) && (site->label->min != UINT64_MAX || site->code > PROF_NO_CODE));
}

static PyObject *mark_of(PyObject *self, PyObject *code) {
    if (!PyCode_Check(code)) return PyErr_Format(PyExc_TypeError, "mark_of(code)");
    prof_site *site = site_with_span(code);
    if (!site) Py_RETURN_NONE;
    return Py_BuildValue("OI", site->name, site->flags & ~PROF_LABEL_GENERATOR);
}

static PyObject *configure(PyObject *self, PyObject *args) {
    PyObject *numbers, *name;
    const char *caches;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "O!y#U:configure", &PyDict_Type, &numbers, &caches, &n, &name)) return NULL;
    if (n != 256) return PyErr_Format(PyExc_ValueError, "configure(opcodes, caches, main_name)");
    if (prof_opcodes_configure(numbers, (const uint8_t *)caches)) return NULL;
    Py_XSETREF(main_name, Py_NewRef(name));
    Py_RETURN_NONE;
}

PyMethodDef prof_attach_methods[] = {
    {"configure", configure, METH_VARARGS,
     "configure(opcodes: dict[str, int], caches: bytes, main_name: str, /) -> None: the numbers of this interpreter's opcodes by\n"
     "name, and how many inline cache units stand behind each, as 256 bytes; what module __main__ is called."},
    {"unknown_opcodes", prof_opcodes_unknown, METH_NOARGS,
     "unknown_opcodes() -> tuple[str, ...]: names that this interpreter has and version/opcodes.def does not, and 'no NAME' of what\n"
     "rewriting needs and it lacks."},
    {"opcode_traits", prof_opcodes_traits, METH_NOARGS,
     "opcode_traits() -> bytes: eight bytes for each opcode, as prof_trait of code.h."},
    {"record", record_modes, METH_VARARGS,
     "record(timed: bool, counting: bool, types: int = 0, /) -> None: what probes do from here on, and what new code gets. `types`:\n"
     "the executions of an instruction of which operand types are sampled; -1 all."},
    {"lacks_counters", lacks, METH_O,
     "lacks_counters(code: CodeType, /) -> bool: whether it has probes, and none for the operations now recorded."},
    {"probe", (PyCFunction)(void (*)(void))probe, METH_FASTCALL,
     "probe(function: FunctionType, name: str | None, flags: int = 0, /) -> int: gives the function probed code. 0 when it has\n"
     "probes already, 2 when its code has got them just now, 1 when it had. `flags` are those of prof_label: what its markers\n"
     "leave out."},
    {"probe_code", probe_code, METH_VARARGS,
     "probe_code(code: CodeType, module: str, all: bool = False, top: bool = True,\n"
     "choose: Callable[[CodeType], Any] | None = None, /) -> CodeType: a copy of a module's code whose functions have probes.\n"
     "`all`: classes, lambdas and comprehensions too. `top` False: the code itself too. `choose(code)` says which; None: all."},
    {"replace_functions_of", replace_functions_of, METH_VARARGS,
     "replace_functions_of(code: CodeType, other: CodeType, /) -> None: gives a module's code, which is about to run, the functions\n"
     "and classes of another, one for one, in place."},
    {"watch", watch, METH_VARARGS,
     "watch(code: CodeType, module: str, name: str | None, flags: int = 0, /) -> bool: the monitoring callbacks drive spans for this\n"
     "code object. False if it has probes."},
    {"count_watched", count_watched, METH_VARARGS,
     "count_watched(code: CodeType, module: str, /) -> list[CodeType]: the callbacks for INSTRUCTION and BRANCH events count the\n"
     "operations of what is watched here, and of the lambdas, comprehensions and classes in it. A list of all this code, this one\n"
     "first; empty where operations are left out."},
    {"show_probes", show_probes, METH_O,
     "show_probes(shown: bool, /) -> bool: whether those who read code see what runs, and not what the code was before; what held\n"
     "before. For tests of the probes."},
    {"has_span", has_span, METH_O, "has_span(code: CodeType, /) -> bool: whether it has probes, or monitoring watches it."},
    {"mark_of", mark_of, METH_O,
     "mark_of(code: CodeType, /) -> tuple[str, int] | None: the name of its span, and what its markers leave out as flags; None\n"
     "without one."},
    {"completed", completed, METH_O,
     "completed(code: CodeType, /) -> bool: whether a call of it has ended in this recording, as far as is known."},
    {"is_probed", is_probed, METH_O, "is_probed(code: CodeType, /) -> bool: whether the code object has probes."},
    {NULL}};

static void drop_extra(void *o) { Py_XDECREF((PyObject *)o); }

int prof_attach_init(void) {
    prof_probe_copy = probe_copy;
    extra = PyUnstable_Eval_RequestCodeExtraIndex(drop_extra);
    if (extra >= 0) return 0;
    PyErr_SetString(PyExc_RuntimeError, "no free slot on code objects");
    return -1;
}
