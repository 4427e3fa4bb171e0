/* What C callers say, taken down by this copy of the core.
 *
 * There may be several copies in a process: `prof._core`, which records Python programs, and one in each library that has linked
 * the C API. The functions of prof.h go through a table of these, so that they reach the copy that records (api/find.c). */
#ifndef PROF_RECORDER_H
#define PROF_RECORDER_H
#include "core/stack.h"
#include "prof.h"

/* All return a prof_result. Any thread. Grows at its end: `size` says how far it goes. */
typedef struct {
    uint32_t abi, size;
    int (*running)(void); /* 1 or 0 */
    int (*enter)(prof_site *site);
    int (*leave)(prof_site *site);
    int (*called)(prof_site *caller, prof_site *callee, uint64_t count, uint64_t ns);
    int (*sample)(prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns);
    int (*allocated)(prof_site *site, const void *block, size_t bytes);
    int (*freed)(const void *block);
    int (*record)(const char *name, int64_t value);
    int (*record_real)(const char *name, double value);
    int (*name_thread)(const char *name);
    int (*stats)(prof_stats *stats);
} prof_recorder;

/* 1 in `prof._core`. Its marks in sites differ from those of the library that the sites are of. */
#ifndef PROF_RECORDER_HOST
#define PROF_RECORDER_HOST 0
#endif

#pragma GCC visibility push(hidden)

extern const prof_recorder prof_recorder_here;

/* Before the recording is opened: it will end in order, whatever other threads are about then. */
void prof_recorder_prepare(void);

/* The recording that is opened next: the modes of which C callers may tell, and what reports say of samples. Of one that it is not
 * called for, these are what the capture's header says. */
void prof_recorder_allow(uint64_t modes, uint64_t interval_ns);

/* Before it is closed. */
void prof_recorder_finish(void);

/* ---- for the files of this room ---- */

enum { PROF_RECORDER_SPAN, PROF_RECORDER_FRAME };

/* The calling thread's state, to be left by prof_recorder_out; NULL when nothing records. */
prof_thread *prof_recorder_in(void);
void prof_recorder_out(prof_thread *t);

/* The site's label, as a span or as a frame of samples, in the running recording; NULL when it has no name or an unknown kind, or
 * without room: `*why` is the result that says so. */
prof_label *prof_recorder_label(prof_site *site, int as, int *why);

/* Whether the running recording has this mode. */
int prof_recorder_has(uint64_t mode);
uint64_t prof_recorder_interval(void);

int prof_recorder_sample(prof_site *const *frames, size_t count, uint64_t wall_ns, uint64_t cpu_ns);
int prof_recorder_allocated(prof_site *site, const void *block, size_t bytes);
int prof_recorder_freed(const void *block);
int prof_recorder_stats(prof_stats *stats);
void prof_recorder_samples_prepare(void);
void prof_recorder_blocks_prepare(void);
void prof_recorder_blocks_finish(void);

#pragma GCC visibility pop
#endif
