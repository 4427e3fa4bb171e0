#include "tables.h"

#include <stdlib.h>
#include <string.h>

void prof_bytes_add(prof_bytes *b, const void *data, size_t n) {
    if (b->failed) return;
    if (b->length + n > b->room) {
        size_t room = b->room ? b->room * 2 : 256;
        while (room < b->length + n) room *= 2;
        uint8_t *bigger = realloc(b->data, room);
        if (!bigger) {
            b->failed = 1;
            return;
        }
        b->data = bigger;
        b->room = room;
    }
    memcpy(b->data + b->length, data, n);
    b->length += n;
}

void prof_bytes_push(prof_bytes *b, uint8_t byte) { prof_bytes_add(b, &byte, 1); }

void prof_bytes_free(prof_bytes *b) {
    free(b->data);
    *b = (prof_bytes){0};
}

/* ---- exception table: big-endian varints of six bits, the first byte of an entry marked by bit 7 ------------------- */

int prof_handler_read(const uint8_t **at, const uint8_t *end, prof_handler *entry) {
    uint32_t v[4] = {0};
    const uint8_t *p = *at;
    for (int k = 0; k < 4; k++) {
        uint8_t b;
        do {
            if (p >= end) return 0;
            b = *p++;
            v[k] = v[k] << 6 | (b & 63);
        } while (b & 64);
    }
    *at = p;
    *entry = (prof_handler){v[0], v[0] + v[1], v[2], v[3]};
    return 1;
}

void prof_handler_write(prof_bytes *out, const prof_handler *entry) {
    uint32_t v[4] = {entry->start, entry->end - entry->start, entry->handler, entry->depth_lasti};
    for (int k = 0; k < 4; k++) {
        int shift = 0;
        while (shift < 30 && v[k] >> (shift + 6)) shift += 6;
        for (uint8_t mark = k ? 0 : 128; shift >= 0; shift -= 6, mark = 0)
            prof_bytes_push(out, (uint8_t)(mark | (v[k] >> shift & 63) | (shift ? 64 : 0)));
    }
}

/* ---- location table: see Objects/locations.md in CPython's source --------------------------------------------------- */

enum { ONE_LINE = 10, NO_COLUMNS = 13, LONG = 14, NO_LINE = 15, MOST_UNITS = 8 };

static void no_line(prof_bytes *out, uint32_t units) {
    for (; units; units -= units < MOST_UNITS ? units : MOST_UNITS)
        prof_bytes_push(out, (uint8_t)(128 | NO_LINE << 3 | ((units < MOST_UNITS ? units : MOST_UNITS) - 1)));
}

/* Writes the entry e[0..n) for `units` units, in pieces of at most eight. All pieces but the first of the entry stand on
 * the same line, so theirs has no line delta; `*first` is cleared once the delta has been written. */
static void repeat(prof_bytes *out, const uint8_t *e, size_t n, uint32_t units, int *first) {
    while (units) {
        uint32_t m = units < MOST_UNITS ? units : MOST_UNITS;
        uint8_t kind = e[0] >> 3 & 15;
        size_t rest = 1;
        units -= m;
        if (*first) {
            *first = 0;
            prof_bytes_push(out, (uint8_t)((e[0] & 0xf8) | (m - 1)));
        } else if (kind > ONE_LINE && kind < NO_COLUMNS) {
            prof_bytes_push(out, (uint8_t)(128 | ONE_LINE << 3 | (m - 1)));
        } else {
            prof_bytes_push(out, (uint8_t)((e[0] & 0xf8) | (m - 1)));
            if (kind == NO_COLUMNS || kind == LONG) {
                prof_bytes_push(out, 0);
                while (e[rest] & 64) rest++;
                rest++;
            }
        }
        prof_bytes_add(out, e + rest, n - rest);
    }
}

void prof_locations_grow(prof_bytes *out, const uint8_t *table, size_t length, const uint32_t *grow, uint32_t n,
                         uint32_t bare_after, uint32_t bare) {
    uint32_t unit = 0;
    for (size_t k = 0, next; k < length; k = next) {
        uint32_t before = (table[k] & 7u) + 1, units = before;
        for (next = k + 1; next < length && table[next] < 128; next++) {}
        for (uint32_t u = unit; u < unit + before && u < n; u++) units += grow[u];
        if (units == before) {
            prof_bytes_add(out, table + k, next - k);
        } else {
            int first = 1;
            if (unit <= bare_after && bare_after < unit + before) {
                uint32_t head = bare_after + 1 - unit;
                repeat(out, table + k, next - k, head, &first);
                no_line(out, bare);
                units -= head + bare;
            }
            repeat(out, table + k, next - k, units, &first);
        }
        unit += before;
    }
}

void prof_locations_add(prof_bytes *out, uint32_t line, uint32_t units, int *last) {
    if (!line) {
        no_line(out, units);
        return;
    }
    int delta = (int)line - *last;
    for (*last = (int)line; units; delta = 0) {
        uint32_t m = units < MOST_UNITS ? units : MOST_UNITS, v = (uint32_t)(delta < 0 ? -delta : delta) << 1 | (delta < 0);
        units -= m;
        prof_bytes_push(out, (uint8_t)(128 | NO_COLUMNS << 3 | (m - 1)));
        for (; v > 63; v >>= 6) prof_bytes_push(out, (uint8_t)(64 | (v & 63)));
        prof_bytes_push(out, (uint8_t)v);
    }
}

void prof_locations_open(prof_location_reader *r, const uint8_t *table, size_t length, int first_line) {
    *r = (prof_location_reader){.at = table, .end = table + length, .line = first_line};
}

static uint32_t read_varint(prof_location_reader *r) {
    uint32_t value = 0;
    for (int shift = 0; r->at < r->end && shift < 32; shift += 6) {
        uint8_t b = *r->at++;
        value |= (uint32_t)(b & 63) << shift;
        if (!(b & 64)) break;
    }
    return value;
}

static int read_signed(prof_location_reader *r) {
    uint32_t v = read_varint(r);
    return v & 1 ? -(int)(v >> 1) : (int)(v >> 1);
}

static uint8_t read_byte(prof_location_reader *r) { return r->at < r->end ? *r->at++ : 0; }

static uint16_t column(uint32_t value) { return value < PROF_NO_COLUMN ? (uint16_t)value : PROF_NO_COLUMN; }

static void read_location(prof_location_reader *r) {
    uint8_t head = read_byte(r), kind = head >> 3 & 15;
    uint32_t from, to, lines = 0;
    r->units += (head & 7u) + 1;
    r->here = (prof_location){0, 0, PROF_NO_COLUMN, PROF_NO_COLUMN};
    if (kind == NO_LINE) return;
    if (kind == NO_COLUMNS) {
        r->line += read_signed(r);
        from = to = UINT32_MAX;
    } else if (kind == LONG) {
        r->line += read_signed(r);
        lines = read_varint(r);
        from = read_varint(r) - 1; /* 0 stands for none */
        to = read_varint(r) - 1;
    } else if (kind >= ONE_LINE) {
        r->line += kind - ONE_LINE;
        from = read_byte(r);
        to = read_byte(r);
    } else {
        uint8_t b = read_byte(r);
        from = (uint32_t)kind << 3 | b >> 4;
        to = from + (b & 15);
    }
    uint32_t line = r->line > 0 ? (uint32_t)r->line : 0;
    r->here = (prof_location){line, line + lines, column(from), column(to)};
}

const prof_location *prof_locations_at(prof_location_reader *r, uint32_t unit) {
    while (r->units <= unit && r->at < r->end) read_location(r);
    return &r->here;
}

/* ---- index of lines --------------------------------------------------------------------------------------------------- */

#define MARK_UNITS 128 /* between marks */

void prof_line_index_open(prof_line_index *x, const uint8_t *table, size_t length, int first_line) {
    *x = (prof_line_index){.table = table, .first_line = first_line};
    prof_locations_open(&x->reader, table, length, first_line);
}

void prof_line_index_close(prof_line_index *x) {
    free(x->marks);
    *x = (prof_line_index){0};
}

/* A mark where the reader stands, if it is far enough behind the latest. */
static void mark(prof_line_index *x) {
    const prof_location_reader *r = &x->reader;
    if (r->units < (x->count ? x->marks[x->count - 1].unit : 0) + MARK_UNITS) return;
    if (x->count == x->room) {
        uint32_t room = x->room ? x->room * 2 : 4;
        prof_line_mark *bigger = realloc(x->marks, room * sizeof *bigger);
        if (!bigger) return;
        x->marks = bigger;
        x->room = room;
    }
    x->marks[x->count++] = (prof_line_mark){(uint32_t)(r->at - x->table), r->units, r->line};
}

/* Takes the reader to the last mark at or before the unit, unless it stands nearer. */
static void seek(prof_line_index *x, uint32_t unit) {
    prof_line_mark to = {0, 0, x->first_line};
    uint32_t low = 0, high = x->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->marks[middle].unit <= unit) low = middle + 1;
        else high = middle;
    }
    if (low) to = x->marks[low - 1];
    if (x->reader.units <= unit && x->reader.units >= to.unit) return;
    x->reader.at = x->table + to.at;
    x->reader.units = x->first = to.unit;
    x->reader.line = to.line;
}

uint32_t prof_line_index_at(prof_line_index *x, uint32_t unit) {
    prof_location_reader *r = &x->reader;
    if (unit < x->first || unit >= r->units) {
        if (unit < x->first || unit - r->units >= MARK_UNITS) seek(x, unit);
        while (r->units <= unit && r->at < r->end) {
            mark(x);
            x->first = r->units;
            read_location(r);
        }
    }
    return r->here.line;
}
