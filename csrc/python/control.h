/* The control plane: what Python calls through cffi. cffi lets go of the GIL around each call; these take it back
 * where they need it. */
#ifndef PROF_PYTHON_CONTROL_H
#define PROF_PYTHON_CONTROL_H
#include "../prof.h"

/* cffi: begin */
/* Makes the module `prof._probes` (probes, sections, callbacks) and puts it into sys.modules. 0, or -1 with the reason in
 * `why`. */
int prof_py_init(char *why, size_t why_size);

/* As prof_open and prof_close, with the GIL held: no thread is inside a probe meanwhile. */
int prof_py_open(const char *path, const prof_config *config, char *why, size_t why_size);
void prof_py_close(void);

/* 1 if this CPython's bytecode is one that the engine was validated on. */
int prof_py_validated(void);
/* cffi: end */

#endif
