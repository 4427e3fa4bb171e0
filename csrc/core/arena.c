#define _GNU_SOURCE
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_CHUNK (2u << 10)
#define LARGEST_CHUNK (4u << 20)
#define FIRST_ROOM (64u << 10) /* of the file: a child that opens one span must not cost more */
#define GROWTH (1u << 20)
#define SPARE (16u << 20)
#ifdef __aarch64__
#define PAGE 65536u /* the largest that its kernels have: what is rounded to it is whole pages of every size */
#else
#define PAGE 4096u
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

char *prof_arena_base;
static struct {
    int open;
    int fd;              /* Owned; only from the file's creation until it has its name, else -1 */
    char path[PATH_MAX]; /* how the file is found again when it grows */
    dev_t device;
    ino_t inode;
    uint64_t reserved;  /* bytes of address range */
    uint64_t allocated; /* bytes of the file that the disk has promised */
    uint64_t length;    /* bytes of the file; those beyond `allocated` are a hole */
    int full;           /* errno of the growth that failed */
    int named;          /* the file has had its name from the start */
    uint64_t step;      /* bytes that it grows by at least, beyond the first; 0: by as much as it has, up to GROWTH */
    pthread_mutex_t lock;
} arena = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t round_up(uint64_t n, uint64_t unit) { return (n + unit - 1) / unit * unit; }
static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- descriptors ---------------------------------------------------------------------------------------------------
 * A number is no proof of what it stands for: a daemon closes every descriptor it inherits, and its own log gets the number
 * next. So none is kept. The file is opened anew when it must grow, and is only touched if it is still the same file. */

/* The same file under a number that is not one of the standard streams', whose numbers a program without them gives to files of
 * its own. */
static int above_standard(int fd) {
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), error = errno;
    close(fd);
    errno = error;
    return higher;
}

/* The capture, to be closed again at once; -1 with errno where its path leads elsewhere by now, or nowhere. */
static int reopen(void) {
    struct stat status;
    int fd = above_standard(open(arena.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd < 0) return -1;
    if (!fstat(fd, &status) && status.st_dev == arena.device && status.st_ino == arena.inode) return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

/* ---- room ----------------------------------------------------------------------------------------------------------- */

static uint64_t size_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* How long the file should become so that it has `bytes`. */
static uint64_t wanted(uint64_t bytes) {
    if (!arena.allocated) return round_up(bytes, FIRST_ROOM);
    uint64_t unit = least(round_up(arena.allocated, FIRST_ROOM), GROWTH);
    return round_up(bytes + arena.allocated / 4, arena.step > unit ? arena.step : unit);
}

/* Has the disk promise `want` bytes of the file at `fd`, and appends a hole for a process that may not open the file again: one
 * that changes its user or its root directory can still fill that. */
static int extend(int fd, uint64_t want) {
    int error = posix_fallocate(fd, 0, (off_t)want);
    if (error) return error;
    arena.allocated = want;
    if (arena.length < want) arena.length = want;
    uint64_t longer = least(least(want + SPARE, arena.reserved), size_limit());
    if (want > FIRST_ROOM && longer > arena.length && !ftruncate(fd, (off_t)longer)) arena.length = longer;
    return 0;
}

/* The same through the mapping alone, as far as the hole reaches. */
static int fill_hole(uint64_t want) {
    if (want > arena.length) return ENOSPC;
    if (madvise(prof_arena_base + arena.allocated, want - arena.allocated, MADV_POPULATE_WRITE))
        return errno == EFAULT ? ENOSPC : errno;
    arena.allocated = want;
    return 0;
}

static int grow_to(uint64_t want) {
    if (want > size_limit()) return EFBIG; /* trying would be a signal to the program */
    int fd = arena.fd >= 0 ? arena.fd : reopen();
    if (fd < 0) {
        int error = errno;
        return fill_hole(want) ? error : 0;
    }
    int error = extend(fd, want);
    if (fd != arena.fd) close(fd);
    return error;
}

/* Makes the file at least `bytes` long, on the disk. 0, or an errno value. */
static int ensure(uint64_t bytes) {
    if (bytes <= arena.allocated) return 0;
    if (bytes > arena.reserved) return EFBIG;
    uint64_t want = least(wanted(bytes), arena.reserved), less = round_up(bytes, PAGE);
    int error = grow_to(want);
    return error && want > less ? grow_to(less) : error;
}

int prof_arena_full(void) { return arena.full; }

void prof_arena_grow_by(uint64_t bytes) { arena.step = round_up(bytes, FIRST_ROOM); }

void prof_arena_populate(const void *room, uint64_t bytes) {
    uint64_t first = round_up((uint64_t)((const char *)room - prof_arena_base), PAGE), last = first + bytes / PAGE * PAGE;
    if (last > first && last <= arena.allocated && madvise(prof_arena_base + first, last - first, MADV_POPULATE_WRITE)) {
    } /* then each page is taken as it is written to */
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

/* A file without a name in the directory of `path`: if the process is killed before there is a header in it, nobody finds
 * the remains. -1 where the file system has no such files. */
static int create_nameless(const char *path, mode_t mode) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof directory || access("/proc/self/fd", X_OK)) return -1; /* it gets its name through there */
    memcpy(directory, n ? path : ".", n ? n : 1);
    directory[n ? n : 1] = 0;
    return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

/* Remembers where the file is, wherever the program may change its directory to. 0, or an errno value. */
static int remember(const char *path, int fd) {
    struct stat status;
    size_t n = 0;
    if (path[0] != '/') {
        if (!getcwd(arena.path, sizeof arena.path - 1)) return errno;
        n = strlen(arena.path);
        arena.path[n++] = '/';
    }
    if (n + strlen(path) >= sizeof arena.path) return ENAMETOOLONG;
    strcpy(arena.path + n, path);
    if (fstat(fd, &status)) return errno;
    arena.device = status.st_dev;
    arena.inode = status.st_ino;
    return 0;
}

static void abandon(const char *path) {
    if (prof_arena_base) munmap(prof_arena_base, arena.reserved);
    prof_arena_base = NULL;
    close(arena.fd);
    arena.fd = -1;
    arena.open = 0;
    if (arena.named) unlink(path);
}

int prof_arena_open(const char *path, uint64_t max_bytes, mode_t mode) {
    int fd = above_standard(create_nameless(path, mode));
    arena.named = fd < 0;
    if (fd < 0) fd = above_standard(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd < 0) return errno;
    prof_arena_base = NULL; /* an earlier recording's mapping stays where it is */
    arena.fd = fd;
    arena.allocated = arena.length = 0;
    arena.full = 0;
    arena.step = 0;
    int error = fchmod(fd, mode) ? errno : remember(path, fd); /* exactly that mode, whatever the umask */
    void *base = MAP_FAILED;
    arena.reserved = round_up(max_bytes, PAGE);
    /* Only addresses are taken here, no memory; where even those are rationed (ulimit -v), take fewer. */
    for (; !error && arena.reserved >= GROWTH; arena.reserved /= 2) {
        base = mmap(NULL, arena.reserved, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
        if (base != MAP_FAILED) break;
    }
    if (base != MAP_FAILED) prof_arena_base = base;
    else if (!error) error = errno;
    if (!error) error = ensure(PROF_HEADER_SIZE);
    if (error) {
        abandon(path);
        return error;
    }
    arena.open = 1;
    prof_arena_header()->end = PROF_HEADER_SIZE;
    return 0;
}

int prof_arena_publish_name(const char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", arena.fd);
    if (!arena.named && linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW)) {
        int error = errno;
        abandon(path);
        return error;
    }
    close(arena.fd);
    arena.fd = -1;
    return 0;
}

void prof_arena_close(void) {
    if (!arena.open) return;
    pthread_mutex_lock(&arena.lock); /* no chunk is made behind the end from here on */
    arena.open = 0;
    uint64_t end = prof_arena_header()->end, mapped = round_up(end, PAGE);
    pthread_mutex_unlock(&arena.lock);
    /* The range goes first: once the file is cut, touching it would be a SIGBUS. */
    if (mapped < arena.reserved) munmap(prof_arena_base + mapped, arena.reserved - mapped);
    int fd = reopen();
    if (fd < 0) return;              /* a longer file is still a valid capture: the header says where it ends */
    if (ftruncate(fd, (off_t)end)) { /* likewise */
    }
    close(fd);
}

void prof_arena_forget(void) {
    arena.open = 0;
    /* The forking thread may have copied the lock while another held it. */
    pthread_mutex_init(&arena.lock, NULL);
}

static prof_chunk *new_chunk(uint32_t type, uint32_t record_size, prof_ref thread, uint64_t size) {
    prof_chunk *chunk = NULL;
    pthread_mutex_lock(&arena.lock);
    prof_header *header = prof_arena_header();
    /* Sticky: a program that recurses into a full disk must not retry at each call. */
    if (arena.open && !arena.full) header->full = (uint64_t)(arena.full = ensure(header->end + size));
    if (arena.open && !arena.full) {
        chunk = (void *)(prof_arena_base + header->end);
        chunk->type = type;
        chunk->record_size = record_size;
        chunk->size = size;
        chunk->thread = thread;
        __atomic_store_n(&header->end, header->end + size, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&arena.lock);
    return chunk;
}

void *prof_arena_append(prof_appender *appender, uint32_t type, uint32_t record_size, prof_ref thread, uint64_t bytes) {
    prof_chunk *chunk = appender->chunk;
    if (!chunk || chunk->used + bytes > chunk->size - sizeof *chunk) {
        uint64_t size = appender->grow ? appender->grow : FIRST_CHUNK;
        while (size < bytes + sizeof *chunk) size *= 2;
        chunk = new_chunk(type, record_size, thread, size);
        if (!chunk) return NULL;
        appender->chunk = chunk;
        appender->grow = size < LARGEST_CHUNK ? size * 2 : size;
    }
    return (char *)(chunk + 1) + chunk->used;
}

void prof_arena_publish(prof_appender *appender, uint64_t bytes) {
    prof_chunk *chunk = appender->chunk;
    __atomic_store_n(&chunk->used, chunk->used + bytes, __ATOMIC_RELEASE);
}
