/* The recording, as a whole: its beginning and its end are in prof.h. */
#ifndef PROF_SESSION_H
#define PROF_SESSION_H
#include "prof.h"

/* Called by prof_open once labels can be made, to name what survived a fork; set by the CPython half. */
extern void (*prof_on_open)(void);

/* Called by prof_forget: this process is a child that has let go of its parent's recording. Set by the CPython half. */
extern void (*prof_on_forget)(void);

#endif
