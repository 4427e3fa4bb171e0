#include "format.h"

#include <stddef.h>

const char *prof_drop_text(uint32_t index, int one) {
    static const struct {
        const char *one, *many;
    } texts[] = {
        [PROF_DROP_HEALED] = {"span closed because a frame below it left first",
                              "spans closed because a frame below them left first"},
        [PROF_DROP_UNMATCHED_LEAVE] = {"function that left but was never seen to enter",
                                       "functions that left but were never seen to enter"},
        [PROF_DROP_SECTION_OPEN] = {"section closed because its function left without end()",
                                    "sections closed because their function left without end()"},
        [PROF_DROP_SECTION_UNOPENED] = {"end() of a section that was not open", "end() of a section that was not open"},
        [PROF_DROP_SECTION_ORDER] = {"section closed by the end() of one around it",
                                     "sections closed by the end() of one around them"},
        [PROF_DROP_FOLDED_DEPTH] = {"call beyond the depth limit, charged to a caller of the same name",
                                    "calls beyond the depth limit, charged to a caller of the same name"},
        [PROF_DROP_FOLDED_SIZE] = {"call beyond the size limit or the disk, charged to a caller",
                                   "calls beyond the size limit or the disk, charged to a caller"},
        [PROF_DROP_LOST_LABELS] = {"function or section that could not be named for want of space",
                                   "functions or sections that could not be named for want of space"},
        [PROF_DROP_OPEN_AT_END] = {"span still open at the end; its time up to then is in",
                                   "spans still open at the end; their time up to then is in"},
        [PROF_DROP_LOST_COUNTS] = {"operation that was not counted for want of space",
                                   "operations that were not counted for want of space"},
        [PROF_DROP_TICKS_MISSED] = {"sample that was missed because the machine was busy",
                                    "samples that were missed because the machine was busy"},
        [PROF_DROP_SAMPLES_TORN] =
            {"sample whose stack changed while it was read; it counts for the function with a probe around it",
             "samples whose stacks changed while they were read; they count for the functions with probes around them"},
        [PROF_DROP_SAMPLES_CUT] = {"sample of a stack deeper than is kept; its outer frames are missing",
                                   "samples of stacks deeper than is kept; their outer frames are missing"},
        [PROF_DROP_SAMPLES_LOST] = {"sample for which the file had no room, or none for its frames",
                                    "samples for which the file had no room, or none for their frames"},
        [PROF_DROP_THREADS_UNMETERED] = {"thread whose input, output and waits were not looked at: too many ran at once",
                                         "threads whose input, output and waits were not looked at: too many ran at once"},
        [PROF_DROP_BLOCKS_UNFOLLOWED] =
            {"block that was not followed to its end for want of memory; it counts as freed at once",
             "blocks that were not followed to their end for want of memory; they count as freed at once"},
        [PROF_DROP_EVENTS_TAKEN] = {"call without operations: another tool took the events that they are counted by",
                                    "calls without operations: another tool took the events that they are counted by"},
        [PROF_DROP_METRICS_LOST] = {"value of a metric that was no finite number, or of more metrics than are kept",
                                    "values of metrics that were no finite numbers, or of more metrics than are kept"},
        [PROF_DROP_SAMPLES_ENOUGH] = {"sample that was not taken: there were as many as `max_samples=` allows",
                                      "samples that were not taken: there were as many as `max_samples=` allows"},
        [PROF_DROP_WAITS_LOST] = {"wait or run of a task that was not counted: there were more different ones than are kept",
                                  "waits or runs of tasks that were not counted: there were more different ones than are kept"},
        [PROF_DROP_ARGUMENTS_FAILED] = {"argument of a slow call of which the repr() raised",
                                        "arguments of slow calls of which the repr() raised"},
        [PROF_DROP_SPANS_UNKEPT] = {"span that is not on the timeline: `trace=` had no more room",
                                    "spans that are not on the timeline: `trace=` had no more room"},
        [PROF_DROP_SPANS_OVERWRITTEN] = {"span that is no longer on the timeline: later ones took its place",
                                         "spans that are no longer on the timeline: later ones took their place"},
    };
    _Static_assert(sizeof texts / sizeof *texts == PROF_DROP_COUNT, "a text for each drop");
    return index >= PROF_DROP_COUNT ? NULL : one ? texts[index].one : texts[index].many;
}
