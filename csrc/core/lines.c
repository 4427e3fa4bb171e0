#define _GNU_SOURCE
#include "lines.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "table.h"

#define TAG "# prof:auto"

/* The lines of a file that `prof-instrument` has written, ascending. */
typedef struct {
    uint32_t number;
    uint32_t shifts; /* 1: put in whole, so that those behind it have moved; 0: a comment turned into a call */
    uint32_t before; /* how many lines were put in before it */
} own_line;
typedef struct {
    char *file;      /* Owned */
    own_line *lines; /* Owned; NULL for none */
    uint32_t count;
} source;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static prof_table sources; /* by name */

static uint64_t hash_name(const char *file) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *file; file++) h = (h ^ (unsigned char)*file) * 1099511628211u;
    return h ^ h >> 29;
}

static uint64_t hash_source(const void *slot) { return hash_name(((const source *)slot)->file); }

/* ---- the grammar: what `instrument/tags.py` writes, as a formatter or a person may have left it ------------------------- */

typedef struct {
    const char *at, *end;
} cursor;

static int take(cursor *t, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n)) return 0;
    t->at += n;
    return 1;
}

/* Takes the characters out of `of`, and returns how many there were. */
static size_t take_all(cursor *t, const char *of) {
    const char *begin = t->at;
    while (t->at < t->end && *t->at && strchr(of, *t->at)) t->at++;
    return (size_t)(t->at - begin);
}

#define BLANK " \t"
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" DIGITS

static int take_name(cursor *t) { return take(t, "profiled") || take(t, "__profiled__") || take(t, "_prof_profiled"); }

/* What a section calls, as far as the bracket. */
static int take_marker(cursor *t) {
    cursor dotted = *t;
    if (take_name(&dotted) && take(&dotted, ".")) *t = dotted;
    else (void)take(t, "_prof_");
    return (take(t, "profile") || take(t, "end")) && take(t, "(");
}

static int take_section(cursor *t) {
    if (!take_marker(t)) return 0;
    while (t->at < t->end && !strchr("()", *t->at)) t->at++;
    return take(t, ")");
}

static int take_line(cursor *t) {
    if (take(t, "@")) {
        take_all(t, BLANK);
        return take_name(t);
    }
    if (take(t, "global")) return take_all(t, BLANK) && take_name(t);
    if (take(t, "from prof.auto import profiled")) {
        (void)take(t, " as __profiled__");
        return 1;
    }
    if (take(t, "__import__(\"builtins\").__dict__.setdefault(\"")) return take_name(t) && take(t, "\", lambda f: f)");
    return take_section(t);
}

/* The header's code, which is nothing where the file imports the names itself. */
static void take_header(cursor *t) {
    if (take(t, "if not __import__(")) {
        if ((take(t, "\"prof.auto\"") || take(t, "'prof.auto'")) && take(t, "):")) {
            take_all(t, BLANK);
            if (take(t, "# pragma: no cover")) take_all(t, BLANK);
        }
    } else if (take(t, "from") && take_all(t, BLANK) && take(t, "prof")) {
        (void)take(t, ".auto");
        if (take_all(t, BLANK) && take(t, "import") && take_all(t, BLANK)) take_all(t, LETTERS ", \t()");
    }
}

static enum prof_inserted inserted(cursor line) {
    take_all(&line, BLANK "\f");
    while (line.end > line.at && strchr(BLANK "\f", line.end[-1])) line.end--;
    cursor header = line;
    if (take_line(&line)) {
        take_all(&line, BLANK);
        if (take(&line, TAG) && line.at == line.end) return PROF_INSERTED;
    }
    take_header(&header);
    if (!take(&header, TAG " n=") || !take_all(&header, DIGITS) || !take(&header, " b=")) return PROF_NOT_INSERTED;
    return take_all(&header, "0123456789abcdef") == 16 && header.at == header.end ? PROF_INSERTED_HEADER : PROF_NOT_INSERTED;
}

int prof_line_inserted(const char *line, size_t size) { return inserted((cursor){line, line + size}); }

/* Whether the line is a comment marker that was turned into a call, and keeps the comment behind it. */
static int is_converted(cursor line) {
    take_all(&line, BLANK "\f");
    if (!take_marker(&line) || !take(&line, "\"")) return 0;
    const char *behind = memmem(line.at, (size_t)(line.end - line.at), "\")  #", 5);
    if (!behind) return 0;
    line.at = behind + 5;
    take_all(&line, BLANK);
    return take(&line, "profile!") || take(&line, "end!");
}

static void add(source *s, uint32_t number, uint32_t shifts) {
    if (!(s->count & (s->count + 1)) || !s->lines) {
        own_line *bigger = realloc(s->lines, (2 * (size_t)s->count + 2) * sizeof *bigger);
        if (!bigger) return;
        s->lines = bigger;
    }
    uint32_t before = s->count ? s->lines[s->count - 1].before + s->lines[s->count - 1].shifts : 0;
    s->lines[s->count++] = (own_line){number, shifts, before};
}

/* The line [begin, end). */
static void look(source *s, uint32_t number, const char *begin, const char *end) {
    cursor line = {begin, end};
    if (memmem(begin, (size_t)(end - begin), TAG, sizeof TAG - 1) && inserted(line)) add(s, number, 1);
    else if (is_converted(line)) add(s, number, 0);
}

/* As the compiler counts them: \r\n, \r and \n each end a line, and nothing else does. */
static void scan(source *s, const char *text, const char *end) {
    uint32_t number = 1;
    if (!strncmp(text, "\xef\xbb\xbf", 3)) text += 3; /* a byte order mark is not of the first line's */
    const char *line = text;
    if (!strstr(text, TAG)) return; /* the header has one */
    for (const char *p = text; p < end; p++) {
        if (*p != '\n' && *p != '\r') continue;
        look(s, number++, line, p);
        if (*p == '\r' && p[1] == '\n') p++;
        line = p + 1;
    }
    look(s, number, line, end);
}

/* Code may say that it comes from anywhere: reading a pipe or a terminal would take from the program, or wait for ever. */
static FILE *open_regular(const char *file) {
    struct stat status;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *f = fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
    if (!f && fd >= 0) close(fd);
    return f;
}

static void read_source(source *s) {
    FILE *f = open_regular(s->file);
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

static const source *find(const char *file) {
    if (prof_table_reserve(&sources, sizeof(source), 256, hash_source)) return NULL;
    source *slots = sources.slots;
    size_t k = hash_name(file) & sources.mask;
    for (; slots[k].file; k = (k + 1) & sources.mask)
        if (!strcmp(slots[k].file, file)) return &slots[k];
    if (!(slots[k].file = strdup(file))) return NULL;
    sources.used++;
    read_source(&slots[k]);
    return &slots[k];
}

/* Index of the first own line that is not before `line`. */
static uint32_t first_at(const source *s, uint32_t line) {
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->lines[middle].number < line) low = middle + 1;
        else high = middle;
    }
    return low;
}

uint32_t prof_line_original(const char *file, uint32_t line) {
    uint32_t before = 0;
    pthread_mutex_lock(&lock);
    const source *s = find(file);
    uint32_t i = s ? first_at(s, line) : 0;
    if (i) before = s->lines[i - 1].before + s->lines[i - 1].shifts;
    pthread_mutex_unlock(&lock);
    return line - before;
}

int prof_line_is_own(const char *file, uint32_t line) {
    pthread_mutex_lock(&lock);
    const source *s = find(file);
    uint32_t i = s ? first_at(s, line) : 0;
    int own = s && i < s->count && s->lines[i].number == line;
    pthread_mutex_unlock(&lock);
    return own;
}

uint32_t prof_lines_inserted(const char *text, size_t size, uint32_t *numbers, uint32_t room) {
    source s = {0};
    scan(&s, text, text + size);
    uint32_t count = 0;
    for (uint32_t i = 0; i < s.count; i++) {
        if (!s.lines[i].shifts) continue;
        if (count < room) numbers[count] = s.lines[i].number;
        count++;
    }
    free(s.lines);
    return count;
}
