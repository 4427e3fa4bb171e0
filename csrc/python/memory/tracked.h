/* Blocks that CPython's allocators never see: what libraries get elsewhere and tell tracemalloc of, by
 * PyTraceMalloc_Track and PyTraceMalloc_Untrack. numpy's arrays are such blocks: before 2.5 they come from malloc(), and
 * later ones are served from a cache of numpy's own. The two calls are taken where libraries make them, in the slots that
 * the dynamic linker fills (Linux, x86-64 and aarch64; elsewhere these do nothing), and always go on to CPython. */
#ifndef PROF_PYTHON_TRACKED_H
#define PROF_PYTHON_TRACKED_H
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Takes the calls of all libraries loaded so far. Needs the GIL, as the others do. */
void prof_tracked_start(void);

/* Those of libraries that were loaded since, too. Costs a lock and a comparison when there are none. */
void prof_tracked_look(void);

/* Gives all slots back. One that somebody else has taken since stays theirs; if they come by us, we only pass on. */
void prof_tracked_stop(void);

/* What the calls come to, in allocators.c: a library has a block, or no longer. Any thread, with the GIL or without. */
void prof_py_tracked(void *block, size_t bytes);
void prof_py_untracked(void *block);

#pragma GCC visibility pop
#endif
