/* Opens a capture: brings the file into memory and checks its header and chunk heads. */
#define _GNU_SOURCE
#include "private.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void prof_reader_fail(char *error, size_t size, const char *format, ...) {
    if (error == NULL || size == 0) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, size, format, arguments);
    va_end(arguments);
}

/* ---- the file in memory ---- */

/* File systems without mmap: read to the end. */
static int read_whole(prof_reader *reader, int fd) {
    size_t room = 1 << 16, used = 0;
    unsigned char *data = malloc(room);
    while (data != NULL) {
        if (used == room) {
            unsigned char *larger = realloc(data, room * 2);
            if (larger == NULL) break;
            data = larger;
            room *= 2;
        }
        ssize_t got = read(fd, data + used, room - used);
        if (got == 0) {
            reader->data = data;
            reader->size = used;
            return 0;
        }
        if (got > 0) used += (size_t)got;
        else if (errno != EINTR) break;
    }
    free(data);
    return -1;
}

static void map_file(prof_reader *reader, int fd, uint64_t size) {
    if (size == 0) return;
    if (reader->mapped) munmap((void *)reader->data, reader->size);
    /* Private and writable: pending calls are counted into this copy of the labels, and the file stays as it is. */
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    reader->mapped = data != MAP_FAILED;
    reader->data = reader->mapped ? data : NULL;
    reader->size = reader->mapped ? size : 0;
}

/* Whether a recording has made the file longer since it was mapped, and says so in the header already. */
static int has_grown(const prof_reader *reader, int fd, struct stat *status) {
    const prof_header *header = (const prof_header *)reader->data;
    if (!reader->mapped || reader->size < PROF_HEADER_SIZE || memcmp(header->magic, PROF_MAGIC, sizeof header->magic) != 0)
        return 0;
    if (__atomic_load_n(&header->end, __ATOMIC_ACQUIRE) <= reader->size) return 0;
    return fstat(fd, status) == 0 && (uint64_t)status->st_size > reader->size;
}

static int load(prof_reader *reader, const char *path, char *error, size_t size) {
    int result = -1, fd = -1;
    struct stat status;
    /* Asked before it is opened: to open a pipe or a device may be to wait for it, or to set it going. */
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        prof_reader_fail(error, size,
                         S_ISDIR(status.st_mode) ? "is a directory, and no plain file"
                                                 : "is a pipe or a device, and no plain file");
        return -1;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        prof_reader_fail(error, size, "cannot be opened: %s", strerror(errno));
        goto error;
    }
    do { map_file(reader, fd, (uint64_t)status.st_size); } while (has_grown(reader, fd, &status));
    if (reader->data == NULL && read_whole(reader, fd) != 0) {
        prof_reader_fail(error, size, "cannot be read: %s", strerror(errno));
        goto error;
    }
    result = 0;
error:
    if (fd >= 0) close(fd);
    return result;
}

/* ---- the header ---- */

static int check_header(const prof_reader *reader, char *error, size_t size) {
    const prof_header *header = (const prof_header *)reader->data;
    if (reader->size == 0) {
        prof_reader_fail(error, size, "is empty");
    } else if (reader->size < sizeof header->magic || memcmp(header->magic, PROF_MAGIC, sizeof header->magic) != 0) {
        prof_reader_fail(error, size, "is not a capture: it does not begin with PROFCAP");
    } else if (reader->size < PROF_HEADER_SIZE) {
        prof_reader_fail(error, size, "is truncated (copy it again): %" PRIu64 " bytes, and the header alone has %d", reader->size,
                         PROF_HEADER_SIZE);
    } else if (header->byte_order != PROF_BYTE_ORDER) {
        if (header->byte_order == __builtin_bswap32(PROF_BYTE_ORDER))
            prof_reader_fail(error, size, "was recorded on a machine of the other byte order: read it on one like that");
        else prof_reader_fail(error, size, CORRUPT "unknown byte order %#x", header->byte_order);
    } else if (header->version != PROF_FORMAT_VERSION) {
        prof_reader_fail(error, size, "has format version %u, and this prof reads version %d: use the prof that recorded it",
                         header->version, PROF_FORMAT_VERSION);
    } else if (header->header_size < sizeof(prof_header) || header->header_size % PROF_REF_UNIT != 0 ||
               header->header_size > reader->size) {
        prof_reader_fail(error, size, CORRUPT "a header of %u bytes", header->header_size);
    } else if (header->state < PROF_RECORDING || header->state > PROF_REPLACED) {
        prof_reader_fail(error, size, CORRUPT "unknown state %u", header->state);
    } else {
        return 0;
    }
    return -1;
}

/* Nanoseconds a tick from two instants; 0 when they do not tell. */
static double ratio(const prof_instant *from, const prof_instant *to) {
    if (to->ticks <= from->ticks || to->monotonic_ns <= from->monotonic_ns) return 0;
    return (double)(to->monotonic_ns - from->monotonic_ns) / (double)(to->ticks - from->ticks);
}

static void read_header(prof_reader *reader) {
    const prof_header *header = (const prof_header *)reader->data;
    prof_reader_info *info = &reader->info;
    const prof_instant *last = &header->last;
    double scale = ratio(&header->start, last);
    if (scale == 0) {
        last = &header->first;
        scale = ratio(&header->start, last);
    }
    info->version = header->version;
    info->state = header->state;
    info->clock = header->clock;
    info->pid = header->pid;
    info->modes = header->modes;
    info->interval_ns = header->interval_ns;
    info->probe_cost_ps = header->probe_cost_ps;
    info->start_unix_ns = header->start.unix_ns;
    info->duration_ns = last->monotonic_ns > header->start.monotonic_ns ? last->monotonic_ns - header->start.monotonic_ns : 0;
    info->calibrated = header->clock != PROF_CLOCK_TSC || scale != 0;
    info->ns_per_tick = header->clock == PROF_CLOCK_TSC && scale != 0 ? scale : 1.0;
    reader->latency_scale = header->latency_fs == 0 ? info->ns_per_tick : (double)header->latency_fs * 1e-6;
    info->full = header->full;
    info->flags = header->flags;
    info->least_ns = header->least_ns;
    memcpy(info->drops, header->drops, sizeof info->drops);
}

/* ---- the chunks ---- */

#define KNOWN_TYPES (PROF_CHUNK_MISSING + 1)

/* Bytes of the records that this reader knows; 0 for text and unknown types. */
static uint32_t known_record(uint32_t type) {
    static const uint32_t sizes[KNOWN_TYPES] = {
        [PROF_CHUNK_LABELS] = sizeof(prof_label),
        [PROF_CHUNK_THREADS] = sizeof(prof_thread_record),
        [PROF_CHUNK_NODES] = sizeof(prof_node),
        [PROF_CHUNK_PENDING] = sizeof(prof_pending),
        [PROF_CHUNK_MEMORY] = sizeof(prof_memory),
        [PROF_CHUNK_TYPES] = sizeof(prof_type),
        [PROF_CHUNK_SERIES] = sizeof(prof_moment),
        [PROF_CHUNK_EVENTS] = sizeof(prof_flow_event),
        [PROF_CHUNK_LIVE] = sizeof(prof_live_frame),
        [PROF_CHUNK_OPERANDS] = sizeof(prof_operands),
        [PROF_CHUNK_PLACES] = PROF_PLACE_SIZE,
        [PROF_CHUNK_SAMPLED] = PROF_SAMPLED_SIZE,
        [PROF_CHUNK_SAMPLER] = sizeof(prof_sampling),
        [PROF_CHUNK_USAGE] = sizeof(prof_usage),
        [PROF_CHUNK_PROCESS] = sizeof(prof_process),
        [PROF_CHUNK_SOURCES] = sizeof(prof_source),
        [PROF_CHUNK_METRICS] = sizeof(prof_metric),
        [PROF_CHUNK_STACKS] = sizeof(prof_stacked),
        [PROF_CHUNK_LATENCIES] = sizeof(prof_latency),
        [PROF_CHUNK_WAITS] = sizeof(prof_wait),
        [PROF_CHUNK_ACTIVITIES] = sizeof(prof_activity),
        [PROF_CHUNK_SLOWEST] = sizeof(prof_slow),
        [PROF_CHUNK_SPANS] = PROF_REF_UNIT,
        [PROF_CHUNK_STACK] = PROF_REF_UNIT,
        [PROF_CHUNK_MISSING] = sizeof(prof_missing),
    };
    return type < sizeof sizes / sizeof *sizes ? sizes[type] : 0;
}

/* Copies a chunk's head. Returns 0 when it can be trusted, -1 with a line in `error` when not. */
static int check_chunk(const prof_reader *reader, uint64_t offset, prof_reader_chunk *chunk, char *error, size_t size) {
    const prof_chunk *head = (const prof_chunk *)(reader->data + offset);
    *chunk = (prof_reader_chunk){
        .offset = offset, .size = head->size, .type = head->type, .record_size = head->record_size, .thread = head->thread};
    chunk->used = __atomic_load_n(&head->used, __ATOMIC_ACQUIRE);
    uint64_t room = reader->info.end - offset;
    uint32_t known = known_record(chunk->type);
    if (chunk->size < sizeof(prof_chunk) || chunk->size % PROF_REF_UNIT != 0 || chunk->size > room) {
        prof_reader_fail(error, size, CORRUPT "the chunk at byte %" PRIu64 " claims %" PRIu64 " bytes", offset, chunk->size);
        return -1;
    }
    if (chunk->used > chunk->size - sizeof(prof_chunk)) {
        prof_reader_fail(error, size, CORRUPT "the chunk at byte %" PRIu64 " is fuller than it is large", offset);
        return -1;
    }
    if (known == 0) return 0;
    if (chunk->record_size < known || chunk->record_size % PROF_REF_UNIT != 0 || chunk->used % chunk->record_size != 0) {
        prof_reader_fail(error, size, CORRUPT "the chunk at byte %" PRIu64 " has records of %u bytes", offset, chunk->record_size);
        return -1;
    }
    chunk->records = chunk->used / chunk->record_size;
    return 0;
}

static int append_chunk(prof_reader *reader, uint64_t *room, const prof_reader_chunk *chunk) {
    if (reader->info.chunk_count == *room) {
        uint64_t larger = *room == 0 ? 64 : *room * 2;
        prof_reader_chunk *chunks = realloc(reader->chunks, larger * sizeof *chunks);
        if (chunks == NULL) return -1;
        reader->chunks = chunks;
        *room = larger;
    }
    reader->chunks[reader->info.chunk_count++] = *chunk;
    return 0;
}

static int is_blank(const unsigned char *head) {
    static const unsigned char zeros[sizeof(prof_chunk)];
    return memcmp(head, zeros, sizeof zeros) == 0;
}

static int walk(prof_reader *reader, char *error, size_t size) {
    const prof_header *header = (const prof_header *)reader->data;
    uint64_t end = __atomic_load_n(&header->end, __ATOMIC_ACQUIRE);
    uint64_t room = 0, offset = header->header_size;
    uint64_t counts[KNOWN_TYPES] = {0};
    if (end < offset) {
        prof_reader_fail(error, size, CORRUPT "it claims to end at byte %" PRIu64 ", inside its header", end);
        return -1;
    }
    if (end > reader->size) {
        prof_reader_fail(error, size, "is truncated (copy it again): it has %" PRIu64 " bytes of %" PRIu64, reader->size, end);
        return -1;
    }
    reader->info.end = end;
    while (offset < end) {
        prof_reader_chunk chunk;
        if (end - offset < sizeof(prof_chunk)) {
            prof_reader_fail(error, size, CORRUPT "%" PRIu64 " stray bytes behind the last chunk", end - offset);
            return -1;
        }
        /* Killed between taking the space and writing the head: nothing was published behind it. */
        if (header->state != PROF_CLOSED && is_blank(reader->data + offset)) {
            reader->info.cut = 1;
            break;
        }
        if (check_chunk(reader, offset, &chunk, error, size) != 0) return -1;
        if (known_record(chunk.type) != 0) {
            chunk.first = counts[chunk.type];
            counts[chunk.type] += chunk.records;
        }
        if (append_chunk(reader, &room, &chunk) != 0) {
            prof_reader_fail(error, size, "does not fit into memory");
            return -1;
        }
        offset += chunk.size;
    }
    reader->info.label_count = counts[PROF_CHUNK_LABELS] + counts[PROF_CHUNK_PLACES];
    reader->place_first = counts[PROF_CHUNK_LABELS];
    reader->info.sampled_count = counts[PROF_CHUNK_SAMPLED];
    reader->info.stack_count = counts[PROF_CHUNK_STACKS];
    reader->info.process_count = counts[PROF_CHUNK_PROCESS];
    reader->info.source_count = counts[PROF_CHUNK_SOURCES];
    reader->info.metric_count = counts[PROF_CHUNK_METRICS];
    reader->info.timed_count[PROF_READER_LATENCIES] = counts[PROF_CHUNK_LATENCIES];
    reader->info.timed_count[PROF_READER_WAITS] = counts[PROF_CHUNK_WAITS];
    reader->info.timed_count[PROF_READER_ACTIVITIES] = counts[PROF_CHUNK_ACTIVITIES];
    reader->info.thread_count = counts[PROF_CHUNK_THREADS];
    reader->info.node_count = counts[PROF_CHUNK_NODES];
    reader->info.type_count = counts[PROF_CHUNK_TYPES];
    reader->info.moment_count = counts[PROF_CHUNK_SERIES];
    return 0;
}

/* ---- opening and closing ---- */

/* Checks and reads what `reader->data` holds: all of it, or only what the capture says of itself. 0 or -1. */
static int read_image(prof_reader *reader, int whole, char *error, size_t size) {
    if (check_header(reader, error, size) != 0) return -1;
    read_header(reader);
    if (walk(reader, error, size) != 0) return -1;
    prof_reader_read_meta(reader);
    if (!whole) return 0;
    if (prof_reader_read_tables(reader, error, size) != 0) return -1;
    reader->info.chunks = reader->chunks;
    reader->info.labels = reader->labels;
    reader->info.threads = reader->threads;
    reader->info.types = reader->types;
    reader->info.moments = reader->moments;
    reader->info.process = reader->process;
    reader->info.sources = reader->sources;
    reader->info.metrics = reader->metrics;
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++) reader->info.timed[k] = reader->timed[k];
    reader->info.slow = reader->slow;
    return 0;
}

static prof_reader *open_path(const char *path, int whole, char *error, size_t size) {
    prof_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        prof_reader_fail(error, size, "does not fit into memory");
        return NULL;
    }
    if (load(reader, path, error, size) == 0 && read_image(reader, whole, error, size) == 0) return reader;
    prof_reader_close(reader);
    return NULL;
}

prof_reader *prof_reader_open(const char *path, char *error, size_t size) { return open_path(path, 1, error, size); }

prof_reader *prof_reader_glance(const char *path, char *error, size_t size) { return open_path(path, 0, error, size); }

prof_reader *prof_reader_open_image(unsigned char *data, uint64_t size, char *error, size_t error_size) {
    prof_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        free(data);
        prof_reader_fail(error, error_size, "does not fit into memory");
        return NULL;
    }
    reader->data = data;
    reader->size = size;
    if (read_image(reader, 1, error, error_size) == 0) return reader;
    prof_reader_close(reader);
    return NULL;
}

const unsigned char *prof_reader_image(const prof_reader *reader, uint64_t *size) {
    *size = reader->size;
    return reader->data;
}

void prof_reader_close(prof_reader *reader) {
    if (reader == NULL) return;
    if (reader->mapped) munmap((void *)reader->data, reader->size);
    else free((void *)reader->data);
    free(reader->chunks);
    free(reader->labels);
    free(reader->threads);
    free(reader->types);
    free(reader->moments);
    free(reader->line_names);
    free(reader->process);
    free(reader->sources);
    free(reader->metrics);
    for (int k = 0; k < PROF_READER_RECORD_KINDS; k++) free(reader->timed[k]);
    free(reader->slow);
    free(reader->is_short);
    prof_reader_free_added(reader);
    free(reader);
}

const prof_reader_info *prof_reader_get(const prof_reader *reader) { return &reader->info; }
