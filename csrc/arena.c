#define _GNU_SOURCE
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_CHUNK (16u << 10)
#define LARGEST_CHUNK (4u << 20)
#define GROWTH (1u << 20)
#define PAGE 4096u

char *prof_arena_base;
static struct {
    int fd;             /* Owned; -1 when no file is open */
    uint64_t reserved;  /* bytes of address range */
    uint64_t allocated; /* bytes of the file that the disk has promised */
    int full;
    int named; /* the file has had its name from the start */
    pthread_mutex_t lock;
} arena = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t round_up(uint64_t n, uint64_t unit) { return (n + unit - 1) / unit * unit; }

/* Makes the file at least `bytes` long, on the disk. 0, or an errno value. */
static int ensure(uint64_t bytes) {
    if (bytes <= arena.allocated) return 0;
    if (bytes > arena.reserved) return EFBIG;
    uint64_t want = round_up(bytes + arena.allocated / 4, GROWTH);
    if (want > arena.reserved) want = arena.reserved;
    int error = posix_fallocate(arena.fd, 0, (off_t)want);
    if (error && want > round_up(bytes, PAGE)) error = posix_fallocate(arena.fd, 0, (off_t)(want = round_up(bytes, PAGE)));
    if (!error) arena.allocated = want;
    return error;
}

/* A file without a name in the directory of `path`: if the process is killed before there is a header in it, nobody finds
 * the remains. -1 where the file system has no such files. */
static int create_nameless(const char *path) {
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof directory || access("/proc/self/fd", X_OK)) return -1; /* it gets its name through there */
    memcpy(directory, n ? path : ".", n ? n : 1);
    directory[n ? n : 1] = 0;
    return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
}

int prof_arena_open(const char *path, uint64_t max_bytes) {
    int fd = create_nameless(path);
    arena.named = fd < 0;
    if (fd < 0) fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    int error;
    void *base = MAP_FAILED;
    uint64_t size = round_up(max_bytes, PAGE);
    /* Only addresses are taken here, no memory; where even those are rationed (ulimit -v), take fewer. */
    for (; size >= GROWTH; size /= 2) {
        base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
        if (base != MAP_FAILED) break;
    }
    if (base == MAP_FAILED) { error = errno; goto error; }
    arena.fd = fd;
    arena.reserved = size;
    arena.allocated = 0;
    arena.full = 0;
    error = ensure(PROF_HEADER_SIZE + GROWTH / 2);
    if (error) goto error;
    prof_arena_base = base;
    prof_arena_header()->end = PROF_HEADER_SIZE;
    return 0;
error:
    if (base != MAP_FAILED) munmap(base, size);
    close(fd);
    if (arena.named) unlink(path);
    arena.fd = -1;
    return error;
}

int prof_arena_publish_name(const char *path) {
    char link[64];
    if (arena.named) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", arena.fd);
    if (!linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW)) return 0;
    int error = errno;
    munmap(prof_arena_base, arena.reserved);
    close(arena.fd);
    arena.fd = -1;
    return error;
}

void prof_arena_close(void) {
    if (arena.fd < 0) return;
    uint64_t end = prof_arena_header()->end, mapped = round_up(end, PAGE);
    /* The range goes first: once the file is cut, touching it would be a SIGBUS. */
    if (mapped < arena.reserved) munmap(prof_arena_base + mapped, arena.reserved - mapped);
    if (ftruncate(arena.fd, (off_t)end)) { /* a longer file is still a valid capture: the header says where it ends */ }
    close(arena.fd);
    arena.fd = -1;
}

void prof_arena_forget(void) {
    if (arena.fd >= 0) close(arena.fd);
    arena.fd = -1;
    /* The forking thread may have copied the lock while another held it. */
    pthread_mutex_init(&arena.lock, NULL);
}

static prof_chunk *new_chunk(uint32_t type, uint32_t record_size, prof_ref thread, uint64_t size) {
    prof_chunk *chunk = NULL;
    pthread_mutex_lock(&arena.lock);
    prof_header *header = prof_arena_header();
    if (arena.fd >= 0 && !arena.full && ensure(header->end + size)) {
        arena.full = 1; /* sticky: a program that recurses into a full disk must not retry at each call */
    }
    if (arena.fd >= 0 && !arena.full) {
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
