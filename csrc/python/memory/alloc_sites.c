#define _GNU_SOURCE
#include "python/version/version.h"
#include "alloc_sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/busy.h"
#include "core/labels.h"
#include "core/lines.h"
#include "core/stack.h"
#include "python/bytecode/tables.h"
#include "python/text.h"

#if PROF_PY_VALIDATED

/* So often an instruction allocates on its first run before its site is remembered. Most code of a table of data runs once, and
 * each of its instructions makes an object of two or three blocks: remembering them all would cost more than they do. */
#define FEW 4

typedef struct {
    uint32_t unit;
    prof_ref top;
} remembered;

typedef struct {
    prof_ref top, site;
} line_site;

#define MOST_LINES (1u << 20) /* of a code object that have a slot of their own: source may say any number */

/* What is known of a code object that allocates. It hangs on the code, and goes with it. */
typedef struct {
    const PyCodeObject *code; /* Borrowed: whose note it is */
    prof_line_index lines;
    uint64_t epoch; /* of the recording that the rest is for */
    prof_ref function, file;
    uint32_t own;     /* it is the profiler's */
    uint32_t fresh;   /* units from here on have not allocated yet */
    uint32_t repeats; /* how often the last one has, in a row */
    uint32_t line_room;
    line_site *sites; /* Owned: what each line's site was last, by its distance from the first */
    uint32_t count, room;
    remembered *keys; /* Owned: what prof_site_find knows of it */
} note;

static Py_ssize_t code_slot = -1; /* of code objects, for their notes */
static char own_folder[1024];

/* What the calling thread named last, with the GIL, for when it allocates there without. */
typedef struct {
    uint64_t epoch;
    uintptr_t instruction;
    prof_node *top, *site; /* Borrowed from the arena */
} named;
#define LATEST 8 /* a call, and what its arguments were made by */
static __thread struct {
    named last[LATEST];
    uint32_t next;
} latest __attribute__((tls_model("initial-exec")));

/* What `latest` has of the instruction below `top`, or NULL. */
static named *latest_of(uintptr_t instruction, const prof_node *top) {
    for (named *l = latest.last; l < latest.last + LATEST; l++)
        if (l->epoch == prof_epoch && l->instruction == instruction && l->top == top) return l;
    return NULL;
}

/* ---- notes on code ---------------------------------------------------------------------------------------------------------- */

static uintptr_t address(const PyCodeObject *code, uint32_t unit) {
    return (uintptr_t)prof_py_bytecode(code) + unit * PROF_PY_UNIT_BYTES;
}

/* Code objects come and go, and others come to lie where they lay. */
static void code_gone(void *o) {
    note *n = o;
    if (!n) return; /* another slot of it was in use, not ours */
    if (prof_memory_mode && n->epoch == prof_epoch)
        for (uint32_t i = 0; i < n->count; i++) prof_site_forget(address(n->code, n->keys[i].unit), n->keys[i].top);
    prof_line_index_close(&n->lines);
    free(n->sites);
    free(n->keys);
    free(n);
}

/* The note of a code object. Its slot is memory of Python's, which is safe to ask for while our own hooks answer first: another
 * tool's, above ours, may hold a lock that it would take again. NULL where it has none. */
static note *note_of(PyCodeObject *code, int (*may_ask)(void)) {
    void *known = NULL;
    PyUnstable_Code_GetExtra((PyObject *)code, code_slot, &known);
    if (known || !may_ask()) return known;
    note *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->code = code;
    prof_line_index_open(&n->lines, (const uint8_t *)PyBytes_AS_STRING(code->co_linetable),
                         (size_t)PyBytes_GET_SIZE(code->co_linetable), code->co_firstlineno);
    prof_busy.quiet++;
    int failed = PyUnstable_Code_SetExtra((PyObject *)code, code_slot, n);
    prof_busy.quiet--;
    if (!failed) return n;
    free(n);
    return NULL;
}

/* A str's UTF-8 without asking Python for memory: its own, or written into `buffer`, cut to fit. */
static const char *text_of(PyObject *text, char *buffer, size_t size) {
    if (PyUnicode_IS_COMPACT_ASCII(text)) return (const char *)PyUnicode_1BYTE_DATA(text);
    prof_py_utf8(text, buffer, size);
    return buffer;
}

/* Whose code it is, in the running recording. */
static void begin_note(note *n, const PyCodeObject *code) {
    char file[1024], function[512];
    const char *path = text_of(code->co_filename, file, sizeof file);
    n->own = own_folder[0] && !strncmp(path, own_folder, strlen(own_folder));
    n->function = prof_string_ref(text_of(code->co_qualname, function, sizeof function));
    n->file = prof_string_ref(path);
    n->epoch = prof_epoch;
    n->fresh = n->repeats = n->count = 0;
    if (n->sites) memset(n->sites, 0, n->line_room * sizeof *n->sites);
}

static uint32_t original(const note *n, uint32_t line) { return line ? prof_line_original(prof_string_text(n->file), line) : 0; }

/* ---- sites ------------------------------------------------------------------------------------------------------------------ */

/* Whether the instruction has come by often enough to be remembered. */
static int comes_again(note *n, uint32_t unit) {
    uint32_t last = n->fresh - 1;
    if (unit == last) return ++n->repeats >= FEW;
    n->repeats = 1;
    if (unit < last && n->fresh) return 1;
    n->fresh = unit + 1;
    return 0;
}

static void remember(note *n, uint32_t unit, prof_node *top, prof_node *site) {
    if (n->count == n->room) {
        uint32_t room = n->room ? n->room * 2 : 4;
        remembered *bigger = realloc(n->keys, room * sizeof *bigger);
        if (!bigger) return;
        n->keys = bigger;
        n->room = room;
    }
    if (!prof_site_remember(address(n->code, unit), top, site)) n->keys[n->count++] = (remembered){unit, prof_arena_ref(top)};
}

/* Where the site of a line is kept; NULL without memory, or for a line far off. */
static line_site *slot_of(note *n, uint32_t line) {
    uint32_t k = line - (uint32_t)n->code->co_firstlineno, room = n->line_room ? n->line_room : 4;
    if (k >= MOST_LINES) return NULL;
    if (k < n->line_room) return &n->sites[k];
    while (room <= k) room *= 2;
    line_site *bigger = realloc(n->sites, room * sizeof *bigger);
    if (!bigger) return NULL;
    memset(bigger + n->line_room, 0, (room - n->line_room) * sizeof *bigger);
    n->sites = bigger;
    n->line_room = room;
    return &bigger[k];
}

/* The site of a code unit. */
static prof_node *site_of(note *n, prof_thread *t, prof_node *top, uint32_t unit) {
    uint32_t line = prof_line_index_at(&n->lines, unit);
    line_site *known = slot_of(n, line);
    if (known && known->site && known->top == prof_arena_ref(top)) return prof_arena_at(known->site);
    prof_node *site = prof_site_at_line(t, top, n->function, n->file, original(n, line));
    if (known && site) *known = (line_site){prof_arena_ref(top), prof_arena_ref(site)};
    return site;
}

static prof_node *site_without_frame(prof_thread *t, prof_node *top) {
    return prof_site_at_line(t, top, prof_string_ref(""), prof_string_ref("<no Python frame>"), 0);
}

/* Where code cannot have a note, everything is looked up each time. */
static prof_node *site_without_note(prof_thread *t, prof_node *top, const prof_py_frame *frame) {
    note n = {0};
    begin_note(&n, prof_py_code(frame));
    return n.own ? NULL : prof_site_at_line(t, top, n.function, n.file, original(&n, (uint32_t)prof_py_line(frame)));
}

/* The frame that an allocation is for: one that has not begun (a closure's cells, a generator being made) allocates for its
 * caller. */
static prof_py_frame *begun(prof_py_frame *frame) {
    while (frame && prof_py_incomplete(frame)) frame = prof_py_previous(frame);
    return frame;
}

/* The site of a frame whose instruction is not known yet; NULL where nothing is to be counted. */
static prof_node *name_site(prof_thread *t, prof_node *top, prof_py_frame *frame, int (*may_ask)(void)) {
    note *n = note_of(prof_py_code(frame), may_ask);
    if (!n) return site_without_note(t, top, frame);
    if (n->epoch != prof_epoch) begin_note(n, n->code);
    if (n->own) return NULL;
    uint32_t unit = prof_py_unit(frame);
    prof_node *site = site_of(n, t, top, unit);
    if (site && comes_again(n, unit)) remember(n, unit, top, site);
    return site;
}

prof_node *prof_alloc_site(prof_thread *t, prof_node *top, prof_py_frame *frame, int (*may_ask)(void)) {
    prof_py_frame *f = begun(frame);
    uintptr_t instruction = f ? (uintptr_t)prof_py_instruction(f) : 0;
    if (!f) return site_without_frame(t, top);
    prof_node *site = f != frame ? prof_site_find(instruction, prof_arena_ref(top)) : NULL;
    if (!site) site = name_site(t, top, f, may_ask);
    named *known = latest_of(instruction, top);
    if (!known) known = &latest.last[latest.next++ % LATEST];
    *known = (named){prof_epoch, instruction, top, site};
    return site;
}

uint32_t prof_alloc_site_without_gil(void) {
    prof_py_state *state = PyGILState_GetThisThreadState();
    prof_thread *t = prof_current;
    if (!state) return PROF_SITE_WITHOUT_GIL;
    if (prof_py_interpreter(state) != PyInterpreterState_Main()) return PROF_SITE_ELSEWHERE;
    /* A thread's frames and its shadow stack are changed by itself alone. */
    prof_py_frame *f = t->epoch == prof_epoch ? begun(prof_py_frame_of(state)) : NULL;
    if (!f) return PROF_SITE_WITHOUT_GIL;
    uintptr_t instruction = (uintptr_t)prof_py_instruction(f);
    prof_node *top = t->top->node;
    const named *known = latest_of(instruction, top);
    return prof_memory_without_gil(known ? known->site : NULL, instruction, prof_arena_ref(top));
}

int prof_alloc_sites_init(const char *folder) {
    if (code_slot < 0) code_slot = PyUnstable_Eval_RequestCodeExtraIndex(code_gone);
    snprintf(own_folder, sizeof own_folder, "%s", folder);
    return code_slot < 0 ? -1 : 0;
}

#endif
