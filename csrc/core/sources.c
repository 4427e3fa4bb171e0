#define _GNU_SOURCE
#include "sources.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "labels.h"
#include "lines.h"
#include "table.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static prof_appender room;
static prof_table known; /* refs of the names that were asked for */

void prof_sources_reset(void) {
    pthread_mutex_init(&lock, NULL); /* after fork() another thread may have held it */
    prof_table_free(&known);
    room = (prof_appender){0};
}

/* ---- the digest ---------------------------------------------------------------------------------------------------------- */

static void hash_word(prof_source_digest *d, uint64_t word) {
    d->hash = (d->hash ^ word) * 0x9e3779b97f4a7c15u;
    d->hash ^= d->hash >> 32;
}

static void hash_text(prof_source_digest *d, const char *text, const char *end) {
    d->size += (uint64_t)(end - text);
    hash_word(d, (uint64_t)(end - text));
    for (uint64_t word; text < end; text += sizeof word) {
        size_t part = (size_t)(end - text) < sizeof word ? (size_t)(end - text) : sizeof word;
        word = 0;
        memcpy(&word, text, part);
        hash_word(d, word);
        if (part < sizeof word) break;
    }
}

/* Where the line went on before `prof-instrument` turned its comment, `# profile! name`, into a call with the comment behind it. */
static const char *original_text(const char *text, const char *end) {
    static const char *const calls[] = {"profiled.profile(\"", "profiled.end(\"", "__profiled__.profile(\"", "__profiled__.end(\"",
                                        "profile(\"",          "end(\"",          "_prof_profile(\"",        "_prof_end(\""};
    size_t n = (size_t)(end - text);
    if (n == 0 || !strchr("pe_", *text)) return text; /* as most lines */
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        size_t call = strlen(calls[i]);
        const char *comment = n > call && !memcmp(text, calls[i], call) ? memmem(text, n, "\")  #", 5) : NULL;
        if (comment &&
            (memmem(comment, (size_t)(end - comment), "profile!", 8) || memmem(comment, (size_t)(end - comment), "end!", 4)))
            return comment + 4;
    }
    return text;
}

static void hash_line(prof_source_digest *d, const char *begin, const char *end) {
    const char *text = begin;
    while (text < end && (*text == ' ' || *text == '\t' || *text == '\f')) text++;
    hash_text(d, begin, text);
    hash_text(d, original_text(text, end), end);
    d->size++;
}

prof_source_digest prof_source_digest_of(const char *text, size_t size) {
    prof_source_digest d = {0, 0};
    const char *end = text + size;
    uint32_t inserted = prof_lines_inserted(text, size, NULL, 0), number = 1, next = 0;
    uint32_t *numbers = malloc((inserted + 1) * sizeof *numbers);
    if (!numbers) return d;
    prof_lines_inserted(text, size, numbers, inserted);
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3; /* stands before what is inserted above the first line */
    /* As the compiler counts them: \r\n, \r and \n each end a line. */
    for (; text < end; number++) {
        const char *line = text;
        while (text < end && *text != '\n' && *text != '\r') text++;
        if (next < inserted && numbers[next] == number) next++;
        else hash_line(&d, line, text);
        text += text + 1 < end && text[0] == '\r' && text[1] == '\n' ? 2 : 1;
    }
    free(numbers);
    return d;
}

/* ---- the files ------------------------------------------------------------------------------------------------------------- */

/* A plain file's text with a NUL behind it. Owned; NULL where it is none or cannot be read. A program that was read from /dev/stdin,
 * or from a pipe, reads there what is its own. */
static char *read_text(const char *path, size_t *size) {
    struct stat status;
    if (stat(path, &status) || !S_ISREG(status.st_mode)) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return NULL;
    char *text = !fstat(fd, &status) && S_ISREG(status.st_mode) ? malloc((size_t)status.st_size + 1) : NULL;
    size_t whole = (size_t)status.st_size;
    ssize_t got = 1;
    for (*size = 0; text && *size < whole && (got = read(fd, text + *size, whole - *size)) > 0;) *size += (size_t)got;
    close(fd);
    if (text && *size < whole) {
        free(text);
        text = NULL;
    }
    if (text) text[whole] = 0;
    return text;
}

static uint64_t hash_file(const void *slot) { return *(const prof_ref *)slot * 0x9e3779b1u; }

/* Whether the name is asked for the first time. */
static int is_new(prof_ref file) {
    if (prof_table_reserve(&known, sizeof file, 64, hash_file)) return 0;
    prof_ref *slots = known.slots;
    size_t k = hash_file(&file) & known.mask;
    for (; slots[k]; k = (k + 1) & known.mask)
        if (slots[k] == file) return 0;
    slots[k] = file;
    known.used++;
    return 1;
}

void prof_sources_note(prof_ref file) {
    size_t size;
    pthread_mutex_lock(&lock);
    char *text = file && is_new(file) ? read_text(prof_string_text(file), &size) : NULL;
    prof_source *note = text ? prof_arena_append(&room, PROF_CHUNK_SOURCES, sizeof *note, 0, sizeof *note) : NULL;
    if (note) {
        prof_source_digest d = prof_source_digest_of(text, size);
        *note = (prof_source){.file = file, .size = d.size, .hash = d.hash};
        prof_arena_publish(&room, sizeof *note);
    }
    free(text);
    pthread_mutex_unlock(&lock);
}
