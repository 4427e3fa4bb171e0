/* The interpreter from outside: its threads and their frames, through copies that cannot fault. Nothing here takes a lock of
 * the interpreter's or runs while holding one; all but start and the hook of code objects runs in the sampler's thread. */
#include "python/version/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/labels.h"
#include "core/lines.h"
#include "modes/samples/remote.h"
#include "modes/samples/sampler.h"
#include "core/stack.h"
#include "python/control.h"
#include "python/site.h"
#include "python/bytecode/tables.h"
#include "python/text.h"

#if PROF_PY_VALIDATED

#define WINDOW 8192 /* bytes of a thread's frames that are copied at once, at most */
#define NEAR 384    /* of these, above and below where the frames ended the last time: copied first */
#define REACH 1024  /* of these, above and below where the frames ended the last time: they change at every call */
#define PAGE 4096u
#define C_REACH 2048        /* bytes of the C stack that are copied, on both sides of where the interpreter was the last time */
#define COMPLETIONS 8       /* later looks at a thread for the callers of what it ran */
#define OUTER_COMPLETIONS 2 /* for those outside of its innermost span */
#define MOST_STEPS 100000   /* of a chain of frames: a longer one goes round in a circle */
#define MOST_CODES 65536
#define LONGEST_TABLE (1 << 20)

/* Both in memory that is never freed: all that the sampler reads in place. */
static PyInterpreterState *interpreter;
static const prof_py_lock *gil;
static char main_file[1024], main_name[256];

/* ---- code objects --------------------------------------------------------------------------------------------------------- */

/* What is known of a code object, as long as it lives. */
typedef struct {
    const void *address;      /* NULL: a free slot */
    uint32_t deaths;          /* of its class, when it was read */
    uint32_t first_traceable; /* code units */
    uintptr_t begin;          /* of its instructions */
    uint32_t units;
    int is_span;             /* the function is marked: while it has no span open, it begins or ends */
    uint32_t line;           /* first, in the uninstrumented source */
    prof_ref function;       /* label; 0: the slot's code cannot be read */
    prof_ref file, qualname; /* texts */
    uint32_t *lines;         /* Owned: by code unit, in the uninstrumented source */
    prof_ref *labels;        /* Owned: by code unit, of the lines; 0 not made yet */
} code;

/* Code objects die and others come to lie there. Whoever dies is counted in its class of addresses, before its memory can be
 * used again, so what is remembered of an address holds while the count of its class stands still. */
#define CLASSES 4096
static uint32_t deaths[CLASSES];
static destructor code_dealloc;

static uint32_t *class_of(const void *address) { return &deaths[(uintptr_t)address * 0x9e3779b97f4a7c15u >> 52]; }

static void count_death(PyObject *o) {
    __atomic_fetch_add(class_of(o), 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* before whatever comes to lie there */
    code_dealloc(o);
}

static int no_room; /* in the file, for the label of a function */
static code *codes; /* Owned: an open-addressing table */
static size_t codes_mask, codes_used;

static void codes_free(void) {
    for (size_t i = 0; codes && i <= codes_mask; i++) {
        free(codes[i].lines);
        free(codes[i].labels);
    }
    free(codes);
    codes = NULL;
    codes_mask = codes_used = 0;
}

static size_t codes_home(const void *address, size_t mask) {
    return (size_t)((uintptr_t)address * 0x9e3779b97f4a7c15u >> 30) & mask;
}

static int codes_grow(void) {
    if (codes_used > MOST_CODES) codes_free(); /* programs that make code for ever: what lives is read again */
    size_t size = codes ? (codes_mask + 1) * 2 : 512;
    code *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; codes && i <= codes_mask; i++) {
        if (!codes[i].address) continue;
        size_t k = codes_home(codes[i].address, size - 1);
        while (bigger[k].address) k = (k + 1) & (size - 1);
        bigger[k] = codes[i];
    }
    free(codes);
    codes = bigger;
    codes_mask = size - 1;
    return 0;
}

/* Copies a str as UTF-8; 0, or -1 when there is none. */
static int copy_text(const void *address, char *text, size_t size) {
    static union {
        PyCompactUnicodeObject head;
        char bytes[1 << 13];
    } copy;
    if (!prof_remote_get(&copy, address, sizeof copy.head) || copy.head._base.ob_base.ob_type != &PyUnicode_Type) return -1;
    size_t bytes = prof_py_remote_text_bytes(&copy.head);
    if (!bytes || bytes > sizeof copy || !prof_remote_get(&copy, address, bytes)) return -1;
    if (prof_py_remote_text_bytes(&copy.head) != bytes) return -1;
    prof_py_utf8((PyObject *)&copy, text, size);
    return 0;
}

static int copy_lines(const PyCodeObject *c, code *entry) {
    PyVarObject head;
    if (!prof_remote_get(&head, c->co_linetable, sizeof head) || head.ob_base.ob_type != &PyBytes_Type) return -1;
    if (head.ob_size < 0 || head.ob_size > LONGEST_TABLE) return -1;
    unsigned char *table = malloc((size_t)head.ob_size + 1);
    entry->lines = calloc(entry->units + 1, sizeof *entry->lines);
    entry->labels = calloc(entry->units + 1, sizeof *entry->labels);
    int there = table && entry->lines && entry->labels &&
                prof_remote_get(table, (const char *)c->co_linetable + offsetof(PyBytesObject, ob_sval), (size_t)head.ob_size);
    prof_location_reader locations;
    if (there) prof_locations_open(&locations, table, (size_t)head.ob_size, c->co_firstlineno);
    for (uint32_t unit = 0; there && unit < entry->units; unit++) entry->lines[unit] = prof_locations_at(&locations, unit)->line;
    free(table);
    return there ? 0 : -1;
}

/* The module that a file is, as far as the file system tells: its name below the folders that are packages. */
static void module_of(const char *file, char *module, size_t size) {
    char path[1024];
    if (!strcmp(file, main_file) && main_name[0]) {
        snprintf(module, size, "%s", main_name);
        return;
    }
    if (file[0] == '<') { /* "<frozen importlib._bootstrap>", "<string>" */
        const char *begin = !strncmp(file, "<frozen ", 8) ? file + 8 : file;
        snprintf(module, size, "%.*s", (int)(begin == file ? strlen(file) : strcspn(begin, ">")), begin);
        return;
    }
    size_t length = (size_t)snprintf(path, sizeof path, "%s", file);
    if (length >= sizeof path) length = sizeof path - 1;
    if (length > 3 && !strcmp(path + length - 3, ".py")) path[length - 3] = 0;
    char *begin = strrchr(path, '/'), *last = begin;
    begin = begin ? begin + 1 : path;
    while (last && last > path) {
        *last = 0;
        char init[sizeof path + 16];
        snprintf(init, sizeof init, "%s/__init__.py", path);
        char *slash = strrchr(path, '/');
        int package = !access(init, F_OK);
        *last = '/';
        if (!package) break;
        begin = slash ? slash + 1 : path;
        last = slash;
    }
    size_t n = 0;
    for (char *p = begin; *p && n + 1 < size; p++) module[n++] = *p == '/' ? '.' : *p;
    module[n] = 0;
    if (n > 9 && !strcmp(module + n - 9, ".__init__")) module[n - 9] = 0;
}

/* "module.Class.method", without "<locals>.". */
static void full_name(const char *module, const char *qualname, char *name, size_t size) {
    size_t n = (size_t)snprintf(name, size, "%s.", module);
    while (*qualname && n + 1 < size) {
        if (!strncmp(qualname, "<locals>.", 9)) qualname += 9;
        else name[n++] = *qualname++;
    }
    name[n < size ? n : size - 1] = 0;
}

/* Whether the code has probes; its function may not have been called yet, so that nobody knows its label. */
static int has_probes(const PyCodeObject *c) {
    PyVarObject consts;
    PyObject last, *probe;
    if (!prof_remote_get(&consts, c->co_consts, sizeof consts) || consts.ob_base.ob_type != &PyTuple_Type) return 0;
    if (consts.ob_size <= 0) return 0;
    PyObject *const *items = ((const PyTupleObject *)c->co_consts)->ob_item;
    return prof_remote_get(&probe, items + consts.ob_size - 1, sizeof probe) && prof_remote_get(&last, probe, sizeof last) &&
           last.ob_type == &prof_raise_type;
}

static int name_code(const PyCodeObject *c, code *entry) {
    char file[1024], qualname[512], module[512], name[1100];
    if (copy_text(c->co_filename, file, sizeof file) || copy_text(c->co_qualname, qualname, sizeof qualname)) return -1;
    module_of(file, module, sizeof module);
    full_name(module, qualname, name, sizeof name);
    entry->line = c->co_firstlineno > 0 ? prof_line_original(file, (uint32_t)c->co_firstlineno) : 0;
    prof_label *label = prof_label_intern(PROF_FRAME, name, module, file, entry->line, 0);
    no_room = !label;
    if (no_room) return -1;
    entry->function = prof_arena_ref(label);
    entry->file = label->file;
    entry->is_span = has_probes(c) || prof_label_is_span(name, file, entry->line);
    entry->qualname = prof_string_ref(qualname);
    return 0;
}

/* Makes lines of the source as it was written of those that the interpreter knows. */
static void original_lines(code *entry) {
    const char *file = prof_string_text(entry->file);
    uint32_t before = 0, original = entry->line;
    for (uint32_t unit = 0; unit < entry->units; unit++) {
        uint32_t line = entry->lines[unit];
        if (line != before) original = line ? prof_line_original(file, line) : entry->line;
        before = line;
        entry->lines[unit] = original;
    }
}

/* Reads the code object at entry->address. 0, or -1 when there is none. */
static int read_code(code *entry) {
    PyCodeObject c;
    size_t head = prof_py_bytecode_offset();
    entry->deaths = __atomic_load_n(class_of(entry->address), __ATOMIC_ACQUIRE);
    if (!prof_remote_get(&c, entry->address, head) || Py_TYPE(&c) != &PyCode_Type) return -1;
    if (Py_SIZE(&c) <= 0 || Py_SIZE(&c) > LONGEST_TABLE || prof_py_first_traceable(&c) < 0) return -1;
    entry->begin = (uintptr_t)entry->address + head;
    entry->units = (uint32_t)Py_SIZE(&c);
    entry->first_traceable = (uint32_t)prof_py_first_traceable(&c);
    if (copy_lines(&c, entry) || name_code(&c, entry)) return -1;
    original_lines(entry);
    return 0;
}

/* The code object at that address, NULL when it cannot be read. Borrowed until the next call. */
static code *code_at(const void *address) {
    if ((!codes || (codes_used + 1) * 2 > codes_mask) && codes_grow()) return NULL;
    size_t k = codes_home(address, codes_mask);
    while (codes[k].address && codes[k].address != address) k = (k + 1) & codes_mask;
    code *entry = &codes[k];
    if (entry->address && entry->function && entry->deaths == __atomic_load_n(class_of(address), __ATOMIC_ACQUIRE)) return entry;
    free(entry->lines);
    free(entry->labels);
    code new = {.address = address};
    int failed = read_code(&new);
    if (failed) new.function = 0; /* the slot stays: another address may have been put behind it */
    if (!entry->address) codes_used++;
    *entry = new;
    return failed ? NULL : entry;
}

/* The label of the line at a code unit; 0 without room. */
static prof_ref line_label(code *c, uint32_t unit) {
    if (!c->labels[unit]) {
        prof_label *label = prof_label_line(prof_string_text(c->qualname), prof_string_text(c->file), c->lines[unit]);
        c->labels[unit] = label ? prof_arena_ref(label) : 0;
    }
    return c->labels[unit];
}

/* ---- frames ------------------------------------------------------------------------------------------------------------------ */

/* A thread runs on while it is copied, so a sample is of the first instant: when its innermost frame was read from its state.
 * That decides which function is counted. Whoever would look again until all fits together would prefer functions that run
 * for long over generators that yield every microsecond. What a frame's copy does not say any more (a generator that has
 * yielded meanwhile names no caller) is read from the frames that run then; those that did not yet at the first instant are
 * left out. */

/* Copied memory that frames are looked for in. */
typedef struct {
    uintptr_t begin, end;
    char bytes[WINDOW + 2 * PAGE];
} window;
static window c_window;     /* of the thread's C stack, where the interpreter has frames of its own */
static window frame_window; /* the innermost frame, where it is a generator's: that lies anywhere */
static window stack_window; /* the upper end of the thread's own stack of frames */
static window page_window;  /* a page elsewhere */
static prof_py_state state_copy;

/* `at` may be any number: a frame that is written over names no caller, but whatever lies there. */
static int window_has(const window *w, uintptr_t at, size_t bytes) { return at >= w->begin && at < w->end && w->end - at >= bytes; }

static void open_window(window *w, uintptr_t begin, uintptr_t end) {
    w->begin = begin;
    w->end = end;
}

static void close_window(window *w) { open_window(w, 0, 0); }

static prof_remote_piece part_of(window *w, uintptr_t begin, uintptr_t end) {
    return (prof_remote_piece){w->bytes + (begin - w->begin), (const void *)begin, end - begin};
}

static prof_remote_piece whole(window *w, uintptr_t begin, uintptr_t end) {
    open_window(w, begin, end);
    return part_of(w, begin, end);
}

static const void *bytes_at(uintptr_t at, size_t bytes) {
    const window *all[] = {&stack_window, &frame_window, &c_window, &page_window};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (window_has(all[i], at, bytes)) return all[i]->bytes + (at - all[i]->begin);
    return NULL;
}

static const void *frame_bytes(uintptr_t at) {
    const void *found = bytes_at(at, PROF_PY_FRAME_BYTES);
    if (found) return found;
    /* From the beginning of its page, where its callers may lie, to its end. */
    prof_remote_piece page = whole(&page_window, at & ~(uintptr_t)(PAGE - 1), at + PROF_PY_FRAME_BYTES);
    if (prof_remote_copy(&page, 1) != (long)page.bytes) close_window(&page_window);
    return bytes_at(at, PROF_PY_FRAME_BYTES);
}

/* Of prof_remote_thread.guess, from the last look: where the interpreter's own frames were, how much of the thread's was of use,
 * where these began and ended, how far they may go, and the innermost one when it was a generator's. */
enum { C_STACK, DEPTH, BEGIN, TOP, LIMIT, FRAME };

static void guess_stack(prof_remote_thread *t) {
    uintptr_t begin = prof_py_stack_begin(&state_copy), top = prof_py_stack_top(&state_copy);
    uintptr_t limit = prof_py_stack_limit(&state_copy);
    int none = !begin || top < begin || limit < top;
    t->guess[BEGIN] = none ? 0 : begin;
    t->guess[TOP] = none ? 0 : top;
    t->guess[LIMIT] = none ? 0 : limit;
}

static uintptr_t below(uintptr_t at, uintptr_t bytes, uintptr_t least) { return at - least > bytes ? at - bytes : least; }
static uintptr_t above(uintptr_t at, uintptr_t bytes, uintptr_t most) { return most - at > bytes ? at + bytes : most; }

static prof_remote_piece c_piece(const prof_remote_thread *t) {
    uintptr_t at = t->guess[C_STACK];
    return at < C_REACH ? whole(&c_window, 0, 0) : whole(&c_window, (at - C_REACH) & ~(uintptr_t)7, at + C_REACH);
}

/* Copies a thread: its state, then what else is likely to tell its frames; what changes first comes first. `frame` is one that
 * lies elsewhere, or 0. What is not there is left out. 0; -2 when the state is another's.
 *
 * All in one call, and as little as can be before the innermost frame, for the thread runs on: were there half a microsecond
 * between the state and the frame that it names, a short function would have ended and the next one would lie where it lay. */
static int copy_thread(prof_remote_thread *t, uintptr_t frame) {
    enum { STATE, C_FIRST, MIDDLE, ABOVE, BELOW, ELSEWHERE, C_LAST, PIECES };
    window *const windows[PIECES] = {NULL, &c_window, &stack_window, &stack_window, &stack_window, &frame_window, &c_window};
    const uintptr_t begin = t->guess[BEGIN], top = t->guess[TOP], limit = t->guess[LIMIT];
    const uintptr_t lower = below(top, t->guess[DEPTH], begin), middle = below(top, NEAR, lower);
    const uintptr_t after = above(top, NEAR, limit), upper = above(top, REACH, limit);
    prof_remote_piece pieces[PIECES] = {{&state_copy, t->state, PROF_PY_STATE_BYTES}};
    open_window(&stack_window, lower, upper);
    pieces[MIDDLE] = part_of(&stack_window, middle, after);
    pieces[ABOVE] = part_of(&stack_window, after, upper);
    pieces[BELOW] = part_of(&stack_window, lower, middle);
    pieces[ELSEWHERE] = whole(&frame_window, frame, frame ? frame + PROF_PY_FRAME_BYTES : 0);
    pieces[PROF_PY_CFRAME_BYTES ? C_FIRST : C_LAST] = c_piece(t); /* whether it is there that the innermost frame is named */
    close_window(&page_window);
    long left = prof_remote_copy(pieces, PIECES);
    if (left < (long)PROF_PY_STATE_BYTES) return -2;
    if (prof_py_interpreter(&state_copy) != interpreter || prof_py_native_thread(&state_copy) != t->native_id ||
        prof_py_state_id(&state_copy) != t->serial)
        return -2;
    for (size_t i = 0; i < PIECES; left -= (long)pieces[i++].bytes)
        if (left < (long)pieces[i].bytes && windows[i]) close_window(windows[i]);
    if (PROF_PY_CFRAME_BYTES) t->guess[C_STACK] = (uintptr_t)prof_py_cframe_at(&state_copy);
    guess_stack(t);
    return 0;
}

/* The innermost frame by the copies of the state and, where it is on the C stack, of that; 0 when it has none. No address of a
 * frame where that is not known. */
static uintptr_t top_frame(void) {
    prof_py_cframe cframe;
    uintptr_t at = (uintptr_t)prof_py_cframe_at(&state_copy);
    if (PROF_PY_CFRAME_BYTES && window_has(&c_window, at, sizeof cframe))
        memcpy(&cframe, c_window.bytes + (at - c_window.begin), sizeof cframe);
    else if (PROF_PY_CFRAME_BYTES && !prof_remote_get(&cframe, (const void *)at, sizeof cframe)) return 1;
    return (uintptr_t)prof_py_remote_top(&state_copy, &cframe);
}

static int is_boundary(const prof_boundary *b, uintptr_t frame, const code *c) {
    if (b->owner) return (uintptr_t)b->owner == frame;
    return b->file && c->file == b->file && c->line == b->line;
}

/* How a walk along the frames ended: where it should, at a frame that says no more, or for want of room in the file. */
enum { ENDED, BROKEN, NO_ROOM, GOES_ON };

/* Takes a frame in. */
static int take_frame(prof_remote_stack *stack, const prof_boundary *b, uintptr_t address, const prof_py_frame *f) {
    const void *code_address = prof_py_remote_code(f);
    if (!code_address || code_address == Py_None) return GOES_ON; /* the interpreter's own */
    code *c = (uintptr_t)code_address & 7 ? NULL : code_at(code_address);
    if (!c) return no_room ? NO_ROOM : BROKEN;
    intptr_t unit = ((intptr_t)prof_py_instruction(f) - (intptr_t)c->begin) / PROF_PY_UNIT_BYTES;
    if (unit < -1 || unit >= (intptr_t)c->units) return BROKEN;
    if (unit < (intptr_t)c->first_traceable && !prof_py_remote_generator(f)) return GOES_ON; /* has not begun */
    int boundary = is_boundary(b, address, c);
    if (!stack->line && c->is_span && !boundary) return GOES_ON; /* on its way in or out: still, or again, its caller's time */
    if (unit < 0) unit = 0;
    if (!stack->line) stack->line = line_label(c, (uint32_t)unit);
    if (boundary && !stack->found) stack->below = stack->count;
    stack->found |= (uint32_t)boundary;
    stack->cut = stack->count == PROF_STACK_DEPTH;
    if (stack->cut) return ENDED;
    stack->lines[stack->count] = c->lines[unit];
    stack->frames[stack->count++] = c->function;
    return GOES_ON;
}

/* A walk along a thread's frames, and how far it has come. */
typedef struct {
    prof_remote_thread *t; /* Borrowed, and so is the rest */
    const prof_boundary *boundary;
    prof_remote_stack *stack;
    uintptr_t chunk, limit,
        end;          /* of the thread's frames at the first instant: from `limit` to `end` they ran later, or are taken */
    uintptr_t last;   /* the latest frame that was walked over; 0 none */
    uintptr_t bottom; /* a frame that runs even if it names no caller; 0 none */
} walk;

/* Follows the frames from `at` on: of a later instant than those up to w->last, if there is such a one. */
static int walk_from(walk *w, uintptr_t at) {
    const uintptr_t joint = w->last;
    const uint32_t kept = w->stack->count, found = w->stack->found;
    const uintptr_t base = (uintptr_t)prof_py_remote_base(&state_copy);
    for (int steps = 0; at && at != base; steps++) {
        prof_py_frame frame;
        const void *bytes = at & 7 || steps == MOST_STEPS ? NULL : frame_bytes(at);
        if (!bytes) return BROKEN;
        memcpy(&frame, bytes, PROF_PY_FRAME_BYTES);
        if (at == joint) { /* whom we met on the way here was called later */
            w->stack->count = kept;
            w->stack->found = found;
        } else if (at < w->limit || at >= w->end) {
            int result = take_frame(w->stack, w->boundary, at, &frame);
            if (result != GOES_ON) return result;
            if (!PROF_PY_CFRAME_BYTES && !prof_py_remote_code(&frame)) w->t->guess[C_STACK] = at;
        }
        w->last = at;
        if (at >= w->chunk && at < w->limit) w->limit = at;
        if (!prof_py_previous(&frame) && at != w->bottom && !prof_py_remote_outermost(&frame))
            return BROKEN; /* it has yielded, or just begins */
        at = (uintptr_t)prof_py_previous(&frame);
    }
    return ENDED;
}

/* Takes the callers of what `w` has come to from the frames that run now. */
static int complete(const walk *w) {
    prof_remote_stack *stack = w->stack;
    const uint32_t count = stack->count, found = stack->found;
    const prof_ref line = stack->line;
    walk later = *w;
    int result = prof_py_stack_begin(&state_copy) == w->chunk ? walk_from(&later, top_frame()) : BROKEN;
    if (result == ENDED && (stack->found || stack->cut || !(w->boundary->owner || w->boundary->file))) return ENDED;
    stack->count = count;
    stack->found = found;
    stack->cut = 0;
    stack->line = line;
    return result == NO_ROOM ? NO_ROOM : BROKEN;
}

/* Copies the thread anew: a later instant. As copy_thread. If `top` still is its innermost frame, that runs. */
static int look_again(walk *w, uintptr_t top, uintptr_t frame) {
    int gone = copy_thread(w->t, frame);
    w->bottom = !gone && top_frame() == top ? top : 0;
    return gone;
}

static int copy_stack(prof_remote_thread *t, const prof_boundary *boundary, prof_remote_stack *stack) {
    stack->count = stack->below = stack->found = stack->whole = stack->cut = stack->partial = stack->line = 0;
    no_room = 0;
    int gone = copy_thread(t, t->guess[FRAME]);
    if (gone) return gone;
    const uintptr_t stack_top = prof_py_stack_top(&state_copy), end = prof_py_stack_limit(&state_copy), top = top_frame();
    walk w = {t, boundary, stack, prof_py_stack_begin(&state_copy), end, end, 0, 0};
    if (top && !bytes_at(top, PROF_PY_FRAME_BYTES)) { /* it lies where nobody expected it */
        int known = !(top & 7);
        if (known && (top < w.chunk || top >= end)) t->guess[FRAME] = top;
        if ((gone = look_again(&w, top, known ? top : 0))) return gone;
    }
    int result = walk_from(&w, top), first = !!stack->line;
    if (w.limit == end) w.limit = stack_top;
    for (int i = 0; result == BROKEN && i < (stack->found ? OUTER_COMPLETIONS : COMPLETIONS); i++) {
        if ((gone = look_again(&w, top, 0))) break;
        result = complete(&w);
    }
    if (gone && !stack->found) return gone;
    uintptr_t depth = w.limit < stack_top ? stack_top - w.limit + REACH : REACH;
    t->guess[DEPTH] = depth < WINDOW ? depth : WINDOW; /* no more than was of use */
    stack->whole = result == ENDED && !stack->cut;
    stack->partial = (result == BROKEN && !stack->found) || (!first && stack->line);
    return result == NO_ROOM && !stack->found ? -3 : result == BROKEN && !stack->line ? -1 : 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

static struct {
    uint64_t last_serial;
    const prof_py_state *head;
    const void *holder; /* state of the thread that held the GIL when the tick began, or NULL */
    int again;          /* a list that changed while it was read */
} shared;

static int begin(void) {
    const prof_py_state *head = prof_py_first_state(interpreter);
    uint64_t serial = prof_py_next_id(interpreter);
    int changed = serial != shared.last_serial || head != shared.head || shared.again;
    shared.last_serial = serial;
    shared.head = head;
    shared.holder = prof_py_gil_holder(gil);
    return changed;
}

/* Leaves out the states of threads that have been made and not begun: on 3.11 they have the id of the thread that made them,
 * whose own state is older. The newest come first, and only they can be so young. */
static size_t without_unborn(prof_remote_thread *found, size_t n) {
    enum { YOUNGEST = 64 };
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t older = i < YOUNGEST ? i + 1 : n;
        while (older < n && found[older].native_id != found[i].native_id) older++;
        if (older < n) shared.again = 1;
        else found[kept++] = found[i];
    }
    return kept;
}

static size_t threads(prof_remote_thread *found, size_t room) {
    size_t n = 0;
    const prof_py_state *at = shared.head;
    for (shared.again = 0; at && n < room; at = prof_py_next_state(&state_copy)) {
        if ((uintptr_t)at & 7 || !prof_remote_get(&state_copy, at, PROF_PY_STATE_BYTES) ||
            prof_py_interpreter(&state_copy) != interpreter) {
            shared.again = 1;
            break;
        }
        if (!prof_py_native_thread(&state_copy)) { /* has not begun to run */
            shared.again = 1;
            continue;
        }
        found[n++] = (prof_remote_thread){prof_py_native_thread(&state_copy), at, prof_py_state_id(&state_copy), {0}};
    }
    return without_unborn(found, n);
}

static int holds(const prof_remote_thread *t) { return shared.holder == t->state; }

static int is_lock(uintptr_t address) { return address >= (uintptr_t)gil && address < (uintptr_t)gil + sizeof *gil; }

static const prof_walker walker = {begin, threads, copy_stack, holds, is_lock, codes_free};

/* ---- in and out ------------------------------------------------------------------------------------------------------------------ */

static const prof_walker *walker_or_reason(char *why, size_t size) {
    int error = prof_remote_allowed();
    why[0] = 0;
    if (error)
        snprintf(why, size, "the system does not let the process read its own memory (process_vm_readv: %s)", strerror(error));
    else if (!prof_py_layout_matches()) snprintf(why, size, "this interpreter's frames are laid out in an unknown way");
    return why[0] ? NULL : &walker;
}

int prof_py_samples_start(uint64_t interval_ns, const char *file, const char *name, int frames) {
    char why[256] = "it was asked for (frames=false)";
    PyGILState_STATE held = PyGILState_Ensure();
    interpreter = PyInterpreterState_Main();
    gil = prof_py_gil(interpreter);
    snprintf(main_file, sizeof main_file, "%s", file);
    snprintf(main_name, sizeof main_name, "%s", name);
    memset(&shared, 0, sizeof shared);
    const prof_walker *found = frames ? walker_or_reason(why, sizeof why) : NULL;
    if (found && PyCode_Type.tp_dealloc != count_death) {
        code_dealloc = PyCode_Type.tp_dealloc;
        PyCode_Type.tp_dealloc = count_death;
    }
    int error = prof_sampler_start(interval_ns, found, why);
    PyGILState_Release(held);
    return error;
}

void prof_py_samples_stop(void) {
    prof_sampler_stop();
    PyGILState_STATE held = PyGILState_Ensure();
    if (PyCode_Type.tp_dealloc == count_death) PyCode_Type.tp_dealloc = code_dealloc;
    PyGILState_Release(held);
}

#else

int prof_py_samples_start(uint64_t interval_ns, const char *file, const char *name, int frames) {
    return prof_sampler_start(interval_ns, NULL, "the frames of this version of Python are not known");
}

void prof_py_samples_stop(void) { prof_sampler_stop(); }

#endif

void prof_py_samples_name(uint64_t native_id, const char *name) { prof_sampler_name(native_id, name); }
