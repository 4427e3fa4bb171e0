/* What the files of the C API share: which copy of the core records, and this process as captures describe it. */
#ifndef PROF_API_H
#define PROF_API_H
#include "recorder/recorder.h"

#pragma GCC visibility push(hidden)

/* Where C callers' calls go: this copy of the core while it records, else the one that records Python, if there is one. */
extern const prof_recorder *prof_api_to;

/* Chooses that anew. `own`: this copy records, or is about to. */
void prof_api_choose(int own);

/* The copy that records Python in this process, or NULL. */
const prof_recorder *prof_api_host(void);

/* Notes what went wrong, for prof_error(); returns `result`. */
int prof_api_fail(int result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text that captures have of their process, as JSON: Owned by the caller, NULL without memory. */
char *prof_api_describe(const prof_options *options);

/* What the program is called: its file without folders. At most `size` bytes. */
void prof_api_program(char *name, size_t size);

#pragma GCC visibility pop
#endif
