/* Labels and strings: interned once a recording, under a lock, because they are made at a name's first use only. */
#ifndef PROF_LABELS_H
#define PROF_LABELS_H
#include "format.h"

/* Forgets everything interned: the next recording has a file of its own. */
void prof_labels_reset(void);

/* The text's ref, appended at first sight; 0 for NULL and when the file is full. */
prof_ref prof_string_ref(const char *text);

/* As prof_label_get (session.h). `flags` are set on a new label. Of PROF_LINE and PROF_FRAME only the first PROF_PLACE_SIZE bytes
 * are there. */
prof_label *prof_label_intern(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line, uint32_t flags);

/* Whether a function of that name and place has a label for its spans. */
int prof_label_is_span(const char *name, const char *file, uint32_t line);

/* The label of a line (0: unknown) of `file`, in `function`; of another function on the same line there is another. NULL without
 * room. */
prof_label *prof_label_at_line(prof_ref function, prof_ref file, uint32_t line);
prof_label *prof_label_line(const char *function, const char *file, uint32_t line);

/* The text at `ref`, "" for 0. Borrowed from the arena. */
const char *prof_string_text(prof_ref ref);

#endif
