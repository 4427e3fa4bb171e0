/* The functions of prof.h that record: each goes to the copy of the core that does. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

static inline const prof_recorder *to(void) { return __atomic_load_n(&prof_api_to, __ATOMIC_RELAXED); }

int prof_abi(void) { return PROF_ABI; }
int prof_running(void) { return to()->running(); }
int prof_enter(prof_site *site) { return to()->enter(site); }
int prof_exit(prof_site *site) { return to()->leave(site); }
int prof_freed(const void *block) { return to()->freed(block); }
int prof_record(const char *name, int64_t value) { return to()->record(name, value); }
int prof_record_real(const char *name, double value) { return to()->record_real(name, value); }
int prof_set_thread_name(const char *name) { return to()->name_thread(name); }

int prof_called(prof_site *caller, prof_site *callee, uint64_t count, uint64_t ns) {
    return to()->called(caller, callee, count, ns);
}

int prof_sample(prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns) {
    return to()->sample(frames, count, wall_ns, cpu_ns);
}

int prof_allocated(prof_site *site, const void *block, size_t bytes) { return to()->allocated(site, block, bytes); }

const char *prof_result_text(int result) {
    static const char *const texts[] = {
        [PROF_OK] = "done",
        [PROF_OFF] = "nothing records this",
        [PROF_INVALID] = "an argument that cannot be",
        [PROF_STATE] = "started already, or not started",
        [PROF_NOT_OPEN] = "a span that is not open in this thread",
        [PROF_NO_PROFILER] = "no such profiler",
        [PROF_NO_ROOM] = "no room",
        [PROF_UNKNOWN_BLOCK] = "a block that was not told of",
        [PROF_FAILED] = "the capture cannot be written",
        [PROF_NOT_OURS] = "the recording is another profiler's",
    };
    int known = result >= 0 && (size_t)result < sizeof texts / sizeof *texts;
    return known ? texts[result] : "unknown result";
}

/* ---- sites that are made ------------------------------------------------------------------------------------------------
 * They are kept for good, and so are their texts: whoever has one may use it at any time. */

typedef struct made_site {
    prof_site site;
    uint64_t hash;
    struct made_site *next;
    char texts[]; /* name, module, file */
} made_site;

#define BUCKETS 4096
static made_site *buckets[BUCKETS]; /* Owned lists */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t hash_text(uint64_t hash, const char *text) { /* FNV-1a */
    for (; text && *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return (hash ^ (text ? 0xff : 0xfe)) * 1099511628211u;
}

static int same(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

/* Copies a text behind the others; NULL stays NULL. */
static const char *copy(char **at, const char *text) {
    if (!text) return NULL;
    char *to = *at;
    size_t size = strlen(text) + 1;
    memcpy(to, text, size);
    *at += size;
    return to;
}

static size_t size_of(const char *text) { return text ? strlen(text) + 1 : 0; }

static made_site *make(const prof_site *like, uint64_t hash) {
    made_site *made = calloc(1, sizeof *made + size_of(like->name) + size_of(like->module) + size_of(like->file));
    if (!made) return NULL;
    char *at = made->texts;
    made->site = (prof_site){.kind = like->kind, .line = like->line};
    made->site.name = copy(&at, like->name);
    made->site.module = copy(&at, like->module);
    made->site.file = copy(&at, like->file);
    made->hash = hash;
    return made;
}

static made_site *find(const made_site *first, const prof_site *like, uint64_t hash) {
    for (const made_site *m = first; m; m = m->next)
        if (m->hash == hash && m->site.kind == like->kind && m->site.line == like->line && same(m->site.name, like->name) &&
            same(m->site.module, like->module) && same(m->site.file, like->file))
            return (made_site *)m;
    return NULL;
}

prof_site *prof_site_get(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line) {
    prof_site like = {kind, line, name, module, file, {0, 0, 0}};
    if (!name || !name[0]) return prof_api_fail(0, "a site without a name"), NULL;
    if (kind != PROF_KIND_FUNCTION && kind != PROF_KIND_SECTION && kind != PROF_KIND_NATIVE)
        return prof_api_fail(0, "%u is no enum prof_kind", kind), NULL;
    uint64_t hash = hash_text(hash_text(hash_text(1469598103934665603u + kind + ((uint64_t)line << 8), name), module), file);
    made_site **first = &buckets[(hash ^ hash >> 32) % BUCKETS];
    pthread_mutex_lock(&lock);
    made_site *made = find(*first, &like, hash);
    if (!made && (made = make(&like, hash))) {
        made->next = *first;
        *first = made;
    }
    pthread_mutex_unlock(&lock);
    if (!made) prof_api_fail(0, "no memory for a site");
    return made ? &made->site : NULL;
}
