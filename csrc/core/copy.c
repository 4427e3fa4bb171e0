#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"

static int write_all(int fd, const void *data, uint64_t size) {
    const char *p = data;
    while (size) {
        ssize_t done = write(fd, p, size < (1u << 30) ? size : 1u << 30);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return errno ? errno : EIO;
        p += done;
        size -= (uint64_t)done;
    }
    return 0;
}

static int write_parts(int fd, unsigned char *copy, uint64_t size, const char *meta, size_t length) {
    static const char spaces[PROF_REF_UNIT] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    uint64_t padded = (length + PROF_REF_UNIT - 1) / PROF_REF_UNIT * PROF_REF_UNIT;
    prof_chunk chunk = {.type = PROF_CHUNK_META, .record_size = 1, .size = sizeof chunk + padded, .used = padded};
    prof_header *header = (prof_header *)(void *)copy;
    header->end = size + chunk.size;
    header->state = PROF_CLOSED;
    header->flags |= PROF_FLAG_DUMP;
    int error = write_all(fd, copy, size);
    if (!error) error = write_all(fd, &chunk, sizeof chunk);
    if (!error) error = write_all(fd, meta, length);
    return error ? error : write_all(fd, spaces, padded - length);
}

int prof_copy_write(const char *path, uint32_t mode, unsigned char *copy, uint64_t size, const char *meta, size_t length) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return errno;
    int error = fchmod(fd, mode) ? errno : write_parts(fd, copy, size, meta, length);
    if (close(fd) && !error) error = errno;
    if (error) unlink(path);
    return error;
}
