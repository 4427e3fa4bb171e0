#include "recording.h"

#include "arena.h"

uint64_t prof_epoch;
prof_config prof_limits;

int prof_recording(void) { return (int)(prof_epoch & 1); }

void prof_count(enum prof_drop what, uint64_t n) {
    if (prof_arena_base) __atomic_fetch_add(&prof_arena_header()->drops[what], n, __ATOMIC_RELAXED);
}

const char *prof_drop_name(uint32_t index) {
    static const char *const names[] = {
        [PROF_DROP_HEALED] = "spans closed by the return of a caller",
        [PROF_DROP_UNMATCHED_LEAVE] = "returns of functions entered before recording began, or never",
        [PROF_DROP_SECTION_OPEN] = "sections left open by their function",
        [PROF_DROP_SECTION_UNOPENED] = "end() of a section that was not open",
        [PROF_DROP_SECTION_ORDER] = "sections closed by the end() of an outer one",
        [PROF_DROP_FOLDED_DEPTH] = "calls beyond the depth limit, charged to an outer call of the same function",
        [PROF_DROP_FOLDED_SIZE] = "calls beyond the size limit, charged to an outer call",
        [PROF_DROP_LOST_LABELS] = "functions or sections not recorded for want of space",
        [PROF_DROP_LOST_COUNTS] = "operations not counted for want of space",
        [PROF_DROP_OPEN_AT_END] = "spans still open when recording ended",
        [PROF_DROP_TICKS_MISSED] = "moments that the sampler missed",
        [PROF_DROP_SAMPLES_TORN] = "samples whose frames changed while they were copied, without their frames",
        [PROF_DROP_SAMPLES_CUT] = "samples of stacks deeper than is kept, without their outer frames",
        [PROF_DROP_SAMPLES_LOST] = "samples lost, or their frames, for want of space",
        [PROF_DROP_UNMETERED] = "threads whose input, output and waits were not looked at: there were too many",
        [PROF_DROP_UNFOLLOWED] = "blocks not followed to their end for want of memory",
    };
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}
