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

/* What the operations of a category are called in captures; they are numbered from 1. NULL behind the last. */
const char *prof_py_category(int number);
/* cffi: end */

#endif
