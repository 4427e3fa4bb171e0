/* From outside: where the threads of another process are, and which spans are open in them. Nothing is stopped for it: what changes
 * while it is read is read again. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include "standby.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/threads.h"
#include "python/bytecode/tables.h"
#include "python/control.h"
#include "python/text.h"

#if PROF_PY_VALIDATED

#define MOST_THREADS 100000
#define MOST_FRAMES 2000 /* of a thread */
#define LONGEST_TABLE (1 << 20)
#define LOOKS 5

/* A look at a process. */
typedef struct {
    int pid;
    prof_standby known;
    prof_py_seen *rows; /* Borrowed */
    int count, room;
    const void *holder; /* the state that holds the lock, or NULL */
} look;

static int get(const look *l, void *to, uint64_t from, size_t bytes) { return prof_foreign_get(l->pid, to, from, bytes); }

static prof_py_seen *row(look *l, uint32_t kind, uint64_t thread) {
    if (l->count == l->room) return NULL;
    prof_py_seen *made = &l->rows[l->count++];
    memset(made, 0, offsetof(prof_py_seen, name));
    made->kind = kind;
    made->thread = thread;
    made->name[0] = made->file[0] = 0;
    return made;
}

/* ---- frames ------------------------------------------------------------------------------------------------------------------------ */

static int read_text(const look *l, const void *at, char *text, size_t size) {
    static union {
        PyCompactUnicodeObject head;
        char bytes[1 << 13];
    } copy;
    if (get(l, &copy, (uintptr_t)at, sizeof copy.head) || (uintptr_t)Py_TYPE(&copy.head) != l->known.str_type) return -1;
    size_t bytes = prof_py_remote_text_bytes(&copy.head);
    if (!bytes || bytes > sizeof copy || get(l, &copy, (uintptr_t)at, bytes) || prof_py_remote_text_bytes(&copy.head) != bytes)
        return -1;
    Py_SET_TYPE((PyObject *)&copy, &PyUnicode_Type); /* its own is in the other process: builds with assertions look at it */
    prof_py_utf8((PyObject *)&copy, text, size);
    return 0;
}

static uint32_t line_of(const look *l, const PyCodeObject *code, uint32_t unit) {
    PyVarObject head;
    if (get(l, &head, (uintptr_t)code->co_linetable, sizeof head) || head.ob_size < 0 || head.ob_size > LONGEST_TABLE) return 0;
    unsigned char *table = malloc((size_t)head.ob_size + 1);
    uint32_t line = 0;
    if (table && !get(l, table, (uintptr_t)code->co_linetable + offsetof(PyBytesObject, ob_sval), (size_t)head.ob_size)) {
        prof_location_reader reader;
        prof_locations_open(&reader, table, (size_t)head.ob_size, code->co_firstlineno);
        line = prof_locations_at(&reader, unit)->line;
    }
    free(table);
    return line;
}

/* Adds a frame that runs `code`. 0; -1 where there is none any more, or no room. */
static int add_frame(look *l, uint64_t thread, const prof_py_frame *frame, const void *at) {
    PyCodeObject code;
    const size_t head = prof_py_bytecode_offset();
    if ((uintptr_t)at & 7 || get(l, &code, (uintptr_t)at, head)) return -1;
    if ((uintptr_t)Py_TYPE(&code) != l->known.code_type) return prof_py_remote_outermost(frame) ? 0 : -1;
    intptr_t unit = ((intptr_t)prof_py_instruction(frame) - (intptr_t)((uintptr_t)at + head)) / PROF_PY_UNIT_BYTES;
    if (unit < -1 || unit >= (intptr_t)Py_SIZE(&code)) return -1;
    prof_py_seen *seen = row(l, PROF_PY_SEEN_FRAME, thread);
    if (!seen || read_text(l, code.co_qualname, seen->name, sizeof seen->name) ||
        read_text(l, code.co_filename, seen->file, sizeof seen->file))
        return -1;
    seen->line = line_of(l, &code, unit < 0 ? 0 : (uint32_t)unit);
    return 0;
}

/* 0, or -1 where the chain of frames did not hold. */
static int add_frames(look *l, const prof_py_state *state) {
    prof_py_cframe cframe = {0};
    if (PROF_PY_CFRAME_BYTES && get(l, &cframe, (uintptr_t)prof_py_cframe_at(state), PROF_PY_CFRAME_BYTES)) return -1;
    const void *at = prof_py_remote_top(state, &cframe), *base = prof_py_remote_base(state);
    for (int n = 0; at && at != base; n++) {
        prof_py_frame frame;
        if (n == MOST_FRAMES || (uintptr_t)at & 7 || get(l, &frame, (uintptr_t)at, PROF_PY_FRAME_BYTES)) return -1;
        const void *code = prof_py_remote_code(&frame);
        if (code && add_frame(l, prof_py_native_thread(state), &frame, code)) return -1;
        at = prof_py_previous(&frame);
    }
    return 0;
}

/* ---- spans ---------------------------------------------------------------------------------------------------------------------------- */

static int read_string(const look *l, uint64_t arena, prof_ref ref, char *text, size_t size) {
    uint64_t at = arena + (uint64_t)ref * PROF_REF_UNIT;
    uint32_t length;
    if (!ref || get(l, &length, at, sizeof length)) return -1;
    if (length >= size) length = (uint32_t)size - 1;
    text[length] = 0;
    return get(l, text, at + offsetof(prof_string, text), length);
}

/* Nanoseconds of a tick, by two instants of the header; 0 where they do not tell, or ticks are not of time that passes. */
static double tick_ns(const prof_header *h) {
    const prof_instant *last = h->last.ticks > h->first.ticks ? &h->last : &h->first;
    if (h->clock == PROF_CLOCK_CPU || last->ticks <= h->start.ticks) return 0;
    return (double)(last->monotonic_ns - h->start.monotonic_ns) / (double)(last->ticks - h->start.ticks);
}

static uint64_t open_ns(const prof_header *h, uint64_t entered) {
    double tick = tick_ns(h);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double now = (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
    double then = (double)h->start.monotonic_ns + ((double)entered - (double)h->start.ticks) * tick;
    return tick > 0 && now > then ? (uint64_t)(now - then) : 0;
}

static void add_spans_of(look *l, const prof_thread *t, uint64_t arena, const prof_header *header) {
    for (uintptr_t at = (uintptr_t)t->top; at > (uintptr_t)t->base; at -= sizeof(prof_frame)) {
        prof_frame frame;
        prof_label label;
        if (get(l, &frame, at, sizeof frame) || get(l, &label, (uintptr_t)frame.label, offsetof(prof_label, histogram))) return;
        prof_py_seen *seen = row(l, PROF_PY_SEEN_SPAN, t->native_id);
        if (!seen) return;
        if (read_string(l, arena, label.name, seen->name, sizeof seen->name)) {
            l->count--;
            return;
        }
        if (read_string(l, arena, label.file, seen->file, sizeof seen->file)) seen->file[0] = 0;
        seen->line = label.line;
        seen->ns = open_ns(header, frame.start);
    }
}

static void add_spans(look *l, uint64_t native_id) {
    uint64_t arena, at;
    prof_header header;
    if (get(l, &arena, l->known.arena, sizeof arena) || !arena || get(l, &header, arena, sizeof header)) return;
    if (header.state == PROF_CLOSED || get(l, &at, l->known.threads, sizeof at)) return;
    for (int n = 0; at && n < MOST_THREADS; n++) {
        prof_thread t;
        if (get(l, &t, at, sizeof t)) return;
        if (t.native_id == native_id) {
            add_spans_of(l, &t, arena, &header);
            return;
        }
        at = (uintptr_t)t.next;
    }
}

/* ---- threads -------------------------------------------------------------------------------------------------------------------------- */

static const void *lock_holder(const look *l) {
    prof_py_lock copy;
    return get(l, &copy, l->known.gil, sizeof copy) ? NULL : prof_py_gil_holder(&copy);
}

/* The thread of that state, from `begin` on. */
static void add_thread(look *l, uint64_t at, prof_py_state *state) {
    const int begin = l->count;
    int cut = 1;
    for (int n = 0; n < LOOKS && cut; n++) {
        l->count = begin;
        prof_py_seen *seen = row(l, PROF_PY_SEEN_THREAD, prof_py_native_thread(state));
        if (!seen || get(l, state, at, PROF_PY_STATE_BYTES)) return;
        cut = add_frames(l, state) != 0;
        seen->cut = (uint32_t)cut;
        seen->holds = (uintptr_t)l->holder == at;
    }
    add_spans(l, prof_py_native_thread(state));
}

int prof_py_look(int pid, uint64_t at, prof_py_seen *rows, int room, char *why, size_t size) {
    look l = {.pid = pid, .rows = rows, .room = room};
    prof_py_state state;
    uint64_t next = 0;
    if (prof_foreign_standby(pid, at, &l.known, why, size)) return -1;
    l.holder = lock_holder(&l);
    if (get(&l, &next, l.known.queue.first_state, sizeof next)) {
        snprintf(why, size, "its memory cannot be read: %s", strerror(errno));
        return -1;
    }
    for (int n = 0; next && n < MOST_THREADS && !get(&l, &state, next, PROF_PY_STATE_BYTES); n++) {
        if (prof_py_native_thread(&state)) add_thread(&l, next, &state); /* the others have not begun */
        next = (uintptr_t)prof_py_next_state(&state);
    }
    return l.count;
}

#else
int prof_py_look(int pid, uint64_t at, prof_py_seen *rows, int room, char *why, size_t size) {
    snprintf(why, size, "this Python is not known");
    return -1;
}
#endif
