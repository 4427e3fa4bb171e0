#include "rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "tables.h"

prof_opcodes prof_opcode;

/* ---- snippets: what is inserted ---------------------------------------------------------------------------------- */

enum { NOTHING, ENTER, LEAVE, SUSPEND, SUSPEND_SEND, RESUME_SPAN, SNIPPETS };

typedef struct {
    uint8_t bytes[20];
    uint8_t units;
} snippet;

static void emit(snippet *s, uint8_t op, uint32_t arg) {
    for (int shift = 24; shift; shift -= 8) {
        if (!(arg >> shift)) continue;
        s->bytes[2 * s->units] = prof_opcode.extended_arg;
        s->bytes[2 * s->units++ + 1] = (uint8_t)(arg >> shift);
    }
    s->bytes[2 * s->units] = op;
    s->bytes[2 * s->units++ + 1] = (uint8_t)arg;
}

static snippet probe(uint32_t constant, uint8_t operator) {
    snippet s = {.units = 0};
    emit(&s, prof_opcode.load_const, constant);
    emit(&s, operator, 0);
    emit(&s, prof_opcode.pop_top, 0);
    return s;
}

/* ---- the plan of one code object ----------------------------------------------------------------------------------- */

typedef struct { uint32_t start, unit, arg, width; } jump; /* first unit, that of the operation, its EXTENDED_ARGs */
typedef struct { uint32_t start, unit; } span_return;
typedef struct { uint32_t unit, previous; } yield;
typedef struct { uint32_t start, end, suspended; } range;
typedef struct { uint32_t handler, depth_lasti, at; } trampoline;

typedef struct {
    const uint8_t *code;
    uint32_t units;
    uint32_t resume; /* unit of RESUME 0 */
    uint32_t depth;  /* no stack is deeper */
    snippet snippets[SNIPPETS];
    snippet raise;
    /* By unit, units + 1 long (one Owned block): */
    uint8_t *behind;  /* snippet behind the instruction that ends here: a jump here lands after it */
    uint8_t *before;  /* snippet before the instruction that begins here: a jump here lands before it */
    uint8_t *widen;   /* EXTENDED_ARG units that a jump beginning here needs more */
    uint32_t *lands;  /* where a jump to this unit lands */
    uint32_t *lies;   /* where the instruction at this unit lies */
    uint32_t *grow;   /* units added to the instruction, for the location table */
    /* Owned lists, as long as the code at most: */
    jump *jumps;
    span_return *returns;
    yield *yields;
    uint32_t *sends;  /* 3.11: unit behind the JUMP_BACKWARD_NO_INTERRUPT of yields[i]; 0 none */
    range *closed;    /* where the span is not open, new units */
    trampoline *trampolines;
    uint32_t jump_count, return_count, yield_count, closed_count, trampoline_count;
    prof_bytes out, tail, table;
    void *block;
} plan;

/* One block for all arrays. 0, or -1 without memory. */
static int plan_allocate(plan *p) {
    size_t n = (size_t)p->units + 1, m = n + 1;
    size_t words = n * 3 + n * (sizeof(jump) + sizeof(span_return) + sizeof(yield)) / 4 + n + m * 3 * sizeof(range) / 4;
    p->block = calloc(words * 4 + n * 3, 1);
    if (!p->block) return -1;
    uint32_t *w = p->block;
    p->lands = w, w += n;
    p->lies = w, w += n;
    p->grow = w, w += n;
    p->jumps = (jump *)w, w += n * sizeof(jump) / 4;
    p->returns = (span_return *)w, w += n * sizeof(span_return) / 4;
    p->yields = (yield *)w, w += n * sizeof(yield) / 4;
    p->sends = w, w += n;
    p->closed = (range *)w, w += m * 3 * sizeof(range) / 4;
    p->behind = (uint8_t *)w;
    p->before = p->behind + n;
    p->widen = p->before + n;
    return 0;
}

static void plan_free(plan *p) {
    prof_bytes_free(&p->out);
    prof_bytes_free(&p->tail);
    prof_bytes_free(&p->table);
    free(p->trampolines);
    free(p->block);
}

/* ---- decode ----------------------------------------------------------------------------------------------------------- */

/* Finds jumps, returns, yields and the first RESUME. 0 when there is none: such code cannot be probed. */
static int decode(plan *p) {
    uint32_t argument = 0, start = 0, previous = 0;
    int fresh = 1, found = 0;
    for (uint32_t i = 0; i < p->units;) {
        uint8_t op = p->code[2 * i], kind = prof_opcode.kind[op], low = p->code[2 * i + 1];
        if (fresh) start = i, argument = 0;
        fresh = kind != PROF_I_EXTENDED;
        argument = argument << 8 | low;
        if (!fresh) {
            i++;
            continue;
        }
        if (kind == PROF_I_FORWARD || kind == PROF_I_BACKWARD)
            p->jumps[p->jump_count++] = (jump){start, i, argument, i - start};
        else if (kind == PROF_I_RETURN)
            p->returns[p->return_count++] = (span_return){start, i};
        else if (kind == PROF_I_YIELD)
            p->yields[p->yield_count++] = (yield){i, previous};
        else if (kind == PROF_I_RESUME && !(argument & 3) && !found)
            found = 1, p->resume = i;
        previous = i;
        i += 1u + prof_opcode.caches[op];
    }
    return found;
}

/* ---- place ------------------------------------------------------------------------------------------------------------ */

static void place_before(plan *p, uint32_t unit, uint8_t what) {
    p->before[unit] = what;
    p->grow[unit] += p->snippets[what].units;
}

/* Behind the instruction at `unit`, which has no caches. */
static void place_behind(plan *p, uint32_t unit, uint8_t what) {
    p->behind[unit + 1] = what;
    p->grow[unit] += p->snippets[what].units;
}

static void place(plan *p) {
    place_behind(p, p->resume, ENTER);
    for (uint32_t i = 0; i < p->return_count; i++) place_before(p, p->returns[i].start, LEAVE);
    for (uint32_t i = 0; i < p->yield_count; i++) {
        uint32_t y = p->yields[i].unit, resume = y + 1;
        if (resume >= p->units || prof_opcode.kind[p->code[2 * resume]] != PROF_I_RESUME) continue;
        place_behind(p, resume, RESUME_SPAN);
        if (PROF_PY_SEND_BEFORE_YIELD && p->code[2 * p->yields[i].previous] == prof_opcode.send) {
            /* throw() into the generator reads the unit before YIELD_VALUE, takes it for SEND, and goes on at its
             * target. So a SEND that never runs stands there, and its target resumes the span. */
            uint32_t back = resume + 1;
            while (p->code[2 * back] == prof_opcode.extended_arg) back++;
            place_behind(p, back, RESUME_SPAN);
            p->sends[i] = back + 1;
            place_before(p, y, SUSPEND_SEND);
        } else {
            place_before(p, y, SUSPEND);
        }
    }
}

/* ---- assemble --------------------------------------------------------------------------------------------------------- */

static void positions(plan *p) {
    uint32_t added = 0;
    for (uint32_t u = 0; u <= p->units; u++) {
        added += p->snippets[p->behind[u]].units;
        p->lands[u] = u + added;
        added += p->widen[u] + p->snippets[p->before[u]].units;
        p->lies[u] = u + added;
    }
}

static uint32_t distance(const plan *p, const jump *j) {
    uint8_t op = p->code[2 * j->unit];
    uint32_t next = j->unit + 1 + prof_opcode.caches[op], from = p->lies[j->unit] + 1 + prof_opcode.caches[op];
    return prof_opcode.kind[op] == PROF_I_BACKWARD ? from - p->lands[next - j->arg] : p->lands[next + j->arg] - from;
}

/* Lays the code out; a jump that became too long for its argument is widened, until none is. */
static void layout(plan *p) {
    int again = 1;
    while (again) {
        again = 0;
        positions(p);
        for (uint32_t k = 0; k < p->jump_count; k++) {
            jump *j = &p->jumps[k];
            uint32_t d = distance(p, j), need = d < 1u << 8 ? 0 : d < 1u << 16 ? 1 : d < 1u << 24 ? 2 : 3;
            if (need <= j->width) continue;
            p->widen[j->start] += (uint8_t)(need - j->width);
            p->grow[j->start] += need - j->width;
            j->width = need;
            again = 1;
        }
    }
}

static void write_code(plan *p) {
    const uint8_t extended[2] = {prof_opcode.extended_arg, 0};
    uint32_t copied = 0;
    for (uint32_t u = 0; u <= p->units; u++) {
        if (!p->behind[u] && !p->before[u] && !p->widen[u] && u < p->units) continue;
        prof_bytes_add(&p->out, p->code + 2 * copied, 2 * (size_t)(u - copied));
        copied = u;
        const snippet *s = &p->snippets[p->behind[u]];
        prof_bytes_add(&p->out, s->bytes, 2u * s->units);
        for (int k = 0; k < p->widen[u]; k++) prof_bytes_add(&p->out, extended, 2);
        s = &p->snippets[p->before[u]];
        prof_bytes_add(&p->out, s->bytes, 2u * s->units);
    }
    if (p->out.failed) return;
    for (uint32_t k = 0; k < p->jump_count; k++) {
        const jump *j = &p->jumps[k];
        uint32_t d = distance(p, j), at = p->lies[j->unit];
        for (uint32_t w = 0; w <= j->width; w++, d >>= 8) p->out.data[2 * (at - w) + 1] = (uint8_t)d;
    }
    for (uint32_t i = 0; i < p->yield_count; i++) {
        if (!p->sends[i]) continue;
        uint32_t send = p->lies[p->yields[i].unit] - 1;
        uint32_t target = p->lands[p->sends[i]] - p->snippets[RESUME_SPAN].units;
        p->out.data[2 * send + 1] = (uint8_t)(target - (send + 1));
    }
}

/* ---- exceptions --------------------------------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b) {
    const range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Units where the span is not open: up to the enter probe, from a leave probe's end to the return, and from a suspend
 * probe's end through the RESUME. */
static void find_closed(plan *p) {
    range *r = p->closed;
    *r++ = (range){0, p->lands[p->resume + 1], 0};
    for (uint32_t i = 0; i < p->return_count; i++)
        *r++ = (range){p->lies[p->returns[i].start] - 1, p->lies[p->returns[i].unit] + 1, 0};
    for (uint32_t i = 0; i < p->yield_count; i++) {
        uint32_t y = p->lies[p->yields[i].unit];
        *r++ = (range){y - 1, y + 2, 1};
        if (!p->sends[i]) continue;
        uint32_t resume = p->lands[p->sends[i]] - p->snippets[RESUME_SPAN].units;
        *r++ = (range){resume - 1, resume, 1}; /* 3.11: where throw() raises */
    }
    p->closed_count = (uint32_t)(r - p->closed);
    qsort(p->closed, p->closed_count, sizeof *r, by_start);
}

/* The trampoline to a handler: resume the span, then raise again as if at the original instruction. */
static uint32_t trampoline_to(plan *p, uint32_t handler, uint32_t depth_lasti) {
    for (uint32_t i = 0; i < p->trampoline_count; i++)
        if (p->trampolines[i].handler == handler && p->trampolines[i].depth_lasti == depth_lasti)
            return p->trampolines[i].at;
    if (!(p->trampoline_count & (p->trampoline_count + 1)) || !p->trampolines) {
        size_t room = 2 * ((size_t)p->trampoline_count + 1);
        trampoline *bigger = realloc(p->trampolines, room * sizeof *bigger);
        if (!bigger) {
            p->tail.failed = 1;
            return 0;
        }
        p->trampolines = bigger;
    }
    uint32_t at = (uint32_t)((p->out.length + p->tail.length) / 2);
    const uint8_t reraise[2] = {prof_opcode.reraise, 1};
    prof_bytes_add(&p->tail, p->snippets[RESUME_SPAN].bytes, 2u * p->snippets[RESUME_SPAN].units);
    prof_bytes_add(&p->tail, reraise, 2);
    p->trampolines[p->trampoline_count++] = (trampoline){handler, depth_lasti, at};
    return at;
}

/* The handler of the whole function stands for "no handler" until its place, behind the trampolines, is known. */
#define WHOLE UINT32_MAX

/* Writes [start, end) under `handler`, cut where the span is closed. What is thrown into a suspended generator that has no
 * handler resumes the span too, and then leaves it: the call is completed. */
static void cover(plan *p, prof_bytes *entries, uint32_t start, uint32_t end, uint32_t handler, uint32_t depth_lasti,
                  uint32_t *next_closed) {
    while (start < end) {
        uint32_t k = *next_closed;
        while (k < p->closed_count && p->closed[k].end <= start) k++;
        *next_closed = k;
        prof_handler e = {start, end, handler, depth_lasti};
        if (k < p->closed_count && p->closed[k].start <= start) {
            if (p->closed[k].end < end) e.end = p->closed[k].end;
            if (handler != WHOLE || p->closed[k].suspended) {
                e.handler = trampoline_to(p, handler, depth_lasti);
                /* All of the stack is kept for the trampoline: what lies above the handler's part, such as the generator
                 * that a loop runs over, may run code when it is dropped, and that belongs into the resumed span. */
                e.depth_lasti = (PROF_PY_DEEP_HANDLERS ? p->depth << 1 : depth_lasti) | 1;
                prof_bytes_add(entries, &e, sizeof e);
            }
        } else {
            if (k < p->closed_count && p->closed[k].start < end) e.end = p->closed[k].start;
            prof_bytes_add(entries, &e, sizeof e);
        }
        start = e.end;
    }
}

static void write_exceptions(plan *p, const uint8_t *old, size_t length) {
    prof_bytes entries = {0};
    const uint8_t *at = old, *end = old + length;
    uint32_t total = (uint32_t)(p->out.length / 2), position = 0, next_closed = 0;
    prof_handler e;
    find_closed(p);
    while (prof_handler_read(&at, end, &e)) {
        uint32_t start = p->lands[e.start], stop = p->lands[e.end];
        cover(p, &entries, position, start, WHOLE, 1, &next_closed);
        cover(p, &entries, start, stop, p->lands[e.handler], e.depth_lasti, &next_closed);
        position = stop;
    }
    cover(p, &entries, position, total, WHOLE, 1, &next_closed);
    for (uint32_t i = 0; i < p->trampoline_count; i++) {
        const trampoline *t = &p->trampolines[i];
        uint32_t units = p->snippets[RESUME_SPAN].units + 1u;
        e = (prof_handler){t->at, t->at + units, t->handler, t->depth_lasti};
        prof_bytes_add(&entries, &e, sizeof e);
    }
    uint32_t whole = total + (uint32_t)(p->tail.length / 2);
    const uint8_t reraise[2] = {prof_opcode.reraise, 1};
    prof_bytes_add(&p->tail, p->raise.bytes, 2u * p->raise.units);
    prof_bytes_add(&p->tail, reraise, 2);
    for (size_t i = 0; i < entries.length; i += sizeof e) {
        memcpy(&e, entries.data + i, sizeof e);
        if (e.handler == WHOLE) e.handler = whole;
        prof_handler_write(&p->table, &e);
    }
    if (entries.failed) p->table.failed = 1;
    prof_bytes_free(&entries);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

static PyObject *replace(PyCodeObject *code, PyObject *consts, plan *p, prof_bytes *locations) {
    static PyObject *method, *names;
    if (!method) method = PyUnicode_InternFromString("replace");
    if (!names) names = Py_BuildValue("(sssss)", "co_code", "co_consts", "co_linetable", "co_exceptiontable", "co_stacksize");
    if (!method || !names) return NULL;
    /* The raise handler and the trampolines push the probe on top of the offset and the exception. */
    int stack = (code->co_stacksize > 2 ? code->co_stacksize : 2) + 4;
    PyObject *args[6] = {(PyObject *)code,
                         PyBytes_FromStringAndSize((char *)p->out.data, (Py_ssize_t)p->out.length),
                         consts,
                         PyBytes_FromStringAndSize((char *)locations->data, (Py_ssize_t)locations->length),
                         PyBytes_FromStringAndSize((char *)p->table.data, (Py_ssize_t)p->table.length),
                         PyLong_FromLong(stack)};
    PyObject *result = args[1] && args[3] && args[4] && args[5] ? PyObject_VectorcallMethod(method, args, 1, names) : NULL;
    Py_XDECREF(args[1]);
    Py_XDECREF(args[3]);
    Py_XDECREF(args[4]);
    Py_XDECREF(args[5]);
    return result;
}

static PyObject *consts_with(PyObject *consts, const prof_probe_set *probes) {
    Py_ssize_t n = PyTuple_GET_SIZE(consts), extra = probes->suspend ? 3 : 2;
    PyObject *all = PyTuple_New(n + extra);
    if (!all) return NULL;
    for (Py_ssize_t i = 0; i < n; i++) PyTuple_SET_ITEM(all, i, Py_NewRef(PyTuple_GET_ITEM(consts, i)));
    PyTuple_SET_ITEM(all, n, Py_NewRef(probes->span));
    if (probes->suspend) PyTuple_SET_ITEM(all, n + 1, Py_NewRef(probes->suspend));
    PyTuple_SET_ITEM(all, n + extra - 1, Py_NewRef(probes->raise));
    return all;
}

PyObject *prof_rewrite(PyCodeObject *code, PyObject *consts, const prof_probe_set *probes) {
    PyObject *result = NULL, *all = NULL, *bytes = PyCode_GetCode(code);
    prof_bytes locations = {0};
    plan p = {.code = NULL};
    if (!bytes) return NULL;
    p.code = (const uint8_t *)PyBytes_AS_STRING(bytes);
    p.units = (uint32_t)(PyBytes_GET_SIZE(bytes) / 2);
    p.depth = (uint32_t)code->co_stacksize;
    if (plan_allocate(&p)) {
        PyErr_NoMemory();
        goto error;
    }
    if (!decode(&p)) {
        result = Py_NewRef((PyObject *)code);
        goto error;
    }
    uint32_t first = (uint32_t)PyTuple_GET_SIZE(consts);
    p.snippets[ENTER] = probe(first, prof_opcode.unary_invert);
    p.snippets[LEAVE] = probe(first, prof_opcode.unary_negative);
    if (probes->suspend) {
        p.snippets[RESUME_SPAN] = probe(first + 1, prof_opcode.unary_invert);
        p.snippets[SUSPEND] = p.snippets[SUSPEND_SEND] = probe(first + 1, prof_opcode.unary_negative);
        emit(&p.snippets[SUSPEND_SEND], prof_opcode.jump_forward, 1);
        emit(&p.snippets[SUSPEND_SEND], prof_opcode.send, 0);
    } else {
        /* Only a return itself, raising out of a trace function, can need a trampoline here. */
        p.snippets[RESUME_SPAN] = probe(first + 1, prof_opcode.unary_invert);
    }
    p.raise = probe(first + (probes->suspend ? 2 : 1), prof_opcode.unary_negative);
    place(&p);
    layout(&p);
    write_code(&p);
    write_exceptions(&p, (const uint8_t *)PyBytes_AS_STRING(code->co_exceptiontable),
                     (size_t)PyBytes_GET_SIZE(code->co_exceptiontable));
    uint32_t tail = (uint32_t)(p.tail.length / 2);
    prof_locations_grow(&locations, (const uint8_t *)PyBytes_AS_STRING(code->co_linetable),
                        (size_t)PyBytes_GET_SIZE(code->co_linetable), p.grow, p.units, p.resume,
                        p.snippets[ENTER].units, tail);
    prof_bytes_add(&p.out, p.tail.data, p.tail.length);
    if (p.out.failed || p.tail.failed || p.table.failed || locations.failed) {
        PyErr_NoMemory();
        goto error;
    }
    all = consts_with(consts, probes);
    if (all) result = replace(code, all, &p, &locations);
error:
    Py_XDECREF(all);
    Py_DECREF(bytes);
    prof_bytes_free(&locations);
    plan_free(&p);
    return result;
}
