#include "format.h"

#include <stddef.h>

const char *prof_drop_text(uint32_t index) {
    static const char *const texts[] = {
        [PROF_DROP_HEALED] = "spans closed because a frame below them left first",
        [PROF_DROP_UNMATCHED_LEAVE] = "functions that left but were never seen to enter",
        [PROF_DROP_SECTION_OPEN] = "sections closed because their function left without end()",
        [PROF_DROP_SECTION_UNOPENED] = "end() of a section that was not open",
        [PROF_DROP_SECTION_ORDER] = "sections closed by the end() of one around them",
        [PROF_DROP_FOLDED_DEPTH] = "calls beyond the depth limit, charged to a caller of the same name",
        [PROF_DROP_FOLDED_SIZE] = "calls beyond the size limit or the disk, charged to a caller",
        [PROF_DROP_LOST_LABELS] = "functions or sections that could not be named for want of space",
        [PROF_DROP_OPEN_AT_END] = "spans still open at the end; their time up to then is in",
        [PROF_DROP_LOST_COUNTS] = "operations that were not counted for want of space",
        [PROF_DROP_TICKS_MISSED] = "moments at which the sampler did not get to run",
        [PROF_DROP_SAMPLES_TORN] = "samples whose frames changed while they were copied; they count for their span",
        [PROF_DROP_SAMPLES_CUT] = "samples of stacks deeper than is kept; their outer frames are missing",
        [PROF_DROP_SAMPLES_LOST] = "samples for which the file had no room, or none for their frames",
        [PROF_DROP_THREADS_UNMETERED] = "threads whose input, output and waits were not looked at: too many ran at once",
        [PROF_DROP_BLOCKS_UNFOLLOWED] =
            "blocks that were not followed to their end for want of memory; they count as freed at once",
    };
    _Static_assert(sizeof texts / sizeof *texts == PROF_DROP_COUNT, "a text for each drop");
    return index < PROF_DROP_COUNT ? texts[index] : NULL;
}
