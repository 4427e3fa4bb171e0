/* Whether the interpreter that runs is laid out as the one whose headers this was compiled with: a patch release may move a field. */
#ifndef PROF_LAYOUT_H
#define PROF_LAYOUT_H

#pragma GCC visibility push(hidden)

/* 1 if the frames that run now read the same by our offsets as by the interpreter's own functions; also where there is no frame, or the
 * system forbids the copies that make a wrong offset harmless. Nothing is dereferenced by an offset of ours. Needs the lock. */
int prof_layout_agrees(void);

#pragma GCC visibility pop
#endif
