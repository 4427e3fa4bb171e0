/* Labels and strings: interned once a recording, under a lock, because they are made at a name's first use only. */
#ifndef PROF_LABELS_H
#define PROF_LABELS_H
#include "format.h"

/* Forgets everything interned: the next recording has a file of its own. */
void prof_labels_reset(void);

/* The text's ref, appended at first sight; 0 for NULL and when the file is full. */
prof_ref prof_string_ref(const char *text);

/* As prof_label_get (prof.h). `flags` are set on a new label. */
prof_label *prof_label_intern(uint32_t kind, const char *name, const char *module, const char *file, uint32_t line,
                              uint32_t flags);

/* The text at `ref`, "" for 0. Borrowed from the arena. */
const char *prof_string_text(prof_ref ref);

#endif
