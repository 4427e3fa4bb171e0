/* CPython's location and exception tables, read and written byte by byte. Pure C. */
#ifndef PROF_PYTHON_TABLES_H
#define PROF_PYTHON_TABLES_H
#include <stddef.h>
#include <stdint.h>

/* A growing run of bytes. After a failed allocation `failed` is set and further writes do nothing. */
typedef struct {
    uint8_t *data; /* Owned */
    size_t length, room;
    int failed;
} prof_bytes;

void prof_bytes_add(prof_bytes *b, const void *data, size_t n);
void prof_bytes_push(prof_bytes *b, uint8_t byte);
void prof_bytes_free(prof_bytes *b);

/* One entry of an exception table: the code units [start, end) are covered by `handler`. */
typedef struct {
    uint32_t start, end, handler;
    uint32_t depth_lasti; /* stack depth << 1 | whether the offset is pushed */
} prof_handler;

/* Reads one entry at *at (advanced). 1, or 0 at the end of the table. */
int prof_handler_read(const uint8_t **at, const uint8_t *end, prof_handler *entry);
void prof_handler_write(prof_bytes *out, const prof_handler *entry);

/* The location table for code that grew: `grow[u]` units were added to the instruction at unit u (n units in all).
 * `bare` units behind unit `bare_after` get no line; the other new units take the location of their instruction, and what
 * old units say is unchanged. */
void prof_locations_grow(prof_bytes *out, const uint8_t *table, size_t length, const uint32_t *grow, uint32_t n,
                         uint32_t bare_after, uint32_t bare);

/* Appends `units` units of a line (0 none) to the table; `*last` is the line that it ends with, and becomes this. */
void prof_locations_add(prof_bytes *out, uint32_t line, uint32_t units, int *last);

/* Where an instruction stands in the source. Lines are 0 and columns PROF_NO_COLUMN where that is not known. */
typedef struct {
    uint32_t line, end_line;
    uint16_t column, end_column; /* bytes of UTF-8, from 0 */
} prof_location;
#define PROF_NO_COLUMN UINT16_MAX

/* Reads a location table from unit to unit, onwards only. */
typedef struct {
    const uint8_t *at, *end;
    int line;
    uint32_t units; /* read so far */
    prof_location here;
} prof_location_reader;

void prof_locations_open(prof_location_reader *r, const uint8_t *table, size_t length, int first_line);
const prof_location *prof_locations_at(prof_location_reader *r, uint32_t unit);

/* Finds lines in a location table in any order. The reader goes on from where it stands; where it has been it left marks, so
 * that going back does not mean reading from the beginning, which would be quadratic in a function of 20,000 lines. */
typedef struct {
    uint32_t at, unit; /* an entry's place in the table, and the first unit that it is of */
    int line;          /* before that entry's own change */
} prof_line_mark;
typedef struct {
    const uint8_t *table; /* Borrowed */
    prof_location_reader reader;
    int first_line;
    uint32_t first; /* unit of what was read last */
    uint32_t count, room;
    prof_line_mark *marks; /* Owned; ascending, as far as the table was read */
} prof_line_index;

void prof_line_index_open(prof_line_index *x, const uint8_t *table, size_t length, int first_line);
/* The line of a unit; 0 for none. Without memory for marks it only takes longer. */
uint32_t prof_line_index_at(prof_line_index *x, uint32_t unit);
void prof_line_index_close(prof_line_index *x);

#endif
