/* prof: records what a program in C does, into a capture that `prof report` and every other command of prof reads.
 *
 * FIRST USE
 *     #include <prof.h>
 *
 *     static prof_site load = PROF_SITE("load");
 *
 *     int main(void) {
 *         if (prof_start(NULL) != PROF_OK) fprintf(stderr, "%s\n", prof_error());
 *         prof_enter(&load);
 *         ...
 *         prof_exit(&load);
 *         return prof_stop();
 *     }
 *
 *     $ cc main.c $(python -m prof.config --cflags --libs) && ./a.out && prof report
 *
 * WHAT IT RECORDS
 *   Spans (prof_enter, prof_exit), calls that were counted and timed elsewhere (prof_called), stacks that were sampled elsewhere
 *   (prof_sample), blocks of memory (prof_allocated, prof_freed) and numbers of the program's own (prof_record). All of it lands in
 *   the context that is open in the calling thread: the spans that it has entered and not left, innermost last.
 *
 * THE GLOBAL PROFILER, AND OTHERS
 *   A process has one recording at a time. The functions without a profiler go to that recording, whoever began it. A library and a
 *   C extension need no more: in a Python program that is recorded, by PROF, `prof run` or `prof attach`, what they say is below the
 *   Python function that runs, in the same capture. Nothing has to be begun for that. Where nothing records they do nothing, and
 *   return PROF_OFF.
 *   The functions with a profiler do the same as long as that one is started. One that is started while something else records
 *   joins: what it says goes there, its options say nothing, and its stop ends nothing.
 *
 * ERRORS
 *   Functions return PROF_OK, which is 0, or another prof_result; then nothing was recorded. Nothing here prints or ends the process,
 *   whatever it is given. prof_error() has one line for people.
 *
 * THREADS
 *   Any thread may call anything, with or without Python's lock. Each has a stack of spans of its own. A recording may be ended while
 *   other threads go on: what they say from then on is PROF_OFF. Not for signal handlers.
 *   A forked child is not recorded until it starts a profiler of its own, or, in Python, is recorded as its parent was.
 *
 * OWNERSHIP
 *   Texts are NUL-terminated UTF-8 and are copied, but for those of a prof_site that you make yourself: these stay yours and must
 *   live as long as it does. What is returned is borrowed and stays.
 *
 * VERSIONS
 *   PROF_ABI grows when something that was there changes; the shared library is called after it. Structures that grow have their
 *   size in front. */
#ifndef PROF_H
#define PROF_H
#include <stddef.h>
#include <stdint.h>

#define PROF_ABI 1

#if defined(__GNUC__)
#define PROF_API __attribute__((visibility("default")))
#else
#define PROF_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ------------------------------------------------------------------------------------------------------- */

enum prof_result {
    PROF_OK = 0,
    PROF_OFF = 1,           /* nothing records, or the recording leaves this out */
    PROF_INVALID = 2,       /* an argument that cannot be: NULL, an empty name, an unknown kind, more time than has passed */
    PROF_STATE = 3,         /* started already, or not started */
    PROF_NOT_OPEN = 4,      /* prof_exit of a span that the thread has not entered */
    PROF_NO_PROFILER = 5,   /* a profiler that was destroyed, or that there never was */
    PROF_NO_ROOM = 6,       /* no memory, no disk, or more profilers than 64 */
    PROF_UNKNOWN_BLOCK = 7, /* prof_freed of a block that was not told of */
    PROF_FAILED = 8,        /* the capture cannot be written there; prof_error() says why */
    PROF_NOT_OURS = 9       /* this profiler has joined another recording, which only who began it can reset */
};

/* What a result is, in a few words; "unknown result" for others. */
PROF_API const char *prof_result_text(int result);

/* Why the calling thread's last function of this header failed, in one line; "" while none has. Functions that record leave it as it
 * is. */
PROF_API const char *prof_error(void);

/* PROF_ABI of the library that runs. */
PROF_API int prof_abi(void);

/* ---- sites --------------------------------------------------------------------------------------------------------- */

enum prof_kind {
    PROF_KIND_FUNCTION = 1, /* for programs without Python: there, samples look for the frames of a Python function of this name */
    PROF_KIND_SECTION = 2,  /* a part of a function; "load" is shown as `profile!load`, "db!load" as it is */
    PROF_KIND_NATIVE = 5    /* a function in C: what PROF_SITE makes */
};

/* What a span is called and where it is. Make one for each place, static, by a macro below, or get one from prof_site_get.
 * Sites of the same kind, name, file and line are the same span. */
typedef struct {
    uint32_t kind; /* enum prof_kind */
    uint32_t line; /* from 1; 0 unknown */
    const char *name;
    const char *module; /* of what it is a part, as "mylib"; NULL unknown */
    const char *file;   /* NULL unknown */
    uint64_t private_[3];
} prof_site;

#define PROF_SITE(name) PROF_SITE_OF(PROF_KIND_NATIVE, name, NULL)
#define PROF_SECTION_SITE(name) PROF_SITE_OF(PROF_KIND_SECTION, name, NULL)
#define PROF_SITE_OF(kind, name, module) {(kind), __LINE__, (name), (module), __FILE__, {0, 0, 0}}

/* The site with these texts, made at first use: for code that is generated, and for other languages. `module` and `file` may be
 * NULL. NULL for an unknown kind, without a name, or without memory. */
PROF_API prof_site *prof_site_get(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line);

/* ---- starting and stopping ------------------------------------------------------------------------------------------- */

enum prof_with { PROF_WITH_TIME = 1, PROF_WITH_MEMORY = 2, PROF_WITH_SAMPLES = 8 };

typedef struct {
    size_t size;          /* sizeof(prof_options); all else may be 0: `prof_options options = PROF_OPTIONS;` */
    const char *path;     /* the capture, a file that is not there yet. NULL: PROGRAM-YYYYMMDD-HHMMSS.capture, with the process's
                         number behind that if there is such a file */
    const char *name;     /* what reports call the program; NULL: as it is */
    uint32_t with;        /* what may be recorded, of enum prof_with; 0: all. Times always are */
    uint32_t cpu;         /* 1: spans are timed by the thread's processor clock, 0: by the wall's */
    uint32_t depth;       /* spans that are nested deeper are charged to one around them of the same name; 0: 1000 */
    uint32_t no_argv;     /* 1: the capture does not tell the program's arguments */
    uint64_t max_bytes;   /* of the capture; 0: 8 GiB */
    uint64_t interval_ns; /* between two samples of the same thread, for reports; 0: not known */
} prof_options;
#define PROF_OPTIONS {sizeof(prof_options), NULL, NULL, 0, 0, 0, 0, 0, 0}

typedef struct {
    size_t size;        /* sizeof(prof_stats), set by you: `prof_stats stats = PROF_STATS;` */
    uint64_t functions; /* sites that were called */
    uint64_t calls;     /* spans that were entered, and calls of prof_called */
    uint64_t open;      /* of these, spans that are open now */
    uint64_t threads;
    double seconds; /* since the recording began, or that it took */
    uint64_t alloc_count, alloc_bytes;
    uint64_t free_count, free_bytes;
    uint64_t live_bytes, peak_bytes;
    uint64_t samples;
    uint64_t dropped; /* what was lost or healed, of all kinds: `prof report` tells which */
} prof_stats;
#define PROF_STATS {sizeof(prof_stats), 0, 0, 0, 0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0}

/* Begins recording. `options` may be NULL. PROF_STATE if the global profiler is started already. */
PROF_API int prof_start(const prof_options *options);

/* Ends it: spans that are open are in the capture up to now. PROF_STATE if it is not started. A program that ends without has its
 * capture ended in order, too; one that is killed keeps what had been recorded. */
PROF_API int prof_stop(void);

/* Forgets what was recorded and goes on, into the same file. Spans that are open are no more. */
PROF_API int prof_reset(void);

/* What has been recorded so far, or by the time it stopped. Of what other threads do meanwhile, part may be in it. */
PROF_API int prof_get_stats(prof_stats *stats);

/* 1 if what the calling thread says now is recorded, whoever began that. */
PROF_API int prof_running(void);

/* The path of the capture that the global profiler writes or wrote last; "" if none, or if it has joined another recording. */
PROF_API const char *prof_capture(void);

/* ---- recording ------------------------------------------------------------------------------------------------------- */

/* Begins a span of the calling thread, and ends the innermost one of that site. Spans inside it that are still open are closed, and
 * counted as a fault. */
PROF_API int prof_enter(prof_site *site);
PROF_API int prof_exit(prof_site *site);

/* `count` calls of `callee` that took `ns` nanoseconds together, within the span that is open now. `caller`: who made them, below
 * that span; NULL: the span itself. The time is taken from the span's own. PROF_INVALID if more than has passed since the span
 * began and is not in others. In percentiles each of the calls counts with the average. */
PROF_API int prof_called(prof_site *caller, prof_site *callee, uint64_t count, uint64_t ns);

/* A sample: `count` frames, the outermost first, below the span that is open now; 0 frames: that span itself. It stands for
 * `wall_ns` nanoseconds of the thread, of which it ran for `cpu_ns`. Frames may be of any kind. */
PROF_API int prof_sample(prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns);

/* A block of memory was allocated at `site`, which may be NULL: the span that is open now; and one was freed. `block` is its address, a
 * key that is never followed. In a Python program, what its allocators give is counted already: tell of what comes from elsewhere. */
PROF_API int prof_allocated(prof_site *site, const void *block, size_t bytes);
PROF_API int prof_freed(const void *block);

/* A value of the metric `name`, of the span that is open now. Reports have number, sum, least and most of the values. */
PROF_API int prof_record(const char *name, int64_t value);
PROF_API int prof_record_real(const char *name, double value);

/* What reports call the calling thread. */
PROF_API int prof_set_thread_name(const char *name);

/* ---- profilers of your own --------------------------------------------------------------------------------------------- */

/* A number, and 0 is none: so whoever uses one that was destroyed gets PROF_NO_PROFILER. */
typedef uint64_t prof_profiler;

/* Makes a profiler, which is not started; `options` (copied) may be NULL. 0 when it cannot be made. */
PROF_API prof_profiler prof_profiler_create(const prof_options *options);

/* Stops it if it is started, and lets go of it. Captures stay. */
PROF_API int prof_profiler_destroy(prof_profiler profiler);

/* As the functions without `profiler_` in their names. Started a second time, one with a path of its own needs that to be free. */
PROF_API int prof_profiler_start(prof_profiler profiler);
PROF_API int prof_profiler_stop(prof_profiler profiler);
PROF_API int prof_profiler_reset(prof_profiler profiler);
PROF_API int prof_profiler_get_stats(prof_profiler profiler, prof_stats *stats);
PROF_API const char *prof_profiler_capture(prof_profiler profiler);

/* 1 if it is started and goes into a recording that something else began. */
PROF_API int prof_profiler_joined(prof_profiler profiler);

/* As those without, while the profiler is started; else PROF_OFF. */
PROF_API int prof_profiler_enter(prof_profiler profiler, prof_site *site);
PROF_API int prof_profiler_exit(prof_profiler profiler, prof_site *site);
PROF_API int prof_profiler_called(prof_profiler profiler, prof_site *caller, prof_site *callee, uint64_t count, uint64_t ns);
PROF_API int prof_profiler_sample(prof_profiler profiler, prof_site *const *frames, size_t count, uint64_t wall_ns,
                                  uint64_t cpu_ns);
PROF_API int prof_profiler_allocated(prof_profiler profiler, prof_site *site, const void *block, size_t bytes);
PROF_API int prof_profiler_freed(prof_profiler profiler, const void *block);
PROF_API int prof_profiler_record(prof_profiler profiler, const char *name, int64_t value);
PROF_API int prof_profiler_record_real(prof_profiler profiler, const char *name, double value);

#ifdef __cplusplus
}

/* A span that ends with its block, by an exception as well: `prof_scope inside(&load);` */
class prof_scope {
  public:
    explicit prof_scope(prof_site *site) : site_(site), entered_(prof_enter(site)) {}
    ~prof_scope() {
        if (entered_ == PROF_OK) prof_exit(site_);
    }

  private:
    prof_scope(const prof_scope &);
    prof_scope &operator=(const prof_scope &);
    prof_site *site_;
    int entered_;
};
#endif
#endif
