/* The recording, as a whole: exact spans in a calling-context tree, written straight into a memory-mapped capture file.
 *
 * A process has one recording at a time. Every thread has a shadow stack; a span pushes a frame on it, a frame
 * points at a node of the thread's tree, and the node's columns live in the capture file (format.h). Nothing is
 * copied at the end, and a killed process leaves every span that had completed.
 *
 * What programs in C are given is prof.h, which comes down to this.
 *
 * THREADS
 *   prof_begin, prof_end, prof_now and prof_label_get may be called by any thread, with or without Python's GIL, and
 *   take no lock once a label and a node exist. A label's histogram is shared by the threads: its sums may lose
 *   an update where two threads end a span of the same label at the same instant without the GIL; the nodes never do.
 *   prof_open and prof_close are for one thread at a time; other threads must not be inside a span function
 *   without the GIL while they run.
 *
 * ERRORS
 *   Functions that can fail return 0 on success and an errno value on failure, and put one line for people into
 *   `why`. Span functions cannot fail: what has no room is charged to an ancestor and counted in the header's
 *   drops. Nothing here ends the process or prints. */
#ifndef PROF_SESSION_H
#define PROF_SESSION_H
#include <stddef.h>
#include <stdint.h>

#include "format.h"

/* cffi: begin */
typedef struct {
    uint32_t clock;     /* enum prof_clock_kind; 0 chooses TSC where the kernel trusts it, else MONOTONIC */
    uint32_t depth;     /* calls nested deeper fold into an ancestor of the same name; 0: 1000 */
    uint64_t max_nodes; /* tree nodes of all threads together; 0: 4,000,000 (512 MB) */
    uint64_t max_bytes; /* size of the capture file; 0: 8 GiB */
    uint64_t modes;     /* bits, copied into the header */
    uint64_t interval_ns;
    uint64_t least_ns;    /* spans of which no call took as long are charged to their callers when the capture is read; 0: none */
    uint64_t max_samples; /* of all threads together; 0: as many as there are */
    uint32_t slowest;     /* calls of each label that are kept one by one, the slowest; 0: none */
    uint32_t file_mode;   /* permissions of the capture; 0: those of its owner alone, 0600 */
    uint64_t
        trace_bytes; /* room for spans as they went, of all threads together; 0: none are kept. Not shorter ones than least_ns */
    uint32_t trace_last;  /* 1: when there is no more, those that are kept are the last, and not the first */
    uint32_t trace_later; /* 1: none are kept before prof_trace_begin */
    uint64_t long_ns;     /* prof_slow_tell is told of functions and sections that took longer; 0: of none */
} prof_config;

/* Creates the capture at `path`, which must not exist, and begins recording. `config` may be NULL (Borrowed).
 * EBUSY: this process records already. */
int prof_open(const char *path, const prof_config *config, char *why, size_t why_size);

/* Ends recording: open spans are accounted up to now and counted, the file is cut to its length. Without a
 * recording it does nothing. The mapping stays, so that late readers of nodes do no harm. */
void prof_close(void);

/* In a child after fork(): lets go of the parent's capture without writing to it. */
void prof_forget(void);

/* Says in the capture that the program is about to become another one, by exec, or with 0 that it did not come to that. */
void prof_replaced(int replaced);

/* Why the capture has no more room, an errno value (ESTALE: the file is no longer where it was made); 0 while it has. */
int prof_full(void);

/* 1 while recording. */
int prof_recording(void);

/* The descriptive JSON text of the capture (UTF-8); the last one written counts. */
int prof_set_meta(const char *json, size_t length);

/* Picoseconds that a profiled call costs, measured by the caller, for the header. */
void prof_set_probe_cost(uint64_t picoseconds);

/* From here on spans are kept as they go, where prof_config.trace_later had that wait. */
void prof_trace_begin(void);

/* Names the calling thread in the capture. */
void prof_name_thread(const char *name);

/* Ticks of the capture's clock. */
uint64_t prof_now_ticks(void);

/* The clock of PROF_CLOCK_MANUAL, ns. */
void prof_clock_set(uint64_t ns);

/* Depth of the calling thread's shadow stack, without the root. */
uint32_t prof_stack_depth(void);

/* Label of the calling thread's frame `index` counted from the root (0), or "" past the top. Borrowed. */
const char *prof_stack_name(uint32_t index);

/* Between these the calling thread works for the profiler itself: tools show that time apart. They nest. */
void prof_own_begin(void);
void prof_own_end(void);

/* Brings the header's heartbeat up to date, so that a reader of the live file has a fresh calibration. */
void prof_heartbeat(void);
/* cffi: end */

/* The label with these names (NUL-terminated UTF-8, copied), made at first use; NULL when it cannot be made.
 * Borrowed: lives as long as the recording. */
prof_label *prof_label_get(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line);

/* A span of the calling thread. prof_end of a label that is not open is ignored and counted. */
void prof_begin(prof_label *label);
void prof_end(prof_label *label);

/* ---- for modes and for the CPython half ---- */

/* Ticks of the clock in so many ns, as it was first calibrated. */
uint64_t prof_session_ticks(uint64_t ns);

/* What a mode does at the ends of a recording. Each joins when it starts, and stays. */
typedef struct prof_session_part {
    void (*close)(void);     /* the recording ends; all is still there. NULL: nothing to do, as below */
    void (*forget)(void);    /* this process is a forked child, which lets go of its parent's recording: before the threads do */
    void (*forgotten)(void); /* the same, after: what threads lock is nobody's now */
    int joined;
    struct prof_session_part *next;
} prof_session_part;
void prof_session_join(prof_session_part *part);

/* Called by prof_open once labels can be made, to name what survived a fork; set by the CPython half. */
extern void (*prof_on_open)(void);

/* Called by prof_forget: this process is a child that has let go of its parent's recording. Set by the CPython half. */
extern void (*prof_on_forget)(void);

#endif
