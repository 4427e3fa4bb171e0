/* Where the running code allocates: the leaf of the calling-context tree for the line of a frame's instruction. */
#ifndef PROF_PYTHON_ALLOC_SITES_H
#define PROF_PYTHON_ALLOC_SITES_H
#include "modes/memory/memory.h"
#include "python/version/version.h"

#if PROF_PY_VALIDATED

/* Python files below `folder` (with its slash; "" for none) are not the program's. 0, or -1 where no code can be remembered. */
int prof_alloc_sites_init(const char *folder);

/* The site of the frame's instruction below `top`, which prof_site_find did not know; NULL when nothing is to be counted. Runs
 * inside an allocator, with the main interpreter's GIL: takes no frame object and no memory of Python's but the slot on the code
 * object, and that only where `may_ask()`. */
prof_node *prof_alloc_site(prof_thread *t, prof_node *top, prof_py_frame *frame, int (*may_ask)(void));

/* Number of the site of a block that the calling thread got without the main interpreter's GIL: its line's, where that is known
 * from what it allocated with the GIL, else one of those that stand for all. */
uint32_t prof_alloc_site_without_gil(void);

#endif
#endif
