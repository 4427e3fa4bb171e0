/* The recording, as a whole: its beginning and its end are in prof.h. */
#ifndef PROF_SESSION_H
#define PROF_SESSION_H
#include "prof.h"

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
