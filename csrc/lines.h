/* Lines of the source as it was before `prof-instrument`. Whole inserted lines are known by their tag. */
#ifndef PROF_LINES_H
#define PROF_LINES_H
#include <stdint.h>

/* cffi: begin */
/* The number that `line` (from 1) of `file` has without the inserted lines; `line` itself where the file cannot be read.
 * A file is read once in the life of the process. Any thread. */
uint32_t prof_line_original(const char *file, uint32_t line);
/* cffi: end */

#endif
