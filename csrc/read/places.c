/* Names of lines: `file.py:42` where one file of the capture is called that, else with as much of its path as tells it from
 * the others, `api/views.py:42`. Everything that shows a line, text or picture, shows this name. */
#include "private.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The character `back` from the end of a path, 0 behind its beginning; `/` counts as the least, so that paths which end in
 * the same folders and file stand together. */
static int from_end(const prof_reader_text *path, uint32_t back) {
    if (back >= path->length) return 0;
    unsigned char c = (unsigned char)path->text[path->length - 1 - back];
    return c == '/' ? 1 : c + 2;
}

static int compare(const void *left, const void *right) {
    const prof_reader_text *a = &(*(prof_reader_label *const *)left)->file, *b = &(*(prof_reader_label *const *)right)->file;
    for (uint32_t i = 0;; i++) {
        int x = from_end(a, i), y = from_end(b, i);
        if (x != y || x == 0) return x - y;
    }
}

static int same_file(const prof_reader_label *a, const prof_reader_label *b) {
    return a->file.length == b->file.length && memcmp(a->file.text, b->file.text, a->file.length) == 0;
}

/* Bytes of the folders and file in which both paths end. */
static uint32_t common(const prof_reader_text *a, const prof_reader_text *b) {
    uint32_t whole = 0;
    for (uint32_t i = 0;; i++) {
        int x = from_end(a, i), y = from_end(b, i);
        if (x <= 1 && y <= 1) whole = i;
        if (x != y || x == 0) return whole;
    }
}

/* How much of the end of `path` is not also the end of one that shares `shared` bytes with it: one folder more. */
static uint32_t telling(const prof_reader_text *path, uint32_t shared) {
    uint32_t length = shared + 1;
    while (length < path->length && path->text[path->length - 1 - length] != '/') length++;
    return length < path->length ? length : path->length;
}

/* Gives the label its longer name, in `room` bytes at `*at`. */
static void rename_line(prof_reader_label *label, uint32_t length, char **at, size_t room) {
    const char *path = label->file.text + label->file.length - length;
    int n = label->line ? snprintf(*at, room, "%.*s:%" PRIu32, (int)length, path, label->line)
                        : snprintf(*at, room, "%.*s", (int)length, path);
    label->name = (prof_reader_text){.text = *at, .length = (uint32_t)n};
    *at += n + 1;
}

int prof_reader_name_lines(prof_reader *reader) {
    uint64_t count = 0, room = 0;
    prof_reader_label **lines = malloc((reader->info.label_count + 1) * sizeof *lines);
    if (lines == NULL) return -1;
    for (uint64_t i = 0; i < reader->info.label_count; i++)
        if (reader->labels[i].kind == PROF_LINE && reader->labels[i].file.length > 0 && reader->labels[i].file.length < INT32_MAX) {
            lines[count++] = &reader->labels[i];
            room += reader->labels[i].file.length + 16;
        }
    char *at = reader->line_names = malloc(room + 1), *end = at + room + 1;
    if (at == NULL) {
        free(lines);
        return -1;
    }
    qsort(lines, count, sizeof *lines, compare);
    for (uint64_t first = 0, next; first < count; first = next) {
        uint32_t shared = first > 0 ? common(&lines[first]->file, &lines[first - 1]->file) : 0, after = 0;
        for (next = first + 1; next < count && same_file(lines[first], lines[next]); next++) {}
        if (next < count) after = common(&lines[first]->file, &lines[next]->file);
        shared = after > shared ? after : shared;
        for (uint64_t i = first; shared > 0 && i < next; i++)
            rename_line(lines[i], telling(&lines[i]->file, shared), &at, (size_t)(end - at));
    }
    free(lines);
    return 0;
}
