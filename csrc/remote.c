#define _GNU_SOURCE
#include "remote.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

static pid_t self; /* asking the kernel takes a tenth of a copy's time */

long prof_remote_copy(const prof_remote_piece *pieces, size_t count) {
    struct iovec to[PROF_REMOTE_PIECES], from[PROF_REMOTE_PIECES];
    for (size_t i = 0; i < count; i++) {
        to[i] = (struct iovec){pieces[i].to, pieces[i].bytes};
        from[i] = (struct iovec){(void *)(size_t)pieces[i].from, pieces[i].bytes};
    }
    return process_vm_readv(self, to, count, from, count, 0);
}

int prof_remote_allowed(void) {
    static const long known = 42;
    long copy = 0;
    errno = 0;
    self = getpid();
    if (prof_remote_get(&copy, &known, sizeof copy) && copy == known) return 0;
    return errno ? errno : EFAULT;
}
