#define _GNU_SOURCE
/* The allocator hooks: CPython's three domains, wrapped around whatever is installed. */
#include "python/version/version.h"

#include <errno.h>

#include "modes/memory/memory.h"
#include "core/busy.h"
#include "core/stack.h"
#include "alloc_sites.h"
#include "python/control.h"
#include "python/bytecode/opcodes.h"
#include "tracked.h"

/* Allocators serve large blocks through other domains, and 0 bytes too: there the inner call is not another block. pymalloc
 * goes on to RAW above 512 bytes; debug allocators add up to 32. */
#define OWN_LARGEST 400

static PyMemAllocatorEx under_raw, under_mem, under_obj; /* what was installed before */
static PyObjectArenaAllocator under_arenas;
static int installed; /* 1: all hooks but free; 2: that too */
static int arenas_installed;
static uint32_t since_chores; /* allocations counted */
static PyInterpreterState *main_interpreter;

#if PROF_PY_VALIDATED

static int on_top(void);

static __attribute__((noinline)) prof_thread *enter_thread(void) {
    prof_busy.quiet++;
    prof_thread *t = prof_thread_current();
    prof_busy.quiet--;
    return t;
}

/* The site of what the calling thread allocates now; NULL when nothing records. Needs the main interpreter's GIL. */
static inline prof_node *site_now(prof_py_state *state) {
    prof_thread *t = prof_current;
    if (PROF_UNLIKELY(t->epoch != prof_epoch) && !(t = enter_thread())) return NULL;
    prof_node *top = t->top->node;
    prof_py_frame *frame = prof_py_frame_of(state);
    uintptr_t key = frame ? (uintptr_t)prof_py_instruction(frame) : 0;
    prof_node *site = prof_site_find(key, prof_arena_ref(top));
    if (PROF_LIKELY(site != NULL)) return site;
    int before = errno;
    site = prof_alloc_site(t, top, frame, on_top);
    errno = before;
    return site;
}

/* A block of a thread without the main interpreter's GIL: in the map at once, in the sums when somebody with it comes by. */
static __attribute__((noinline)) void without_gil(const void *block, size_t bytes, uint32_t site) {
    const uint32_t tag = prof_block_tag(site, 0);
    int followed = prof_memory_mode != PROF_MEMORY_DETAIL || !prof_pagemap_put(block, bytes, tag);
    prof_memory_queue(tag, bytes, 0);
    if (followed) return;
    prof_memory_queue(tag, bytes, 1); /* without memory for the map: as if it were freed at once */
    prof_count(PROF_DROP_BLOCKS_UNFOLLOWED, 1);
}

/* An allocator has returned that may have taken an arena. Whether the calling thread is busy otherwise. */
static __attribute__((noinline)) int still_busy(void) {
    prof_busy.arena = 0;
    return prof_busy.any != 0;
}

/* A block that shows in the process's memory: programs that work in few and large ones would else have no series. */
#define LARGE (64 * 1024)

/* What need not be done at each allocation. */
static __attribute__((noinline)) void chores(size_t bytes) {
    int before = errno; /* the program's: an allocator that succeeds leaves it alone */
    if (prof_memory_waiting) prof_memory_drain();
    prof_tracked_look();
    if (!(since_chores & 4095) || bytes >= LARGE) prof_memory_moment(0);
    errno = before;
}

static inline void allocated(const void *block, size_t bytes, int object) {
    if (PROF_UNLIKELY(prof_busy.any) && still_busy()) return;
    if (PROF_UNLIKELY(!block || !prof_memory_mode)) return;
    prof_py_state *state = prof_py_state_now();
    if (PROF_UNLIKELY(prof_py_interpreter(state) != main_interpreter)) {
        without_gil(block, bytes, PROF_SITE_ELSEWHERE); /* which may have a GIL of its own */
        return;
    }
    prof_node *site = site_now(state);
    if (PROF_LIKELY(site != NULL)) prof_memory_allocated(site, block, bytes, object);
    if (PROF_UNLIKELY(!(++since_chores & 255) || bytes >= LARGE)) chores(bytes);
}

static inline void freed(const void *block) {
    if (PROF_LIKELY(block && prof_memory_mode == PROF_MEMORY_DETAIL)) prof_memory_freed(block);
}

/* ---- the domains that need the GIL ---------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t tag;
    size_t bytes;
} taken;

static taken take(const void *block) {
    taken t = {0, 0};
    if (block && prof_memory_mode == PROF_MEMORY_DETAIL) t.tag = prof_pagemap_take(block, &t.bytes);
    return t;
}

/* What follows a block's change of size or place: it was freed and allocated anew, or nothing happened. */
static void resized(void *old, taken was, void *new, size_t bytes, int object) {
    if (!new) {
        if (was.tag) prof_pagemap_put(old, was.bytes, was.tag);
        return;
    }
    if (was.tag) prof_memory_released(was.tag, was.bytes);
    allocated(new, bytes, object);
}

#define DOMAIN(name, under, object)                                        \
    static void *name##_malloc(void *context, size_t n) {                  \
        if (PROF_LIKELY(n - 1 < OWN_LARGEST)) {                            \
            void *p = under.malloc(context, n);                            \
            allocated(p, n, object);                                       \
            return p;                                                      \
        }                                                                  \
        prof_busy.nested++;                                                \
        void *p = under.malloc(context, n);                                \
        prof_busy.nested--;                                                \
        allocated(p, n, object);                                           \
        return p;                                                          \
    }                                                                      \
    static void *name##_calloc(void *context, size_t count, size_t size) { \
        prof_busy.nested++;                                                \
        void *p = under.calloc(context, count, size);                      \
        prof_busy.nested--;                                                \
        allocated(p, count * size, object);                                \
        return p;                                                          \
    }                                                                      \
    static void *name##_realloc(void *context, void *old, size_t n) {      \
        if (prof_busy.nested) return under.realloc(context, old, n);       \
        taken was = take(old);                                             \
        prof_busy.nested++;                                                \
        void *p = under.realloc(context, old, n);                          \
        prof_busy.nested--;                                                \
        resized(old, was, p, n, object);                                   \
        return p;                                                          \
    }                                                                      \
    static void name##_free(void *context, void *block) {                  \
        freed(block);                                                      \
        under.free(context, block);                                        \
    }
DOMAIN(mem, under_mem, 0)
DOMAIN(obj, under_obj, 1)

/* ---- RAW: any thread, with the GIL or without ------------------------------------------------------------------------------ */

/* The block that the calling thread got last from RAW: a library may tell tracemalloc of it, too. Which instruction that
 * was for keeps the address apart from a later block there that did not come from RAW. */
static __thread struct {
    void *block;
    size_t bytes;
    uintptr_t instruction;
} latest __attribute__((tls_model("initial-exec")));

static uintptr_t instruction_now(void) {
    prof_py_state *state = prof_py_holds_gil() ? prof_py_state_now() : NULL;
    prof_py_frame *frame = state ? prof_py_frame_of(state) : NULL;
    return frame ? (uintptr_t)prof_py_instruction(frame) : 0;
}

static void raw_allocated(void *block, size_t bytes) {
    if (!block || prof_busy.any || !prof_memory_mode) return;
    latest.block = block;
    latest.bytes = bytes;
    latest.instruction = instruction_now();
    if (prof_py_holds_gil()) allocated(block, bytes, 0);
    else without_gil(block, bytes, prof_alloc_site_without_gil());
}

static void raw_released(taken was) {
    if (!was.tag) return;
    if (prof_py_holds_gil()) prof_memory_released(was.tag, was.bytes);
    else prof_memory_queue(was.tag, was.bytes, 1);
}

static void *raw_malloc(void *context, size_t n) {
    void *p = under_raw.malloc(context, n);
    raw_allocated(p, n);
    return p;
}

static void *raw_calloc(void *context, size_t count, size_t size) {
    void *p = under_raw.calloc(context, count, size);
    raw_allocated(p, count * size);
    return p;
}

static void *raw_realloc(void *context, void *old, size_t n) {
    if (prof_busy.nested) return under_raw.realloc(context, old, n);
    taken was = take(old);
    void *p = under_raw.realloc(context, old, n);
    if (!p) {
        if (was.tag) prof_pagemap_put(old, was.bytes, was.tag);
        return NULL;
    }
    raw_released(was);
    raw_allocated(p, n);
    return p;
}

static void raw_free(void *context, void *block) {
    /* Before the block goes: another thread may get it at once. */
    if (!prof_busy.nested) raw_released(take(block));
    under_raw.free(context, block);
}

/* ---- blocks that libraries tell of ------------------------------------------------------------------------------------------ */

/* The same memory is counted once, unlike by tracemalloc, to which one address in two domains is two blocks: a block that is
 * known moves to the line that runs now, as one served from the library's own cache does. */
static int got_last(const void *block) { return block == latest.block && instruction_now() == latest.instruction; }

void prof_py_tracked(void *block, size_t bytes) {
    if (!block || !prof_memory_mode || prof_busy.any) return;
    if (got_last(block) && bytes == latest.bytes) { /* it came from RAW, and was counted there */
        latest.block = NULL;
        return;
    }
    raw_released(take(block));
    if (prof_py_holds_gil()) allocated(block, bytes, 0);
    else without_gil(block, bytes, prof_alloc_site_without_gil());
}

void prof_py_untracked(void *block) {
    /* One that RAW has just resized in place is about to be tracked anew; or is not, as tracemalloc is off. */
    if (!prof_busy.nested && !got_last(block)) raw_released(take(block));
}

/* ---- arenas ------------------------------------------------------------------------------------------------------------------ */

static void *arena_alloc(void *context, size_t size) {
    void *p = under_arenas.alloc(context, size);
    if (p) prof_memory_totals->arena_bytes += size;
    /* pymalloc now asks RAW for a node of its map of arenas, of 128 KiB: a part of the arena, no block of the program's. */
    prof_busy.arena = 1;
    return p;
}

static void arena_free(void *context, void *p, size_t size) {
    /* One that was there before the recording was not counted. */
    prof_memory_totals->arena_bytes -= size < prof_memory_totals->arena_bytes ? size : prof_memory_totals->arena_bytes;
    under_arenas.free(context, p, size);
}

/* ---- in and out ---------------------------------------------------------------------------------------------------------------- */

static void install(PyMemAllocatorDomain domain, PyMemAllocatorEx *under, PyMemAllocatorEx hooks, int detail) {
    PyMem_GetAllocator(domain, under);
    hooks.ctx = under->ctx;
    if (!detail) hooks.free = under->free; /* nobody in between: a free costs what it did */
    PyMem_SetAllocator(domain, &hooks);
}

static const PyMemAllocatorEx raw_hooks = {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free};
static const PyMemAllocatorEx mem_hooks = {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free};
static const PyMemAllocatorEx obj_hooks = {NULL, obj_malloc, obj_calloc, obj_realloc, obj_free};

/* Whether our hooks are the ones that CPython calls; another tool may have wrapped them. */
static int on_top(void) {
    PyMemAllocatorEx raw, mem, obj;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw);
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &mem);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &obj);
    return raw.malloc == raw_malloc && mem.malloc == mem_malloc && obj.malloc == obj_malloc;
}

/* Whether the calling thread runs another interpreter: taking the main one's GIL from there would end the process. */
static int in_other_interpreter(void) {
    PyThreadState *state = PyGILState_GetThisThreadState();
    return state && prof_py_interpreter(state) != PyInterpreterState_Main();
}

int prof_py_memory_start(int detail, const char *folder) {
    if (in_other_interpreter()) return EPERM;
    if (!prof_opcodes_known()) return ENOTSUP;
    PyGILState_STATE gil = PyGILState_Ensure();
    int error = 0;
    if (prof_alloc_sites_init(folder)) error = ENOTSUP;
    /* Hooks that another tool wrapped are still in the chain, for ever: a second set would count each block twice. */
    if (!error && installed == 1 && detail) error = EBUSY;
    main_interpreter = PyInterpreterState_Main();
    if (!error) error = prof_memory_start(detail ? PROF_MEMORY_DETAIL : PROF_MEMORY_SUMMARY);
    if (!error && !installed) {
        install(PYMEM_DOMAIN_RAW, &under_raw, raw_hooks, detail);
        install(PYMEM_DOMAIN_MEM, &under_mem, mem_hooks, detail);
        install(PYMEM_DOMAIN_OBJ, &under_obj, obj_hooks, detail);
        installed = detail ? 2 : 1;
    }
    if (!error && !arenas_installed) {
        PyObject_GetArenaAllocator(&under_arenas);
        PyObjectArenaAllocator ours = {under_arenas.ctx, arena_alloc, arena_free};
        PyObject_SetArenaAllocator(&ours);
        arenas_installed = 1; /* for good: arenas that are there must be freed the way they came */
    }
    if (!error) prof_tracked_start();
    PyGILState_Release(gil);
    return error;
}

void prof_py_memory_stop(void) {
    if (in_other_interpreter()) return;
    PyGILState_STATE gil = PyGILState_Ensure();
    if (installed && on_top()) {
        PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &under_raw);
        PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &under_mem);
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &under_obj);
        installed = 0;
    }
    prof_tracked_stop();
    if (prof_memory_mode) {
        prof_memory_drain();
        prof_memory_moment(1);
        prof_memory_stop();
    }
    PyGILState_Release(gil);
}

#else

int prof_py_memory_start(int detail, const char *folder) { return ENOTSUP; }
void prof_py_memory_stop(void) {}

#endif
