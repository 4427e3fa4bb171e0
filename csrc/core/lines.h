/* Lines of the source as it was before `prof-instrument`. Whole inserted lines are known by their tag. */
#ifndef PROF_LINES_H
#define PROF_LINES_H
#include <stddef.h>
#include <stdint.h>

/* The number that `line` (from 1) of `file` has without the inserted lines; `line` itself where the file cannot be read.
 * A file is read once in the life of the process. Any thread. */
uint32_t prof_line_original(const char *file, uint32_t line);

/* Whether `prof-instrument` wrote the line: what runs there is not the program's. As above. */
int prof_line_is_own(const char *file, uint32_t line);

/* cffi: begin */
/* Whether a line of a source was put in whole: the header, or another. */
enum prof_inserted { PROF_NOT_INSERTED, PROF_INSERTED, PROF_INSERTED_HEADER };
/* As above, of the line without its end. What stands around it does not matter: blanks, or that a string literal goes on there. */
int prof_line_inserted(const char *line, size_t size);

/* The lines of a source that were inserted: writes the first `room` of their numbers, from 1, ascending, and returns how many
 * there are. `text` has `size` bytes, and a NUL behind them. Any thread. */
uint32_t prof_lines_inserted(const char *text, size_t size, uint32_t *numbers, uint32_t room);
/* cffi: end */

#endif
