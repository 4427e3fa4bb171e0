/* Writes folded stacks: a line for each calling context that has something of its own. */
#include "private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (1 << 20)
#define LONGEST_PLACE 512

/* The names from the outermost span down to the node at hand, joined by `;`. */
typedef struct {
    char *text; /* Owned */
    size_t room;
    size_t *length; /* Owned: by depth, the bytes up to and including that frame */
} stack;

typedef struct {
    int fd;
    size_t used;
    char *data; /* Owned: BUFFER_SIZE bytes */
} output;

static int flush(output *out) {
    size_t done = 0;
    while (done < out->used) {
        ssize_t written = write(out->fd, out->data + done, out->used - done);
        if (written >= 0) done += (size_t)written;
        else if (errno != EINTR) return -errno;
    }
    out->used = 0;
    return 0;
}

static int put(output *out, const char *data, size_t size) {
    while (size > 0) {
        size_t part = BUFFER_SIZE - out->used < size ? BUFFER_SIZE - out->used : size;
        memcpy(out->data + out->used, data, part);
        out->used += part;
        data += part;
        size -= part;
        if (out->used == BUFFER_SIZE) {
            int result = flush(out);
            if (result != 0) return result;
        }
    }
    return 0;
}

/* Where in a function a line is: ` (app.py:42)`; nothing for line 0. */
static prof_reader_text where(const prof_reader_label *label, uint32_t line, char *text, size_t size) {
    uint32_t begin = label->file.length;
    while (begin > 0 && label->file.text[begin - 1] != '/') begin--;
    int length =
        line == 0 ? 0 : snprintf(text, size, " (%.*s:%u)", (int)(label->file.length - begin), label->file.text + begin, line);
    return (prof_reader_text){.text = text, .length = length < 0 || (size_t)length >= size ? 0 : (uint32_t)length};
}

/* Puts a frame at `depth`, behind those above it. Returns 0 or -ENOMEM. */
static int push(stack *s, uint32_t depth, const prof_reader_text *name, prof_reader_text behind) {
    static const prof_reader_text unnamed = {.text = "(unnamed)", .length = 9};
    size_t at = depth > 1 ? s->length[depth - 1] : 0;
    if (name->length == 0) name = &unnamed;
    size_t need = at + 1 + ((size_t)name->length + behind.length) * 4 + 16; /* of prof_reader_escape */
    if (s->room < need) {
        size_t room = need * 2;
        char *text = realloc(s->text, room);
        if (text == NULL) return -ENOMEM;
        s->text = text;
        s->room = room;
    }
    if (depth > 1) s->text[at++] = ';';
    size_t end = at + prof_reader_escape(name->text, name->length, s->text + at);
    end += prof_reader_escape(behind.text, behind.length, s->text + end);
    for (; at < end; at++)
        if (s->text[at] == ';') s->text[at] = ':';
    s->length[depth] = at;
    return 0;
}

static int put_number(output *out, uint64_t value) {
    char digits[22];
    char *first = digits + sizeof digits;
    *--first = '\n';
    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    *--first = ' ';
    return put(out, first, (size_t)(digits + sizeof digits - first));
}

int64_t prof_reader_fold(const prof_reader *reader, const prof_reader_tree *tree, const uint64_t *column, int fd) {
    stack s = {.text = NULL, .room = 0, .length = malloc(((size_t)tree->deepest + 1) * sizeof *s.length)};
    output out = {.fd = fd, .used = 0, .data = malloc(BUFFER_SIZE)};
    int64_t lines = 0;
    int result = -ENOMEM;
    if (s.length == NULL || out.data == NULL) goto error;
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t depth = tree->depth[i];
        const prof_reader_label *label = &reader->labels[tree->label[i]];
        char line[LONGEST_PLACE];
        prof_reader_text behind = where(label, tree->at == NULL ? 0 : tree->at[i], line, sizeof line);
        if ((result = push(&s, depth, &label->name, behind)) != 0) goto error;
        if (column[i] == 0) continue;
        if ((result = put(&out, s.text, s.length[depth])) != 0 || (result = put_number(&out, column[i])) != 0) goto error;
        lines++;
    }
    result = flush(&out);
error:
    free(s.text);
    free(s.length);
    free(out.data);
    return result == 0 ? lines : result;
}
