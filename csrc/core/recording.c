#include "recording.h"

#include "arena.h"

uint64_t prof_epoch;
prof_config prof_limits;

int prof_recording(void) { return (int)(prof_epoch & 1); }

void prof_count(enum prof_drop what, uint64_t n) {
    if (prof_arena_base) __atomic_fetch_add(&prof_arena_header()->drops[what], n, __ATOMIC_RELAXED);
}
