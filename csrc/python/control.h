/* The control plane: what Python calls through cffi. cffi lets go of the GIL around each call; these take it back
 * where they need it. */
#ifndef PROF_PYTHON_CONTROL_H
#define PROF_PYTHON_CONTROL_H
#include "core/session.h"

/* cffi: begin */
/* Makes the module `prof._probes` (probes, sections, callbacks) and puts it into sys.modules. 0, or -1 with the reason in
 * `why`. */
int prof_py_init(char *why, size_t why_size);

/* As prof_open and prof_close, with the GIL held: no thread is inside a probe meanwhile. */
int prof_py_open(const char *path, const prof_config *config, char *why, size_t why_size);
void prof_py_close(void);

/* A copy of the running capture as it stands, from malloc, and its size; NULL without a recording or memory. The GIL is held
 * meanwhile, and the sampler steps aside. What allocations without the GIL write may be there by half: such a copy cannot be read, and
 * another one can. */
unsigned char *prof_py_copy(uint64_t *size);

/* Writes the running capture, as it stands, to a new file with these permissions, as one that has ended. What it says of itself is
 * `meta`, JSON. The program runs on while it is written. 0, or an errno value with the reason in `why`. */
int prof_py_dump(const char *path, uint32_t mode, const char *meta, size_t length, char *why, size_t why_size);

/* Writes where the calls that run now stand, so that their operations come out right in the capture as it is. */
void prof_py_count_live(void);

/* Counts the program's allocations from now on into the running recording; `detail` follows each block to its end. What
 * Python files below `folder` (with its slash; "" for none) allocate is not the program's. 0, or an errno value: ENOTSUP
 * where frames are not known, EBUSY when another tool keeps hooks of a summary in the chain, EPERM in another interpreter than the
 * main one. */
int prof_py_memory_start(int detail, const char *folder);

/* Writes what blocks of a type live now. 0, or ENOSPC. */
int prof_py_memory_type(const char *name, uint64_t count, uint64_t bytes);

/* Ends it, before the recording ends. Hooks that another tool has wrapped stay, and do nothing. */
void prof_py_memory_stop(void);

/* Samples all threads every `interval_ns` from now on, into the running recording, until prof_py_samples_stop. Code of the file
 * `main_file` is of the module `main_name`. `frames` 0: spans alone, as where frames cannot be read. 0, or an errno value. */
int prof_py_samples_start(uint64_t interval_ns, const char *main_file, const char *main_name, int frames);
void prof_py_samples_stop(void);

/* What a thread is called that may never enter a span. */
void prof_py_samples_name(uint64_t native_id, const char *name);

/* 1 if frames that run now read the same by the offsets compiled in as by the interpreter's own functions: a patch release, or another
 * build, may have moved a field. For when no recording runs. */
int prof_py_layout_agrees(void);

/* 1 if this CPython's bytecode is one that the engine was validated on, all its opcodes are known, and its layout agrees. */
int prof_py_validated(void);

/* From here on another process can ask this one, at no cost before one does. 0; -1 where the interpreter's queue of calls is not where it
 * is looked for, or the system does not let the process read its own memory. */
int prof_py_stand_by(void);

/* By which bytes of its memory a process is found that stands by: 16. */
const unsigned char *prof_py_standby_cookie(void);

/* By a copy of that structure, cookie first: whether the process records or is on standby. One that has only imported prof is
 * neither. */
int prof_py_standby_begun(const unsigned char *copy, size_t size);

/* Has a process run a file of Python text, as soon as it runs Python: `at` is where its cookie is. Once more of one that has not answered
 * yet: its threads look again. 0, or -1 with the reason in `why`. prof_py_withdraw takes it back, if it was not taken yet. */
int prof_py_ask(int pid, uint64_t at, const char *path, char *why, size_t why_size);
void prof_py_withdraw(int pid, uint64_t at);

/* What prof_py_look finds, in this order: a thread, its frames from the innermost on, its open spans from the innermost on. */
enum prof_py_seen_kind { PROF_PY_SEEN_THREAD, PROF_PY_SEEN_FRAME, PROF_PY_SEEN_SPAN };
typedef struct {
    uint32_t kind;
    uint32_t line;   /* of a frame: 0 unknown */
    uint64_t thread; /* the kernel's id */
    uint64_t ns;     /* of a span: how long it has been open since it was entered the last time; 0 unknown */
    uint32_t holds;  /* of a thread: whether it holds the interpreter's lock */
    uint32_t cut;    /* of a thread: its frames changed while they were read, or there was no room: some are not there */
    char name[512];  /* in UTF-8 */
    char file[1024];
} prof_py_seen;

/* Reads where the threads of a process are: `at` as above. How many rows, at most `room`; -1 with the reason in `why`. It is asked
 * nothing, and may hang. */
int prof_py_look(int pid, uint64_t at, prof_py_seen *rows, int room, char *why, size_t why_size);

/* What the operations of a category are called in captures; they are numbered from 1. NULL behind the last. */
const char *prof_py_category(int number);
/* cffi: end */

#endif
