/* From outside: puts the call into the queue of a process whose threads all stand still. */
#define _GNU_SOURCE
#include "standby.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "python/control.h"

#if PROF_PY_VALIDATED

#define PATIENCE_NS 1000000000 /* for a thread to stop, and for the queue's lock */
#define PAUSE_NS 20000

int prof_foreign_get(int pid, void *to, uint64_t from, size_t bytes) {
    struct iovec own = {to, bytes}, other = {(void *)(uintptr_t)from, bytes};
    return process_vm_readv(pid, &own, 1, &other, 1, 0) == (ssize_t)bytes ? 0 : -1;
}

int prof_foreign_put(int pid, uint64_t to, const void *from, size_t bytes) {
    struct iovec own = {(void *)(uintptr_t)from, bytes}, other = {(void *)(uintptr_t)to, bytes};
    return process_vm_writev(pid, &own, 1, &other, 1, 0) == (ssize_t)bytes ? 0 : -1;
}

static int fail(char *why, size_t size, const char *form, ...) __attribute__((format(printf, 3, 4)));
static int fail(char *why, size_t size, const char *form, ...) {
    va_list more;
    va_start(more, form);
    vsnprintf(why, size, form, more);
    va_end(more);
    return -1;
}

int prof_foreign_standby(int pid, uint64_t at, prof_standby *copy, char *why, size_t size) {
    const prof_standby *own = &prof_standing;
    if (prof_foreign_get(pid, copy, at, sizeof *copy)) return fail(why, size, "its memory cannot be read: %s", strerror(errno));
    if (memcmp(copy->cookie, own->cookie, sizeof own->cookie)) return fail(why, size, "it is not on standby");
    if (copy->python != own->python)
        return fail(why, size, "its Python is %u.%u, and this is %u.%u", copy->python >> 8, copy->python & 255, own->python >> 8,
                    own->python & 255);
    if (copy->bytes != own->bytes || copy->thread_bytes != own->thread_bytes || copy->frame_bytes != own->frame_bytes)
        return fail(why, size, "its prof is another release than this one");
    return 0;
}

/* ---- threads that stand still ------------------------------------------------------------------------------------------------------- */

/* A thread that was stopped, and the signal that was on its way to it and goes on when it does. */
typedef struct {
    pid_t id;
    int signal;
} stopped;

typedef struct {
    stopped *threads; /* Owned */
    size_t count, room;
} crowd;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void rest(void) { nanosleep(&(struct timespec){0, PAUSE_NS}, NULL); }

static void let_go(crowd *all) {
    for (size_t i = 0; i < all->count; i++)
        ptrace(PTRACE_DETACH, all->threads[i].id, NULL, (void *)(intptr_t)all->threads[i].signal);
    free(all->threads);
    memset(all, 0, sizeof *all);
}

static int has(const crowd *all, pid_t id) {
    for (size_t i = 0; i < all->count; i++)
        if (all->threads[i].id == id) return 1;
    return 0;
}

/* Waits until it stands still. 0, 1 if it has ended, -1 with errno. */
static int await_stop(pid_t id, int *signal, uint64_t until) {
    for (;;) {
        int status = 0;
        pid_t found = waitpid(id, &status, __WALL | WNOHANG);
        if (found < 0 && errno != EINTR) return errno == ECHILD ? 1 : -1;
        if (found == id && !WIFSTOPPED(status)) return 1;
        if (found == id) {
            *signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
            return 0;
        }
        if (now_ns() > until) {
            errno = ETIMEDOUT;
            return -1;
        }
        rest();
    }
}

/* 0; 1 if there is no such thread any more; -1 with errno. */
static int stop_thread(crowd *all, pid_t id, uint64_t until) {
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 64;
        stopped *more = realloc(all->threads, room * sizeof *more);
        if (!more) return -1;
        all->threads = more;
        all->room = room;
    }
    stopped *thread = &all->threads[all->count];
    *thread = (stopped){id, 0};
    if (ptrace(PTRACE_SEIZE, id, NULL, NULL)) return errno == ESRCH ? 1 : -1;
    if (ptrace(PTRACE_INTERRUPT, id, NULL, NULL) && errno == ESRCH) return 1;
    int result = await_stop(id, &thread->signal, until);
    if (result != 1) all->count++; /* one that does not stop is let go with the others, when we do */
    return result;
}

/* Stops every thread, those too that others begin meanwhile. 0, or -1 with errno: then none is. */
static int stop_all(int pid, crowd *all) {
    const uint64_t until = now_ns() + PATIENCE_NS;
    char folder[64];
    snprintf(folder, sizeof folder, "/proc/%d/task", pid);
    for (size_t before = (size_t)-1; before != all->count;) {
        before = all->count;
        DIR *tasks = opendir(folder);
        if (!tasks) goto error;
        for (struct dirent *each; (each = readdir(tasks));) {
            pid_t id = (pid_t)atoi(each->d_name);
            if (id <= 0 || has(all, id)) continue;
            if (stop_thread(all, id, until) < 0) {
                int reason = errno;
                closedir(tasks);
                errno = reason;
                goto error;
            }
        }
        closedir(tasks);
    }
    if (all->count) return 0;
    errno = ESRCH;
error:;
    int reason = errno;
    let_go(all);
    errno = reason;
    return -1;
}

/* ---- the queue ------------------------------------------------------------------------------------------------------------------------ */

enum { DONE, BUSY, FAILED };

static int lock_is_free(int pid, const prof_py_queue *q) {
    unsigned char copy[PROF_PY_QUEUE_LOCK_BYTES];
    uint64_t at = q->lock;
    if (q->lock_is_there && prof_foreign_get(pid, &at, q->lock, sizeof at)) return 0;
    return !prof_foreign_get(pid, copy, at, sizeof copy) && prof_py_queue_is_free(copy);
}

static int put_int(int pid, uint64_t at, int value) { return prof_foreign_put(pid, at, &value, sizeof value); }

/* As the interpreter's own function does it, in the same order. */
static int push(int pid, const prof_standby *s) {
    const prof_py_queue *q = &s->queue;
    int first = 0, next = 0, count = 0;
    const uint64_t call[2] = {s->answer, 0};
    if (prof_foreign_get(pid, &first, q->first, sizeof first) || prof_foreign_get(pid, &next, q->next, sizeof next) ||
        prof_foreign_get(pid, &count, q->count, sizeof count))
        return FAILED;
    if (first < 0 || next < 0 || (uint32_t)first >= q->room || (uint32_t)next >= q->room) return FAILED;
    int after = (int)(((uint32_t)next + 1) % q->room);
    if (after == first) return BUSY; /* full */
    if (prof_foreign_put(pid, q->calls + (uint32_t)next * q->call_bytes, call, sizeof call) ||
        put_int(pid, q->count, q->counts ? count + 1 : 1) || put_int(pid, q->next, after))
        return FAILED;
    return DONE;
}

/* Has the threads look into the queue. */
static int break_in(int pid, const prof_py_queue *q) {
    if (q->breaker) return put_int(pid, q->breaker, 1) ? FAILED : DONE;
    uint64_t state = 0;
    if (prof_foreign_get(pid, &state, q->first_state, sizeof state)) return FAILED;
    while (state) {
        uint64_t word;
        if (prof_foreign_get(pid, &word, state + q->breaker_of_state, sizeof word)) return FAILED;
        word |= q->breaker_bit;
        if (prof_foreign_put(pid, state + q->breaker_of_state, &word, sizeof word) ||
            prof_foreign_get(pid, &state, state + q->next_state, sizeof state))
            return FAILED;
    }
    return DONE;
}

static int ask_once(int pid, uint64_t at, const char *path) {
    prof_standby s;
    crowd all = {0};
    if (stop_all(pid, &all)) return FAILED;
    int result = prof_foreign_get(pid, &s, at, sizeof s) ? FAILED : lock_is_free(pid, &s.queue) ? DONE : BUSY;
    const int32_t marks[2] = {1, pid}; /* a forked child has its parent's queue, and answers nothing there */
    char text[PROF_STANDBY_PATH] = {0};
    snprintf(text, sizeof text, "%s", path);
    if (result == DONE && !(s.queued && s.pid == pid)) result = push(pid, &s);
    if (result == DONE && (prof_foreign_put(pid, at + offsetof(prof_standby, path), text, sizeof text) ||
                           prof_foreign_put(pid, at + offsetof(prof_standby, queued), marks, sizeof marks)))
        result = FAILED;
    if (result == DONE) result = break_in(pid, &s.queue);
    int reason = errno;
    let_go(&all);
    errno = reason;
    return result;
}

int prof_py_ask(int pid, uint64_t at, const char *path, char *why, size_t size) {
    prof_standby s;
    if (prof_foreign_standby(pid, at, &s, why, size)) return -1;
    if (!s.ready) return fail(why, size, "its Python %u.%u has a queue of calls that is not known", s.python >> 8, s.python & 255);
    if (strlen(path) >= sizeof s.path) return fail(why, size, "the name of the temporary folder is too long: %s", path);
    int result = BUSY;
    for (uint64_t until = now_ns() + PATIENCE_NS; result == BUSY && now_ns() < until; result == BUSY ? rest() : (void)0)
        result = ask_once(pid, at, path);
    if (result == BUSY) return fail(why, size, "its queue of calls is full, or in use");
    if (result == FAILED && errno == EPERM)
        return fail(why, size, "it cannot be stopped: the system forbids it (kernel.yama.ptrace_scope), or a debugger holds it");
    if (result == FAILED && errno == ETIMEDOUT)
        return fail(why, size, "one of its threads cannot be stopped: the system is at work for it");
    return result == DONE ? 0 : fail(why, size, "it cannot be asked: %s", strerror(errno));
}

void prof_py_withdraw(int pid, uint64_t at) {
    const char none = 0;
    prof_foreign_put(pid, at + offsetof(prof_standby, path), &none, sizeof none);
}

const unsigned char *prof_py_standby_cookie(void) { return prof_standing.cookie; }

int prof_py_standby_begun(const char *copy, size_t size) {
    prof_standby s;
    if (size < sizeof s) return 0;
    memcpy(&s, copy, sizeof s);
    return s.answer != 0;
}

#else
int prof_py_ask(int pid, uint64_t at, const char *path, char *why, size_t size) {
    snprintf(why, size, "this Python is not known");
    return -1;
}
void prof_py_withdraw(int pid, uint64_t at) {}
const unsigned char *prof_py_standby_cookie(void) { return NULL; }
int prof_py_standby_begun(const char *copy, size_t size) { return 0; }
#endif
