#define _GNU_SOURCE
#include "lines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "# prof:auto"

/* The inserted lines of a file, ascending. */
typedef struct {
    char *file;       /* Owned */
    uint32_t *numbers; /* Owned; NULL for none */
    uint32_t count;
} source;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static source *sources; /* Owned: an open-addressing table by name */
static size_t mask, used;

static size_t home(const char *file, size_t m) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *file; file++) h = (h ^ (unsigned char)*file) * 1099511628211u;
    return (size_t)(h ^ h >> 29) & m;
}

/* Whether the line [begin, end), whose tag is at `tag`, was put in whole: a converted comment carries another tag, and the
 * header's comes alone where the file imports the names itself. */
static int is_inserted(const char *begin, const char *tag) {
    static const char *const starts[] = {"@profiled", "@_prof_profiled", "from prof import", "profile(",
                                         "_prof_profile(", "end(", "_prof_end("};
    while (begin < tag && strchr(" \t\f", *begin)) begin++;
    if (begin == tag) return !strncmp(tag, TAG " n=", sizeof TAG + 2);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (!strncmp(begin, starts[i], strlen(starts[i]))) return 1;
    return 0;
}

static void add(source *s, uint32_t number) {
    if (!(s->count & (s->count + 1)) || !s->numbers) {
        uint32_t *bigger = realloc(s->numbers, (2 * (size_t)s->count + 2) * sizeof *bigger);
        if (!bigger) return;
        s->numbers = bigger;
    }
    s->numbers[s->count++] = number;
}

/* As the compiler counts them: \r\n, \r and \n each end a line, and nothing else does. */
static void scan(source *s, const char *text, const char *end) {
    uint32_t number = 1;
    const char *line = text, *tag = strstr(text, TAG);
    for (const char *p = text; p < end && tag; p++) {
        if (*p != '\n' && *p != '\r') continue;
        if (tag < p) {
            if (is_inserted(line, tag)) add(s, number);
            tag = strstr(p, TAG);
        }
        if (*p == '\r' && p[1] == '\n') p++;
        number++;
        line = p + 1;
    }
    if (tag && is_inserted(line, tag)) add(s, number);
}

static void read_source(source *s) {
    FILE *f = fopen(s->file, "re");
    char *text = NULL;
    size_t size = 0, room = 0, got;
    if (!f) return;
    do {
        if (size + 1 >= room) {
            char *bigger = realloc(text, room = room ? room * 2 : 1 << 16);
            if (!bigger) break;
            text = bigger;
        }
        got = fread(text + size, 1, room - 1 - size, f);
        size += got;
    } while (got);
    fclose(f);
    if (text) {
        text[size] = 0;
        scan(s, text, text + size);
    }
    free(text);
}

static int grow(void) {
    size_t size = sources ? (mask + 1) * 2 : 256;
    source *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return -1;
    for (size_t i = 0; sources && i <= mask; i++) {
        if (!sources[i].file) continue;
        size_t k = home(sources[i].file, size - 1);
        while (bigger[k].file) k = (k + 1) & (size - 1);
        bigger[k] = sources[i];
    }
    free(sources);
    sources = bigger;
    mask = size - 1;
    return 0;
}

static const source *find(const char *file) {
    if ((!sources || (used + 1) * 2 > mask) && grow()) return NULL;
    size_t k = home(file, mask);
    for (; sources[k].file; k = (k + 1) & mask)
        if (!strcmp(sources[k].file, file)) return &sources[k];
    if (!(sources[k].file = strdup(file))) return NULL;
    used++;
    read_source(&sources[k]);
    return &sources[k];
}

uint32_t prof_line_original(const char *file, uint32_t line) {
    uint32_t before = 0;
    pthread_mutex_lock(&lock);
    const source *s = find(file);
    while (s && before < s->count && s->numbers[before] < line) before++;
    pthread_mutex_unlock(&lock);
    return line - before;
}

uint32_t prof_lines_inserted(const char *text, size_t size, uint32_t *numbers, uint32_t room) {
    source s = {0};
    scan(&s, text, text + size);
    for (uint32_t i = 0; i < s.count && i < room; i++) numbers[i] = s.numbers[i];
    free(s.numbers);
    return s.count;
}
