/* Profilers: what begins and ends recordings of this copy of the core. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "core/session.h"

#define MOST 64
#define MOST_NAMES 99
#define KNOWN_MODES (PROF_WITH_TIME | PROF_WITH_MEMORY | PROF_WITH_SAMPLES)

enum { FREE, STOPPED, STARTED, JOINED };

typedef struct {
    uint32_t generation; /* grows with each profiler that is made here: the upper half of its number */
    int state;
    int known; /* `stats` are of a recording */
    prof_options options;
    char *path, *name; /* Owned: the options' */
    char *capture;     /* Owned: the latest recording of its own; NULL: none */
    prof_stats stats;  /* of the latest recording, when it stopped */
} profiler;

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER;                    /* over all of them, but for `state` and `generation`, which are read without */
static profiler all[MOST] = {{.state = STOPPED}}; /* the first is the global one */
static profiler *const global = &all[0];
static profiler *records; /* Borrowed: whose recording this copy writes now; NULL: none */

/* ---- what went wrong ---------------------------------------------------------------------------------------------------- */

#define LONGEST 512
static pthread_key_t error_key;
static pthread_once_t error_once = PTHREAD_ONCE_INIT;
static int has_key;

static void make_key(void) { has_key = !pthread_key_create(&error_key, free); }

/* The calling thread's line. In memory of its own: a library that is loaded late has few bytes for each thread. */
static char *error_text(int make) {
    pthread_once(&error_once, make_key);
    char *text = has_key ? pthread_getspecific(error_key) : NULL;
    if (!text && make && has_key && (text = calloc(1, LONGEST)) && pthread_setspecific(error_key, text)) {
        free(text);
        text = NULL;
    }
    return text;
}

const char *prof_error(void) {
    const char *text = error_text(0);
    return text ? text : "";
}

int prof_api_fail(int result, const char *format, ...) {
    char *text = error_text(1);
    va_list values;
    va_start(values, format);
    if (text) vsnprintf(text, LONGEST, format, values);
    va_end(values);
    return result;
}

static int no_profiler(void) { return prof_api_fail(PROF_NO_PROFILER, "no such profiler: it was destroyed, or never made"); }

/* ---- numbers -------------------------------------------------------------------------------------------------------------- */

static prof_profiler number_of(const profiler *p) { return (uint64_t)p->generation << 32 | (uint64_t)(p - all); }

/* NULL for one that is not there. */
static profiler *profiler_of(prof_profiler number) {
    uint32_t index = (uint32_t)number;
    profiler *p = index > 0 && index < MOST ? &all[index] : NULL;
    if (!p || __atomic_load_n(&p->generation, __ATOMIC_ACQUIRE) != (uint32_t)(number >> 32)) return NULL;
    return __atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == FREE ? NULL : p;
}

static void set_state(profiler *p, int state) { __atomic_store_n(&p->state, state, __ATOMIC_RELEASE); }

static int is_started(const profiler *p) { return __atomic_load_n(&p->state, __ATOMIC_ACQUIRE) >= STARTED; }

/* ---- options ---------------------------------------------------------------------------------------------------------------- */

static void free_options(profiler *p) {
    free(p->path);
    free(p->name);
    p->path = p->name = NULL;
    p->options = (prof_options){.size = sizeof p->options};
}

/* Copies them. A caller that was compiled with an earlier header has fewer; a later one's are refused where they say something. */
static int take_options(profiler *p, const prof_options *options) {
    free_options(p);
    if (!options) return PROF_OK;
    if (options->size < sizeof options->size || options->size > 4096)
        return prof_api_fail(PROF_INVALID, "options: size is not sizeof(prof_options)");
    const char *bytes = (const char *)options;
    for (size_t i = sizeof *options; i < options->size; i++)
        if (bytes[i]) return prof_api_fail(PROF_INVALID, "options: of a later version of prof.h than the library's");
    memcpy(&p->options, options, options->size < sizeof *options ? options->size : sizeof *options);
    if (p->options.with & ~(uint32_t)KNOWN_MODES)
        return prof_api_fail(PROF_INVALID, "options: with has bits that are no enum prof_with");
    if (p->options.path && !p->options.path[0]) return prof_api_fail(PROF_INVALID, "options: path is empty");
    p->path = p->options.path ? strdup(p->options.path) : NULL;
    p->name = p->options.name ? strdup(p->options.name) : NULL;
    if ((p->options.path && !p->path) || (p->options.name && !p->name))
        return prof_api_fail(PROF_NO_ROOM, "no memory for the options");
    p->options.path = p->path;
    p->options.name = p->name;
    return PROF_OK;
}

/* ---- the recording ------------------------------------------------------------------------------------------------------------- */

static void after_fork(void) {
    pthread_mutex_init(&lock, NULL); /* another thread may have held it */
    records = NULL;
    for (int i = 0; i < MOST; i++)
        if (is_started(&all[i])) set_state(&all[i], STOPPED); /* the recording is the parent's */
    prof_api_choose(0);
}

static void close_recording(void) {
    prof_recorder_finish();
    prof_close();
    records = NULL;
    prof_api_choose(0);
}

/* Also when the library goes. */
static __attribute__((destructor)) void at_end(void) {
    pthread_mutex_lock(&lock);
    if (records && prof_recording()) close_recording();
    pthread_mutex_unlock(&lock);
}

static int open_at(const profiler *p, const char *path, char *why, size_t size) {
    prof_config config = {.clock = p->options.cpu ? PROF_CLOCK_CPU : 0,
                          .depth = p->options.depth,
                          .max_bytes = p->options.max_bytes,
                          .interval_ns = p->options.interval_ns,
                          .modes = PROF_MODE_TIME};
    return prof_open(path, &config, why, size);
}

/* Under the first name that is free: PROGRAM-YYYYMMDD-HHMMSS, and then with the process's number, and one more, behind. */
static int open_anywhere(const profiler *p, char *path, size_t path_size, char *why, size_t size) {
    char program[128], stem[160], when[32];
    time_t now = time(NULL);
    struct tm parts;
    prof_api_program(program, sizeof program);
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", localtime_r(&now, &parts));
    snprintf(stem, sizeof stem, "%.100s-%s", program, when);
    for (int n = 0; n <= MOST_NAMES; n++) {
        if (n == 0) snprintf(path, path_size, "%s.capture", stem);
        else if (n == 1) snprintf(path, path_size, "%s-%ld.capture", stem, (long)getpid());
        else snprintf(path, path_size, "%s-%ld-%d.capture", stem, (long)getpid(), n);
        int error = open_at(p, path, why, size);
        if (!error || access(path, F_OK)) return error;
    }
    return EEXIST;
}

/* In a way that is good after a change of directory. */
static char *absolute(const char *path) {
    char folder[PATH_MAX], *found = NULL;
    if (path[0] == '/' || !getcwd(folder, sizeof folder)) return strdup(path);
    return asprintf(&found, "%s/%s", folder, path) < 0 ? NULL : found;
}

/* What a span costs here and now, for reports; by spans of the profiler's own, which they leave out. */
static void measure_cost(void) {
    const int rounds = 8, turns = 100;
    uint64_t best = UINT64_MAX;
    prof_label *own = prof_label_get(PROF_PROFILER, "prof", "prof", NULL, 0);
    for (int round = 0; own && round < rounds; round++) {
        uint64_t begin = prof_clock_kernel_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < turns; i++) {
            prof_begin(own);
            prof_end(own);
        }
        uint64_t ns = prof_clock_kernel_ns(CLOCK_MONOTONIC) - begin;
        if (ns < best) best = ns;
    }
    if (own) prof_set_probe_cost(best * 1000 / turns);
}

static int open_recording(profiler *p, const char *path) {
    static int has_fork_hook;
    char why[LONGEST] = "", free_path[512];
    prof_recorder_prepare();
    prof_recorder_allow(p->options.with ? p->options.with : KNOWN_MODES, p->options.interval_ns);
    int error = path ? open_at(p, path, why, sizeof why) : open_anywhere(p, free_path, sizeof free_path, why, sizeof why);
    if (error) return prof_api_fail(PROF_FAILED, "%s", why);
    if (!has_fork_hook) has_fork_hook = !pthread_atfork(NULL, NULL, after_fork);
    char *capture = absolute(path ? path : free_path), *text = prof_api_describe(&p->options);
    free(p->capture);
    p->capture = capture;
    if (text) prof_set_meta(text, strlen(text));
    free(text);
    measure_cost();
    records = p;
    prof_api_choose(1);
    return PROF_OK;
}

/* ---- with the lock ------------------------------------------------------------------------------------------------------------- */

static int start(profiler *p) {
    const prof_recorder *host = prof_api_host();
    if (is_started(p)) return prof_api_fail(PROF_STATE, "this profiler is started already");
    p->known = 0;
    if (records || (host && host->running())) {
        set_state(p, JOINED);
        return PROF_OK;
    }
    int result = open_recording(p, p->path);
    if (result == PROF_OK) set_state(p, STARTED);
    return result;
}

static void keep_stats(profiler *p) {
    p->stats.size = sizeof p->stats;
    p->known = prof_api_to->stats(&p->stats) == PROF_OK;
}

static int stop(profiler *p) {
    if (!is_started(p)) return prof_api_fail(PROF_STATE, "this profiler is not started");
    if (p != records) {
        keep_stats(p);
    } else {
        close_recording();
        p->stats.size = sizeof p->stats;
        p->known = prof_recorder_here.stats(&p->stats) == PROF_OK;
    }
    set_state(p, STOPPED);
    return PROF_OK;
}

static int reset(profiler *p) {
    if (!is_started(p)) return prof_api_fail(PROF_STATE, "this profiler is not started");
    if (p != records) return prof_api_fail(PROF_NOT_OURS, "this profiler has joined another recording, which goes on");
    char *path = p->capture ? strdup(p->capture) : NULL;
    if (!path) return prof_api_fail(PROF_NO_ROOM, "no memory for a path");
    close_recording();
    unlink(path);
    int result = open_recording(p, path);
    if (result != PROF_OK) set_state(p, STOPPED);
    free(path);
    return result;
}

static int get_stats(profiler *p, prof_stats *stats) {
    if (!stats || stats->size < sizeof stats->size) return prof_api_fail(PROF_INVALID, "stats: size is not sizeof(prof_stats)");
    int borrowed = p == global && !p->known && prof_api_to->running(); /* a library asks how its host's recording goes */
    if (is_started(p) || borrowed) return prof_api_to->stats(stats);
    if (!p->known) return prof_api_fail(PROF_STATE, "this profiler has recorded nothing");
    size_t size = stats->size < sizeof p->stats ? stats->size : sizeof p->stats;
    memcpy(stats, &p->stats, size);
    stats->size = size;
    return PROF_OK;
}

/* ---- the functions ------------------------------------------------------------------------------------------------------------------ */

static int locked(int (*work)(profiler *), profiler *p) {
    pthread_mutex_lock(&lock);
    int result = work(p);
    pthread_mutex_unlock(&lock);
    return result;
}

/* The same of one that may be destroyed meanwhile. */
static int locked_number(int (*work)(profiler *), prof_profiler number) {
    pthread_mutex_lock(&lock);
    profiler *p = profiler_of(number);
    int result = p ? work(p) : no_profiler();
    pthread_mutex_unlock(&lock);
    return result;
}

int prof_start(const prof_options *options) {
    pthread_mutex_lock(&lock);
    int result = is_started(global) ? prof_api_fail(PROF_STATE, "this profiler is started already") : take_options(global, options);
    if (result == PROF_OK) result = start(global);
    pthread_mutex_unlock(&lock);
    return result;
}

int prof_stop(void) { return locked(stop, global); }
int prof_reset(void) { return locked(reset, global); }

int prof_get_stats(prof_stats *stats) {
    pthread_mutex_lock(&lock);
    int result = get_stats(global, stats);
    pthread_mutex_unlock(&lock);
    return result;
}

const char *prof_capture(void) { return global->capture ? global->capture : ""; }

prof_profiler prof_profiler_create(const prof_options *options) {
    prof_profiler number = 0;
    pthread_mutex_lock(&lock);
    profiler *p = &all[1];
    while (p < all + MOST && p->state != FREE) p++;
    if (p == all + MOST) {
        prof_api_fail(PROF_NO_ROOM, "there are %d profilers already", MOST - 1);
    } else if (take_options(p, options) == PROF_OK) {
        __atomic_store_n(&p->generation, p->generation + 1, __ATOMIC_RELEASE);
        p->known = 0;
        set_state(p, STOPPED);
        number = number_of(p);
    } else {
        free_options(p);
    }
    pthread_mutex_unlock(&lock);
    return number;
}

static int destroy(profiler *p) {
    if (is_started(p)) stop(p);
    free_options(p);
    free(p->capture);
    p->capture = NULL;
    set_state(p, FREE);
    return PROF_OK;
}

int prof_profiler_destroy(prof_profiler number) { return locked_number(destroy, number); }
int prof_profiler_start(prof_profiler number) { return locked_number(start, number); }
int prof_profiler_stop(prof_profiler number) { return locked_number(stop, number); }
int prof_profiler_reset(prof_profiler number) { return locked_number(reset, number); }

int prof_profiler_get_stats(prof_profiler number, prof_stats *stats) {
    pthread_mutex_lock(&lock);
    profiler *p = profiler_of(number);
    int result = p ? get_stats(p, stats) : no_profiler();
    pthread_mutex_unlock(&lock);
    return result;
}

const char *prof_profiler_capture(prof_profiler number) {
    const profiler *p = profiler_of(number);
    return p && p->capture ? p->capture : "";
}

int prof_profiler_joined(prof_profiler number) {
    const profiler *p = profiler_of(number);
    return p && __atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == JOINED;
}

/* ---- the recording functions with a profiler ---- */

static int may_record(prof_profiler number) {
    const profiler *p = profiler_of(number);
    if (!p) return PROF_NO_PROFILER;
    return is_started(p) ? PROF_OK : PROF_OFF;
}

#define FORWARD(name, parameters, arguments)            \
    int prof_profiler_##name parameters {               \
        int result = may_record(profiler_number);       \
        return result ? result : prof_##name arguments; \
    }
FORWARD(enter, (prof_profiler profiler_number, prof_site *site), (site))
FORWARD(exit, (prof_profiler profiler_number, prof_site *site), (site))
FORWARD(called, (prof_profiler profiler_number, prof_site *caller, prof_site *callee, uint64_t count, uint64_t ns),
        (caller, callee, count, ns))
FORWARD(sample, (prof_profiler profiler_number, prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns),
        (frames, count, wall_ns, cpu_ns))
FORWARD(allocated, (prof_profiler profiler_number, prof_site *site, const void *block, size_t bytes), (site, block, bytes))
FORWARD(freed, (prof_profiler profiler_number, const void *block), (block))
FORWARD(record, (prof_profiler profiler_number, const char *name, int64_t value), (name, value))
FORWARD(record_real, (prof_profiler profiler_number, const char *name, double value), (name, value))
